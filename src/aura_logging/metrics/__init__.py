"""Count, measure and keep numbers that survive workers."""

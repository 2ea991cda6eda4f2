"""Decide how much is written, and keep account of what is not."""

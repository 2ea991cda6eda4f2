"""Carry records to where they are kept; each handler works alone in anybody's LOGGING."""

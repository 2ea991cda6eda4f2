"""Decide about a record, or add to it, on its way to a handler."""

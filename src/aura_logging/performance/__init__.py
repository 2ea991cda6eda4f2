"""Measure what a request cost and find the line to change."""

"""Speak to other products: one file for each, which alone imports it."""

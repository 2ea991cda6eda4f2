"""The tables of the app, as they came about."""

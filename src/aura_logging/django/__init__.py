"""The Django app: the only package here that imports Django."""

"""The middlewares a Django project lists in MIDDLEWARE."""

"""Keep audit entries: in files, or (in `aura_logging.django`) in the database."""

"""Ask everything that is at work in this process how it does."""

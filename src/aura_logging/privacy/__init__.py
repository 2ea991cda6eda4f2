"""Find personal data and secrets in text and values, and write something harmless instead."""

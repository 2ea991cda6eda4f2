"""The catalogue: books, their authors and their publishers."""

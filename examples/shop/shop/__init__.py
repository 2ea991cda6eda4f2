"""A small bookshop, to show what aura-logging writes about an ordinary Django project."""

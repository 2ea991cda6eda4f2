"""The catalogue's application."""

from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "books"

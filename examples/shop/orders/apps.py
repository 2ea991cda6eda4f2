"""The till's application."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self):
        from orders import receivers  # noqa: F401  signals are connected by importing them

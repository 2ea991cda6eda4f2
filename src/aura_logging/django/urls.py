"""What a project serves with `path("aura/", include("aura_logging.django.urls"))`."""

from __future__ import annotations

from django.urls import path

from aura_logging.django import metrics_view

__all__ = ["app_name", "urlpatterns"]

app_name = "aura"
urlpatterns = [
    path("metrics", metrics_view.metrics, name="metrics"),
]

"""What a project serves with `path("aura/", include("aura_logging.django.urls"))`."""

from __future__ import annotations

from django.urls import path

from aura_logging.django import health_view, metrics_view
from aura_logging.django.dashboard import assets, route_views, views

__all__ = ["app_name", "urlpatterns"]

app_name = "aura"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("alerts/", views.alerts, name="alerts"),
    path("logs/", views.logs, name="logs"),
    path("logs/<path:correlation_id>/", views.request_lines, name="request"),
    path("routes/", route_views.route_pages, name="routes"),
    path("workers/", views.workers, name="workers"),
    path("assets/<str:name>", assets.asset, name="asset"),
    path("health", health_view.health, name="health"),
    path("health/live", health_view.live, name="health-live"),
    path("health/ready", health_view.ready, name="health-ready"),
    path("metrics", metrics_view.metrics, name="metrics"),
]

"""The middlewares a Django project lists in MIDDLEWARE."""

from __future__ import annotations

from aura_logging.django.middleware.performance import PerformanceMonitoringMiddleware
from aura_logging.django.middleware.queries import DatabaseQueryTrackingMiddleware

__all__ = ["DatabaseQueryTrackingMiddleware", "PerformanceMonitoringMiddleware"]

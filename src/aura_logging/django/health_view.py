"""Serve how logging is: `live` and `ready` of this worker for an orchestrator, everything about all for a monitor."""

from __future__ import annotations

import time

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse

from aura_logging.diagnostics.examination import Questions, examine
from aura_logging.diagnostics.readiness import hindrances
from aura_logging.diagnostics.render import as_json
from aura_logging.diagnostics.workers import this_process
from aura_logging.django.access import monitoring_only
from aura_logging.django.checks import findings_about_requests
from aura_logging.django.metrics_store import store_of_settings

__all__ = ["health", "live", "ready"]

_WINDOW_SECONDS = 300.0
_LONGEST_WINDOW_SECONDS = 86_400.0


@monitoring_only
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200: the worker answers. Asks nobody, so it is no reason to restart a worker when a disk is full."""
    return JsonResponse({"status": "alive"})


@monitoring_only
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this worker's lines arrive, 503 with the handlers and reasons if not; touches no store."""
    reasons = hindrances(this_process(time.time()))
    status = "not ready" if reasons else "ready"
    return JsonResponse({"status": status, "reasons": dict(reasons)}, status=503 if reasons else 200)


@monitoring_only
def health(request: HttpRequest) -> HttpResponse:
    """Answer with the report on all workers, as `logging_health_check --format=json`: 200, or 503 if unhealthy.

    `?window=SECONDS` (300) is how far back to look, `?thresholds` holds the numbers against the alert rules too;
    400 for a window that is none.
    """
    try:
        seconds = float(request.GET.get("window", _WINDOW_SECONDS))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_WINDOW_SECONDS:
        return JsonResponse(
            {"error": f"window must be seconds, over 0 and up to {_LONGEST_WINDOW_SECONDS:.0f}"}, status=400
        )
    try:
        store = store_of_settings()
    except ImproperlyConfigured as error:
        return JsonResponse({"status": "unhealthy", "error": str(error)}, status=503)
    asked = Questions(
        window_seconds=seconds,
        thresholds="thresholds" in request.GET,
        is_serving=True,
        more=findings_about_requests(),
    )
    report = examine(store, asked)
    return HttpResponse(as_json(report), status=200 if report.is_healthy else 503, content_type="application/json")

"""Serve what all workers have counted, to Prometheus and whoever reads its formats."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from aura_logging.django.access import monitoring_only
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.metrics.exposition import expose, negotiate
from aura_logging.metrics.families import gather
from aura_logging.metrics.stores import StoreError

__all__ = ["metrics"]


@monitoring_only
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with everything in the store, as OpenMetrics with exemplars if that is asked for, else as Prometheus text.

    503 says why while the store does not answer: to Prometheus that is `up == 0`; an empty page would be no traffic.
    """
    content_type = negotiate(request.headers.get("Accept", ""))
    try:
        text = expose(gather(store_of_settings()), content_type)
    except StoreError as error:
        reason = f"The store of metrics does not answer: {error}\n"
        return HttpResponse(reason, status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(text, content_type=content_type, headers={"Vary": "Accept"})

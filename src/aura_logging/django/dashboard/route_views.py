"""The pages about routes: all of them, and one."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse

from aura_logging.django.dashboard.findings import read_findings
from aura_logging.django.dashboard.guard import staff_only
from aura_logging.django.dashboard.log_sources import all_files
from aura_logging.django.dashboard.rendering import page, with_store
from aura_logging.django.dashboard.route_page import (
    ROUTE_COURSE,
    ROUTE_SUMS,
    errors_of,
    figures_of,
    read_slowest,
    users_of,
)
from aura_logging.django.dashboard.spans import SPANS, Span, chosen_span
from aura_logging.django.dashboard.traffic import latency_chart, queries_chart, routes, traffic_chart
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.metrics.window import read_course, read_sums

__all__ = ["route_pages"]


@staff_only
@with_store
def route_pages(request: HttpRequest) -> HttpResponse:
    """Show one route, `?route=orders/<int:pk>/`; without a name, a row for each."""
    span = chosen_span(request.GET.get("window"))
    name = request.GET.get("route", "")
    return _one_route(request, span, name) if name else _all_routes(request, span)


def _all_routes(request: HttpRequest, span: Span) -> HttpResponse:
    table = routes(read_sums(store_of_settings(), span.seconds, ROUTE_COURSE))
    values = {"title": "Routes", "spans": SPANS, "span": span, "routes": table}
    return page(request, "routes.html", values, is_live=True)


def _one_route(request: HttpRequest, span: Span, name: str) -> HttpResponse:
    store = store_of_settings()
    sums = read_sums(store, span.seconds, ROUTE_SUMS)
    course = read_course(store, span.seconds, ROUTE_COURSE, ("status",), {"route": name})
    one = next((each for each in routes(sums) if each.route == name), None)
    files = all_files()
    values = {
        "title": f"Route {name}",
        "section": "Routes",
        "spans": SPANS,
        "span": span,
        "route": name,
        "one": one,
        "figures": [] if one is None else figures_of(one, sums),
        "charts": [traffic_chart(course), latency_chart(course), queries_chart(course)],
        "users": users_of(sums, name),
        "errors": errors_of(sums, name),
        "findings": read_findings(files, name),
        "slowest": read_slowest(files, name, time.time() - span.seconds),
    }
    return page(request, "route.html", values, is_live=True)

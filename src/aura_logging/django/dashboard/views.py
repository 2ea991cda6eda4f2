"""The dashboard's pages: read what each needs, and hand it to its template."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from aura_logging.diagnostics.examination import Questions, examine
from aura_logging.diagnostics.log_reader import LogLine, Wanted
from aura_logging.diagnostics.window import MEASURED
from aura_logging.diagnostics.workers import read_workers
from aura_logging.django.dashboard import alert_list
from aura_logging.django.dashboard.audit import audit_state
from aura_logging.django.dashboard.findings import hints_of, read_findings
from aura_logging.django.dashboard.guard import staff_only
from aura_logging.django.dashboard.log_pages import Place, read_page
from aura_logging.django.dashboard.log_sources import all_files, places, security_files
from aura_logging.django.dashboard.rendering import page, with_store
from aura_logging.django.dashboard.request_page import beside, busiest_queries, ending, facts, heading
from aura_logging.django.dashboard.request_search import search_request
from aura_logging.django.dashboard.security import read_security
from aura_logging.django.dashboard.spans import SPANS, chosen_span
from aura_logging.django.dashboard.timeline import timeline
from aura_logging.django.dashboard.traffic import (
    COURSE,
    COURSE_LABELS,
    headline,
    latency_chart,
    routes,
    traffic_chart,
    volume_chart,
)
from aura_logging.django.dashboard.volume import volume
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.metrics.window import read_course, read_sums

__all__ = ["alerts", "logs", "overview", "request_lines", "workers"]

_MOST_ROUTES = 12
_MOST_TOLD = 50
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SHOWN_FIRST = ("timestamp", "level", "logger", "message")


@staff_only
@with_store
def overview(request: HttpRequest) -> HttpResponse:
    """Show how it goes."""
    span = chosen_span(request.GET.get("window"))
    store = store_of_settings()
    now = time.time()
    totals = read_sums(store, span.seconds, MEASURED)
    course = read_course(store, span.seconds, COURSE, COURSE_LABELS)
    found = read_workers(store, now)
    table = routes(totals)
    files = all_files()
    values = {
        "title": "Overview",
        "spans": SPANS,
        "span": span,
        "figures": headline(totals),
        "charts": [traffic_chart(course), latency_chart(course), volume_chart(course)],
        "routes": table[:_MOST_ROUTES],
        "more_routes": max(0, len(table) - _MOST_ROUTES),
        "findings": read_findings(files),
        "security": read_security(totals, security_files(), now - span.seconds),
        "volume": volume(totals, found),
        "firing": alert_list.firing(store),
        "told": alert_list.history(store, 5),
        "workers": found,
        "audit": audit_state(),
    }
    return page(request, "overview.html", values, is_live=True)


@staff_only
@with_store
def alerts(request: HttpRequest) -> HttpResponse:
    """Show where each alert stands, and what was told before."""
    store = store_of_settings()
    values = {
        "title": "Alerts",
        "rows": alert_list.alert_rows(store),
        "told": alert_list.history(store, _MOST_TOLD),
    }
    return page(request, "alerts.html", values, is_live=True)


@staff_only
@with_store
def workers(request: HttpRequest) -> HttpResponse:
    """Show every handler of every process, and what to do about what is wrong."""
    report = examine(store_of_settings(), Questions(is_serving=True))
    return page(request, "workers.html", {"title": "Workers and handlers", "report": report}, is_live=True)


@staff_only
def logs(request: HttpRequest) -> HttpResponse:
    """Show the newest lines that are asked for, and a link to those before."""
    asked = {
        name: request.GET.get(name, "").strip()
        for name in ("id", "user", "route", "level", "logger", "since", "until", "text")
    }
    mistakes = []
    times = {}
    for name in ("since", "until"):
        try:
            times[name] = _unix(asked[name])
        except ValueError:
            times[name] = None
            mistakes.append(f"{asked[name]!r} is no time; give one such as 2026-11-23 09:30 (UTC).")
    level = asked["level"] if asked["level"] in _LEVELS else ""
    wanted = Wanted(
        level=level,
        logger=asked["logger"],
        route=asked["route"],
        user=asked["user"],
        correlation_id=asked["id"],
        text=asked["text"],
        since=times["since"],
        until=times["until"],
    )
    files = all_files()
    found = read_page(files, wanted, Place.parse(request.GET.get("before", "")))
    given = {name: value for name, value in asked.items() if value}
    values = {
        "title": "Log",
        "asked": asked,
        "levels": _LEVELS,
        "mistakes": mistakes,
        "found": found,
        "rows": [_row(line) for line in found.lines],
        "further": f"?{urlencode({**given, 'before': str(found.further)})}" if found.further else "",
        "is_filtered": bool(given),
        "nowhere": [] if files else places(),
    }
    return page(request, "logs.html", values, is_live="before" not in request.GET and not given)


@staff_only
def request_lines(request: HttpRequest, correlation_id: str) -> HttpResponse:
    """Show one request: what it came to, when its lines were logged, and each of them in order."""
    near, before = (_moment(request.GET.get(name, "")) for name in ("at", "before"))
    found = search_request(all_files(), correlation_id, near=near, before=before)
    summary = next((line for line in reversed(found.lines) if line.fields.get("logger") == "aura.request"), None)
    fields = {} if summary is None else summary.fields
    values = {
        "title": heading(fields, correlation_id),
        "section": "Log",
        "outcome": ending(fields),
        "correlation_id": correlation_id,
        "found": found,
        "further": "" if found.further is None else datetime.fromtimestamp(found.further, UTC).isoformat(),
        "summary": facts(fields),
        "busiest": busiest_queries(fields),
        "hints": [] if summary is None else hints_of(summary),
        "timeline": timeline(found.lines, summary),
        "rows": [_row(line) for line in found.lines],
    }
    is_nowhere = not found.lines and found.further is None
    return page(request, "request.html", values, status=404 if is_nowhere else 200)


def _row(line: LogLine) -> dict[str, Any]:
    fields = line.fields
    return {
        **{name: fields.get(name, "") for name in (*_SHOWN_FIRST, "correlation_id", "exception")},
        "note": beside(fields),
        "time": line.timestamp[11:23],
        "day": line.timestamp[:10],
        "level_kind": {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}.get(str(fields.get("level")), ""),
        "others": [
            (name, value)
            for name, value in fields.items()
            if name not in (*_SHOWN_FIRST, "correlation_id", "exception") and value is not None
        ],
    }


def _moment(text: str) -> float | None:
    """Return the time that a link names; None for what is none."""
    try:
        return _unix(text)
    except ValueError:
        return None


def _unix(text: str) -> float | None:
    if not text:
        return None
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else datetime.fromisoformat(f"{text}+00:00")).timestamp()

"""Generate a Grafana dashboard: traffic, errors, durations, database, cache, security, host and the log system itself.

Importable by Grafana 9 and later; the data source is asked for at import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["PANELS", "Panel", "dashboard", "files"]

_WIDTH, _HEIGHT = 8, 8
_PER_ROW = 24 // _WIDTH
_SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: queries by legend, and the unit as Grafana calls it."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    help: str = ""


def _quantile(q: float) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate(aura_request_duration_seconds_bucket[$__rate_interval])))"


def _rate(metric: str, by: str = "") -> str:
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(rate({metric}[$__rate_interval]))" if by else f"sum(rate({metric}[$__rate_interval]))"


PANELS: Mapping[str, Sequence[Panel]] = {
    "Requests": (
        Panel("Requests per second", {"{{status}}": _rate("aura_requests_total", "status")}, "reqps"),
        Panel(
            "Error rate",
            {
                "failed": 'sum(rate(aura_requests_total{status="5xx"}[$__rate_interval])) / '
                + _rate("aura_requests_total")
            },
            "percentunit",
        ),
        Panel("Duration", {"p50": _quantile(0.5), "p95": _quantile(0.95), "p99": _quantile(0.99)}, "s"),
        Panel(
            "Slowest routes (p95)",
            {
                "{{route}}": "topk(10, histogram_quantile(0.95, sum by (le, route) "
                "(rate(aura_request_duration_seconds_bucket[$__rate_interval]))))"
            },
            "s",
        ),
        Panel(
            "Routes that fail most",
            {
                "{{route}}": 'topk(10, sum by (route) (rate(aura_requests_total{status="5xx"}[$__rate_interval])))',
            },
            "reqps",
        ),
        Panel("Requests by type of user", {"{{user_type}}": _rate("aura_requests_total", "user_type")}, "reqps"),
        Panel("Status codes", {"{{status_code}}": _rate("aura_responses_total", "status_code")}, "reqps"),
    ),
    "Errors and logs": (
        Panel("Errors by type", {"{{type}}": _rate("aura_errors_total", "type")}, "cps"),
        Panel("Errors by logger", {"{{logger}}": f"topk(10, {_rate('aura_errors_total', 'logger')})"}, "cps"),
        Panel("Log records by level", {"{{level}}": _rate("aura_log_records_total", "level")}, "cps"),
    ),
    "Database and cache": (
        Panel("Queries per request", {"mean": "avg(aura_db_queries_per_request)"}),
        Panel(
            "Queries per request by route (p95)",
            {
                "{{route}}": "topk(10, histogram_quantile(0.95, sum by (le, route) "
                "(rate(aura_request_db_queries_bucket[$__rate_interval]))))"
            },
        ),
        Panel(
            "Time in the database per request",
            {"mean": f"{_rate('aura_request_db_time_seconds_sum')} / {_rate('aura_request_db_time_seconds_count')}"},
            "s",
        ),
        Panel(
            "Cache hit rate",
            {
                "hits": f"{_rate('aura_cache_hits_total')} / "
                f"({_rate('aura_cache_hits_total')} + {_rate('aura_cache_misses_total')})"
            },
            "percentunit",
        ),
    ),
    "Background tasks": (
        Panel("Runs by state", {"{{state}}": _rate("aura_tasks_total", "state")}, "cps"),
        Panel(
            "Slowest tasks (p95)",
            {
                "{{task}}": "topk(10, histogram_quantile(0.95, sum by (le, task) "
                "(rate(aura_task_duration_seconds_bucket[$__rate_interval]))))"
            },
            "s",
        ),
        Panel(
            "Tasks that fail most",
            {"{{task}}": 'topk(10, sum by (task) (rate(aura_tasks_total{state=~"FAILURE|FAILED"}[$__rate_interval])))'},
            "cps",
        ),
    ),
    "Security": (
        Panel(
            "Security events by threat",
            # One event may be on the request's record and on aura.security.
            {"{{threat_type}}": "max by (threat_type) (increase(aura_security_events_total[$__rate_interval]))"},
        ),
        Panel(
            "Security events by country",
            {
                "{{country_code}}": "topk(10, max by (country_code) "
                "(increase(aura_security_events_by_country_total[$__rate_interval])))"
            },
        ),
        Panel(
            "Redacted by detector",
            {
                "{{detector}}": _rate("aura_privacy_findings_total", "detector"),
                "blanked: {{error}}": _rate("aura_privacy_failures_total", "error"),
            },
            "cps",
            help="A detector that begins to find more is a place in the code that began to log too much.",
        ),
    ),
    "Host": (
        Panel(
            "System",
            {"memory": "max(aura_memory_percent)", "processors": "max(aura_cpu_percent)"},
            "percent",
        ),
        Panel("Load", {"one minute": "max(aura_system_load)"}),
        Panel(
            "Memory growth per request",
            {
                "mean": f"{_rate('aura_request_memory_growth_bytes_sum')} / "
                f"{_rate('aura_request_memory_growth_bytes_count')}"
            },
            "bytes",
        ),
    ),
    "The log system itself": (
        Panel("Delivered", {"{{handler}}": _rate("aura_handler_delivered_total", "handler")}, "cps"),
        Panel(
            "Lost",
            {"{{handler}} {{reason}}": _rate("aura_handler_dropped_total", "handler, reason")},
            "cps",
            help="Anything above 0 is a record that nobody will read.",
        ),
        Panel(
            "Left out by sampling",
            {"{{filter}} {{reason}}": _rate("aura_log_records_left_out_total", "filter, reason")},
            "cps",
        ),
        Panel(
            "Waiting",
            {
                "{{handler}}": "sum by (handler) (aura_handler_queued)",
                "{{handler}}: breakers open": "sum by (handler) (aura_handler_circuits_open)",
            },
        ),
    ),
}
"""Rows of panels, top to bottom."""


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row, members in PANELS.items():
        panels.append({"type": "row", "title": row, "gridPos": _at(0, y, 24, 1), "collapsed": False, "panels": []})
        y += 1
        for place, panel in enumerate(members):
            column, line = place % _PER_ROW, place // _PER_ROW
            panels.append(_panel(panel, _at(column * _WIDTH, y + line * _HEIGHT, _WIDTH, _HEIGHT)))
        y += _HEIGHT * -(-len(members) // _PER_ROW)
    for number, made in enumerate(panels, 1):
        made["id"] = number
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "title": "Aura",
        "uid": "aura-logging",
        "tags": ["aura"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "panels": panels,
    }


def files() -> Mapping[str, str]:
    """Return the dashboard's file."""
    return {"aura-dashboard.json": json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"}


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}

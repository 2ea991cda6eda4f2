"""Prepare the page of one route: what its requests came to, and the slowest among its newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.diagnostics.log_reader import LogFile, LogLine, Wanted
from aura_logging.django.dashboard.log_pages import Bounds, read_page
from aura_logging.django.dashboard.traffic import Figure, Route
from aura_logging.django.dashboard.wording import count, duration, rate, share
from aura_logging.metrics import catalogue
from aura_logging.metrics.extraction import REQUEST_LOGGER
from aura_logging.metrics.window import Outcome, Window

__all__ = [
    "ROUTE_COURSE",
    "ROUTE_SUMS",
    "SlowRequest",
    "SlowRequests",
    "errors_of",
    "figures_of",
    "read_slowest",
    "users_of",
]

ROUTE_COURSE = (catalogue.REQUESTS.name, catalogue.REQUEST_DURATION.name, catalogue.REQUEST_DB_QUERIES.name)
ROUTE_SUMS = (*ROUTE_COURSE, catalogue.ERRORS.name)
"""The metrics that have a route, for its course and for its sums."""

_BOUNDS = Bounds(lines=500, seconds=0.2, bytes=48 << 20)
_MOST = 10
_MOST_ERRORS = 8


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """One request; seconds, and None for what its record does not say."""

    correlation_id: str
    words: str
    timestamp: str
    duration: float
    queries: float | None
    db_time: float | None
    status: str
    is_failed: bool

    @property
    def when(self) -> str:
        """Its day and second."""
        return f"{self.timestamp[:10]} {self.timestamp[11:19]}"


@dataclass(frozen=True, slots=True)
class SlowRequests:
    """The slowest first, of so many that were looked at; `looked_back_to` is empty where that was the whole log."""

    requests: tuple[SlowRequest, ...]
    looked_at: int
    looked_back_to: str


def figures_of(route: Route, window: Window) -> list[Figure]:
    """Return the few numbers that say how a route goes; the window holds `ROUTE_SUMS`."""
    queries = window.quantile(0.5, catalogue.REQUEST_DB_QUERIES.name, route=route.route)
    return [
        Figure(
            "Requests per minute", rate(route.requests / window.seconds * 60), f"{count(route.requests)} altogether"
        ),
        Figure(
            "Failed",
            share(route.error_rate),
            f"{count(route.failed)} with a 5xx",
            "bad" if route.failed else "",
        ),
        Figure("Median", duration(route.p50), "half take longer"),
        Figure("95th percentile", duration(route.p95), "1 in 20 takes longer"),
        Figure("99th percentile", duration(route.p99), "1 in 100 takes longer"),
        Figure("Queries", count(queries.value if queries else None), f"median; 95th {count(route.queries)}"),
        Figure("Share of all time", share(route.share_of_time), f"{duration(route.seconds)} altogether"),
    ]


def users_of(window: Window, route: str) -> dict[str, Outcome]:
    """Return how the requests of a route ended, by the type of user, the most frequent first."""
    name = catalogue.REQUESTS.name
    failed = window.by(name, "user_type", route=route, status="5xx")
    found = {
        user: Outcome(amount.sum, failed[user].sum if user in failed else 0.0)
        for user, amount in window.by(name, "user_type", route=route).items()
    }
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].requests, pair[0])))


def errors_of(window: Window, route: str) -> list[tuple[str, float]]:
    """Return the types of exception that were logged on a route, the most frequent first."""
    return window.top(catalogue.ERRORS.name, "type", _MOST_ERRORS, route=route)


def read_slowest(files: Sequence[LogFile], route: str, since: float, bounds: Bounds = _BOUNDS) -> SlowRequests:
    """Look through the newest requests of a route since then (Unix seconds) for the slowest."""
    page = read_page(files, Wanted(logger=REQUEST_LOGGER, route=route, since=since), bounds=bounds)
    found = [each for line in page.lines if (each := _slow_request(line)) is not None]
    return SlowRequests(tuple(sorted(found, key=lambda each: -each.duration)[:_MOST]), len(found), page.looked_back_to)


def _slow_request(line: LogLine) -> SlowRequest | None:
    fields = line.fields
    taken, status = _number(fields.get("request_duration")), _number(fields.get("status_code"))
    correlation_id = fields.get("correlation_id")
    if taken is None or not correlation_id:
        return None
    return SlowRequest(
        str(correlation_id),
        " ".join(str(fields[name]) for name in ("method", "path") if fields.get(name)) or str(correlation_id),
        line.timestamp,
        taken,
        _number(fields.get("db_queries")),
        _number(fields.get("db_time")),
        "" if status is None else f"{status:.0f}",
        status is not None and status >= 500,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

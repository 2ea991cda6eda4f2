"""Prepare what requests came to: the headline, their course over time, and a row for each route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aura_logging.django.dashboard.charts import Chart, Line, draw
from aura_logging.django.dashboard.wording import count, duration, rate, share
from aura_logging.metrics import catalogue
from aura_logging.metrics.model import Amount
from aura_logging.metrics.quantiles import quantile
from aura_logging.metrics.window import Window

__all__ = [
    "COURSE",
    "COURSE_LABELS",
    "Figure",
    "Route",
    "headline",
    "latency_chart",
    "queries_chart",
    "routes",
    "traffic_chart",
    "volume_chart",
]

COURSE = (catalogue.REQUESTS.name, catalogue.REQUEST_DURATION.name, catalogue.LOG_RECORDS.name)
"""The metrics whose course is drawn."""

COURSE_LABELS = ("status", "level")
"""What is told apart in them."""

_MOST_POINTS = 60
_LEAST_SHARE_OF_A_BUCKET = 0.5
"""A newest bucket of which less is over says nothing yet: it would look like an outage."""

_NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the headline: what it is, in words, what to know beside it, and whether it is bad."""

    name: str
    value: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """What the requests of one route came to; seconds, and None for what nothing is known of."""

    route: str
    requests: float
    failed: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    seconds: float = 0.0
    """Of all its requests together."""
    queries: float | None = None
    """That all but one in twenty requests do not exceed."""
    share_of_time: float = field(default=0.0)

    @property
    def error_rate(self) -> float:
        """The share that failed."""
        return self.failed / self.requests if self.requests else 0.0


def headline(window: Window) -> list[Figure]:
    """Return the few numbers that say how it goes."""
    minutes = window.seconds / 60
    outcome = window.outcome()
    records = window.total(catalogue.LOG_RECORDS.name)
    dropped = window.total(catalogue.HANDLER_DROPPED.name)
    p50, p95, p99 = (
        duration(found.value if (found := window.quantile(q, catalogue.REQUEST_DURATION.name)) else None)
        for q in (0.5, 0.95, 0.99)
    )
    return [
        Figure("Requests per minute", rate(outcome.requests / minutes), f"{count(outcome.requests)} altogether"),
        Figure(
            "Failed",
            share(outcome.error_rate if outcome.requests else None),
            f"{count(outcome.failed)} with a 5xx",
            "bad" if outcome.failed else "",
        ),
        Figure("Median", p50, "half take longer"),
        Figure("95th percentile", p95, "1 in 20 takes longer"),
        Figure("99th percentile", p99, "1 in 100 takes longer"),
        Figure("Log lines per minute", rate(records / minutes), f"{count(records)} altogether"),
        Figure("Lines lost", count(dropped), "by handlers", "bad" if dropped else ""),
    ]


def traffic_chart(course: Window) -> Chart:
    """Draw requests per minute, and those among them that failed."""
    name = catalogue.REQUESTS.name
    everything = _points(course, name)
    failed = _points(course, name, status="5xx")
    bad = [point.amount.sum / point.seconds * 60 for point in failed]
    return draw(
        "traffic",
        "Requests per minute",
        [point.at for point in everything],
        [
            Line("all", "accent", [point.amount.sum / point.seconds * 60 for point in everything], is_filled=True),
            Line("failed", "bad", bad),
        ],
        rate,
    )


def latency_chart(course: Window) -> Chart:
    """Draw the median and the slow ends of how long requests took."""
    return _quantiles_chart(course, catalogue.REQUEST_DURATION.name, "latency", "How long requests took", duration)


def queries_chart(course: Window) -> Chart:
    """Draw how many database queries a request made."""
    return _quantiles_chart(course, catalogue.REQUEST_DB_QUERIES.name, "queries", "Queries of a request", rate)


def volume_chart(course: Window) -> Chart:
    """Draw log lines per minute, and the warnings and errors among them."""
    name = catalogue.LOG_RECORDS.name
    kinds = (("all", "accent", ("",)), ("warnings", "warn", ("WARNING",)), ("errors", "bad", ("ERROR", "CRITICAL")))
    lines = []
    times: list[float] = []
    for words, kind, levels in kinds:
        by_level = [_points(course, name, **({"level": level} if level else {})) for level in levels]
        times = [point.at for point in by_level[0]]
        values = [
            sum(points[place].amount.sum for points in by_level) / by_level[0][place].seconds * 60
            for place in range(len(times))
        ]
        lines.append(Line(words, kind, values, is_filled=not any(levels)))
    return draw("volume", "Log lines per minute", times, lines, rate)


def _quantiles_chart(course: Window, name: str, key: str, title: str, words: Callable[[float | None], str]) -> Chart:
    bounds = _bounds(course, name)
    alike = [each for each in course.samples if each.series.name == name and each.series.bounds == bounds]
    points = _points(replace(course, samples=tuple(alike)), name)
    return draw(
        key,
        title,
        [point.at for point in points],
        [
            Line(which, kind, [_value(q, bounds, point.amount) for point in points])
            for which, kind, q in (("99th", "faint", 0.99), ("95th", "accent", 0.95), ("median", "quiet", 0.5))
        ],
        words,
    )


def routes(window: Window) -> list[Route]:
    """Return every route's numbers, the slowest by the 95th percentile first."""
    durations = _histograms(window, catalogue.REQUEST_DURATION.name)
    queries = _histograms(window, catalogue.REQUEST_DB_QUERIES.name)
    total_seconds = sum(amount.sum for _, amount in durations.values())
    found = []
    for route, outcome in window.outcomes("route").items():
        bounds, taken = durations.get(route, ((), _NOTHING))
        p50, p95, p99 = (_value(q, bounds, taken) for q in (0.5, 0.95, 0.99))
        found.append(
            Route(
                route,
                outcome.requests,
                outcome.failed,
                p50,
                p95,
                p99,
                taken.sum,
                _value(0.95, *queries.get(route, ((), _NOTHING))),
                taken.sum / total_seconds if total_seconds else 0.0,
            )
        )
    return sorted(found, key=lambda each: (-(each.p95 or 0.0), -each.requests, each.route))


@dataclass(frozen=True, slots=True)
class _Point:
    """Neighbouring buckets together: when they begin, how long they are, what was counted."""

    at: float
    seconds: float
    amount: Amount


def _points(course: Window, name: str, **labels: str) -> Sequence[_Point]:
    """Return at most sixty points over the window, for any labels the same ones.

    The newest is left out while it is too young to say anything, but not where it holds more than the one before:
    traffic that has just begun would not be seen.
    """
    buckets = course.over_time(name, **labels)
    weights = [each.count or each.sum for _, each in (course.over_time(name) if labels else buckets)]
    together = -(-len(buckets) // _MOST_POINTS)
    points = []
    for first in range(0, len(buckets), together):
        at = buckets[first][0]
        ends = min(at + together * course.step, course.until)
        is_young = ends - at < together * course.step * _LEAST_SHARE_OF_A_BUCKET
        if first and is_young and sum(weights[first:]) <= sum(weights[first - together : first]):
            break
        amount = _NOTHING
        for _, each in buckets[first : first + together]:
            amount = amount.plus(each)
        points.append(_Point(float(at), max(1.0, ends - at), amount))
    return points


def _bounds(window: Window, name: str) -> tuple[float, ...]:
    # Two releases at once may differ: those of the one with more observations.
    known = [(amount.count, series.bounds) for series, amount in window.amounts.items() if series.name == name]
    return max(known, default=(0.0, ()))[1]


def _histograms(window: Window, name: str) -> Mapping[str, tuple[tuple[float, ...], Amount]]:
    """Return each route's histogram, by going through the series once."""
    bounds = _bounds(window, name)
    found: dict[str, tuple[tuple[float, ...], Amount]] = {}
    for series, amount in window.amounts.items():
        if series.name == name and series.bounds == bounds:
            route = series.label("route")
            found[route] = (bounds, found.get(route, ((), _NOTHING))[1].plus(amount))
    return found


def _value(q: float, bounds: tuple[float, ...], amount: Amount) -> float | None:
    found = quantile(q, bounds, amount.buckets)
    return None if found is None else found.value

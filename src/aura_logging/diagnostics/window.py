"""Put into numbers what all processes counted in the last minutes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aura_logging.diagnostics.report import Metrics, Outcome, Period, Traffic
from aura_logging.metrics import catalogue
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.stores.base import MetricsStore, StoreError
from aura_logging.metrics.window import Window, read_course, read_sums
from aura_logging.resilience.clock import Clock

__all__ = ["MEASURED", "measure", "read_metrics", "security_events"]

_MOST_ENDPOINTS = 10
_MOST_PERIODS = 12
_MOST_ERRORS = 5

MEASURED = tuple(
    metric.name
    for metric in (
        catalogue.REQUESTS,
        catalogue.REQUEST_DURATION,
        catalogue.REQUEST_DB_QUERIES,
        catalogue.SECURITY_EVENTS,
        catalogue.SECURITY_EVENTS_BY_COUNTRY,
        catalogue.CACHE_HITS,
        catalogue.CACHE_MISSES,
        catalogue.LOG_RECORDS,
        catalogue.ERRORS,
        catalogue.HANDLER_DROPPED,
    )
)
"""The metrics that say how a stretch of time went: in the health report and on the dashboard."""


def read_metrics(store: MetricsStore, seconds: float, clock: Clock = time.time) -> Metrics:
    """Return the last `seconds` as the store has them; of a store that does not answer, why not."""
    kind = str(store.health().facts.get("store", type(store).__name__))
    try:
        course = read_course(store, seconds, (catalogue.REQUESTS.name,), ("status",), clock=clock)
        return measure(read_sums(store, seconds, MEASURED, clock), course, kind)
    except StoreError as error:
        return Metrics(kind, seconds, error=str(error))


def measure(window: Window, course: Window, store: str = "") -> Metrics:
    """Return the numbers of a window that holds `MEASURED`, and of the course of requests by status."""
    records = {level: round(amount.sum) for level, amount in window.by(catalogue.LOG_RECORDS.name, "level").items()}
    return Metrics(
        store,
        window.seconds,
        traffic=_traffic(window, course),
        security_events=security_events(window),
        security_countries=security_events(window, catalogue.SECURITY_EVENTS_BY_COUNTRY),
        cache_hits=round(window.total(catalogue.CACHE_HITS.name)),
        cache_misses=round(window.total(catalogue.CACHE_MISSES.name)),
        log_records=dict(sorted(records.items(), key=lambda pair: -pair[1])),
        log_records_per_second=window.rate(catalogue.LOG_RECORDS.name),
        errors={kind: round(count) for kind, count in window.top(catalogue.ERRORS.name, "type", _MOST_ERRORS)},
        dropped=_dropped(window),
    )


def _traffic(window: Window, course: Window) -> Traffic | None:
    outcome = window.outcome()
    if not outcome.requests:
        return None
    duration = catalogue.REQUEST_DURATION.name
    return Traffic(
        round(outcome.requests),
        outcome.requests / window.seconds,
        round(outcome.failed),
        outcome.error_rate,
        p50_seconds=_quantile(window, 0.5, duration),
        p95_seconds=_quantile(window, 0.95, duration),
        p99_seconds=_quantile(window, 0.99, duration),
        p95_queries=_quantile(window, 0.95, catalogue.REQUEST_DB_QUERIES.name),
        by_endpoint=_outcomes(window, "route")[:_MOST_ENDPOINTS],
        by_user_type=_outcomes(window, "user_type"),
        by_period=_periods(course),
    )


def _outcomes(window: Window, label: str) -> tuple[Outcome, ...]:
    """Return the outcomes by the label's values: those that failed most first, then those asked most."""
    durations_know = label == "route"
    found = [
        Outcome(
            value,
            round(each.requests),
            round(each.failed),
            each.error_rate,
            _quantile(window, 0.95, catalogue.REQUEST_DURATION.name, route=value) if durations_know else None,
        )
        for value, each in window.outcomes(label).items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.failed, -each.requests, each.name)))


def _periods(course: Window) -> tuple[Period, ...]:
    everything = course.over_time(catalogue.REQUESTS.name)
    failed = dict(course.over_time(catalogue.REQUESTS.name, status="5xx"))
    together = -(-len(everything) // _MOST_PERIODS)
    periods = []
    for first in range(0, len(everything), together):
        buckets = everything[first : first + together]
        requests = sum(amount.sum for _, amount in buckets)
        bad = sum(failed[at].sum for at, _ in buckets)
        periods.append(
            Period(
                buckets[0][0],
                len(buckets) * course.step,
                round(requests),
                round(bad),
                bad / requests if requests else 0.0,
            )
        )
    return tuple(periods)


def security_events(window: Window, metric: Metric = catalogue.SECURITY_EVENTS) -> Mapping[str, int]:
    """Return how many security events there were of each kind, or by another metric's label beside `logger`."""
    (label,) = (name for name in metric.labels if name != "logger")
    # The same event may be on the request's record and on aura.security: the greater count has them all.
    most: dict[str, float] = {}
    for series, amount in window.amounts.items():
        if series.name == metric.name and amount.sum:
            most[series.label(label)] = max(most.get(series.label(label), 0.0), amount.sum)
    return {kind: round(number) for kind, number in sorted(most.items())}


def _dropped(window: Window) -> Mapping[str, int]:
    dropped: dict[str, int] = {}
    for series, amount in window.amounts.items():
        if series.name == catalogue.HANDLER_DROPPED.name and amount.sum:
            dropped[f"{series.label('handler')}: {series.label('reason')}"] = round(amount.sum)
    return dropped


def _quantile(window: Window, q: float, name: str, **labels: str) -> float | None:
    found = window.quantile(q, name, **labels)
    return None if found is None else found.value

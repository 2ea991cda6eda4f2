"""Alert on what is unusual: rules that judge the newest minute, or hour, by those before it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from aura_logging.alerts.rules import Reading, Rule
from aura_logging.metrics import catalogue
from aura_logging.metrics.anomaly import AnomalyOptions, judge
from aura_logging.metrics.model import Amount
from aura_logging.metrics.quantiles import quantile
from aura_logging.metrics.window import Window

__all__ = ["ERROR_RATE", "LATENCY", "LATENCY_HOURLY", "SECURITY", "VOLUME", "VOLUME_HOURLY", "anomaly_rules"]

Measured = Callable[[str, Window], list[float | None]]

_SIX_HOURS = 6 * 3_600.0
_FORTNIGHT = 14 * 24 * 3_600.0

LATENCY = AnomalyOptions(logarithmic=True, least_deviation=0.09)
"""A bucket of durations is 19 % wide, so what is nearer than half of that is no deviation."""

VOLUME = AnomalyOptions(logarithmic=True, direction="both", least_deviation=0.08)
ERROR_RATE = AnomalyOptions(least_deviation=0.01)
"""One request in a hundred is the least error rate to get excited by six of."""

SECURITY = AnomalyOptions(least_deviation=1.0)
LATENCY_HOURLY = AnomalyOptions(period=24, logarithmic=True, least_deviation=0.12)
VOLUME_HOURLY = AnomalyOptions(period=24, logarithmic=True, direction="both", least_deviation=0.15)


def anomaly_rules() -> tuple[Rule, ...]:
    """Return rules for latency, volume, error rate and security events by the minute, the first two by the hour too.

    The minutes are judged by the last six hours, the hours by the last fortnight and the time of day. Each is
    measured once a minute, or in five. The newest minute or hour is left out: it is not whole yet.
    """
    duration, requests, security = (
        catalogue.REQUEST_DURATION.name,
        catalogue.REQUESTS.name,
        catalogue.SECURITY_EVENTS.name,
    )
    minutes, hours = (_SIX_HOURS, 60.0), (_FORTNIGHT, 300.0)
    return (
        _rule("unusual_latency", "requests take unusually long", duration, _p95, LATENCY, minutes),
        _rule("unusual_volume", "there are unusually many or few requests", requests, _volumes, VOLUME, minutes),
        _rule("unusual_errors", "unusually many requests fail", requests, _error_rates, ERROR_RATE, minutes),
        _rule("unusual_security", "there are unusually many security events", security, _events, SECURITY, minutes),
        _rule("unusual_latency_for_the_hour", "requests take unusually long for this time of day", duration, _p95,
              LATENCY_HOURLY, hours),
        _rule("unusual_volume_for_the_hour", "there are unusually many or few requests for this time of day", requests,
              _volumes, VOLUME_HOURLY, hours),
    )  # fmt: skip


def _rule(
    name: str,
    summary: str,
    metric: str,
    series: Measured,
    options: AnomalyOptions,
    times: tuple[float, float],
) -> Rule:
    window_seconds, every_seconds = times
    return Rule(
        name,
        summary,
        functools.partial(_newest, metric, series, options),
        options.threshold,
        (metric,),
        window_seconds=window_seconds,
        every_seconds=every_seconds,
        resolve_seconds=300.0,
        cooldown_seconds=1_800.0,
    )


def _newest(metric: str, series: Measured, options: AnomalyOptions, window: Window) -> Reading | None:
    judged = judge(series(metric, window)[:-1], options)
    newest = judged[-1] if judged else None
    if newest is None or newest.is_warming_up:
        return None
    score = newest.score if options.direction == "above" else abs(newest.score)
    return Reading(score, {"observed": round(newest.value, 6), "expected": round(newest.expected, 6)})


def _since_first(metric: str, window: Window, **labels: str) -> list[Amount]:
    """Return the amounts from when the metric was first counted: before, there was nothing to be usual."""
    first = min((sample.at for sample in window.samples if sample.series.name == metric), default=window.until)
    return [amount for at, amount in window.over_time(metric, **labels) if at >= first]


def _volumes(metric: str, window: Window) -> list[float | None]:
    return [amount.sum for amount in _since_first(metric, window)]


def _events(metric: str, window: Window) -> list[float | None]:
    # From the window's beginning: that there were no events is what is usual.
    return [amount.sum for _, amount in window.over_time(metric)]


def _error_rates(metric: str, window: Window) -> list[float | None]:
    everything, failed = _since_first(metric, window), _since_first(metric, window, status="5xx")
    return [bad.sum / whole.sum if whole.sum else None for whole, bad in zip(everything, failed, strict=True)]


def _p95(metric: str, window: Window) -> list[float | None]:
    bounds = next((series.bounds for series in window.amounts if series.name == metric), ())
    found = (quantile(0.95, bounds, amount.buckets) for amount in _since_first(metric, window))
    return [each.value if each else None for each in found]

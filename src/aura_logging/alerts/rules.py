"""Say what is too much: each rule measures a window and compares one number with a threshold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aura_logging.metrics import catalogue
from aura_logging.metrics.window import Window
from aura_logging.options import from_env

__all__ = ["AlertOptions", "Reading", "Rule", "Severity", "Unit", "standard_rules"]

Severity = Literal["warning", "critical"]
Unit = Literal["number", "share", "percent"]

_WORST_NAMED = 3
_LOGIN_FAILURE = "authentication_failure"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule measured: a number to compare with its threshold, and what helps whoever is told."""

    value: float
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a measured value above `threshold` becomes an alert, and when it is over.

    `measure` gets the last `window_seconds` of the `metrics` it names, and returns None if there is nothing to
    measure, which is not too much. The alert fires when the value has been above the threshold for `for_seconds`
    (0: at once); it is resolved when it has not been for `resolve_seconds`. It does not fire again within
    `cooldown_seconds` of having fired. It is measured at every evaluation, or only every `every_seconds`.
    `unit` is how the value is said: a number, a share (0 to 1) or percent (0 to 100).
    `ValueError` names what cannot be.
    """

    name: str
    summary: str
    measure: Callable[[Window], Reading | None]
    threshold: float
    metrics: tuple[str, ...]
    window_seconds: float = 300.0
    for_seconds: float = 0.0
    resolve_seconds: float = 60.0
    cooldown_seconds: float = 300.0
    every_seconds: float = 0.0
    severity: Severity = "warning"
    unit: Unit = "number"

    def __post_init__(self) -> None:
        if not self.name or not self.metrics:
            raise ValueError(f"rule {self.name!r} has metrics={self.metrics!r}; give a name, and the metrics it reads.")
        for unit in ("window_seconds", "for_seconds", "resolve_seconds", "cooldown_seconds", "every_seconds"):
            least = 1.0 if unit == "window_seconds" else 0.0
            if getattr(self, unit) < least:
                raise ValueError(f"rule {self.name!r} has {unit}={getattr(self, unit)!r}; give {least:g} or more.")
        if self.severity not in ("warning", "critical"):
            raise ValueError(f"rule {self.name!r} has severity={self.severity!r}; use 'warning' or 'critical'.")


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """The thresholds of the standard rules, which of them are `disabled`, by name, and whether to add `anomaly_rules`.

    Durations and query counts are known by histogram bucket: between two bounds a threshold acts as the next bound
    above it (20 % for durations). 2 s and 20 queries are bounds.

    A threat is any security event but failed logins of up to `max_login_failures` a minute: people mistype their
    passwords. Guessing is told by the login guard's own thresholds, as `brute_force` and its like; 0 has every failure
    alert.
    """

    slow_request_seconds: float = from_env("SLOW_REQUEST_THRESHOLD", 2.0)
    max_queries: int = from_env("DB_QUERY_THRESHOLD", 20)
    max_error_rate: float = 0.05
    error_rate_window_seconds: float = 300.0
    error_rate_min_requests: int = 10
    max_memory_percent: float = 80.0
    max_login_failures: int = 5
    cooldown_seconds: float = 300.0
    disabled: tuple[str, ...] = ()
    anomalies: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_error_rate < 1:
            raise ValueError(f"max_error_rate={self.max_error_rate!r}; give a share between 0 and 1, such as 0.05.")
        if self.max_login_failures < 0:
            raise ValueError(f"max_login_failures={self.max_login_failures!r}; it must be 0 or more.")
        unknown = set(self.disabled) - _STANDARD
        if unknown:
            raise ValueError(f"disabled={sorted(unknown)!r} names no standard rule; there are {sorted(_STANDARD)!r}.")


_STANDARD = frozenset({"slow_requests", "many_queries", "error_rate", "memory", "threats"})


def standard_rules(options: AlertOptions | None = None) -> tuple[Rule, ...]:
    """Return the rules everybody wants: a slow request, too many queries, errors, memory, any threat."""
    chosen = AlertOptions() if options is None else options
    duration, queries = catalogue.REQUEST_DURATION.name, catalogue.REQUEST_DB_QUERIES.name
    rules = (
        Rule(
            "slow_requests",
            f"requests took more than {chosen.slow_request_seconds:g} s",
            functools.partial(_observations_above, duration, chosen.slow_request_seconds),
            0.0,
            (duration,),
            window_seconds=60.0,
            cooldown_seconds=chosen.cooldown_seconds,
        ),
        Rule(
            "many_queries",
            f"requests made more than {chosen.max_queries} database queries",
            functools.partial(_observations_above, queries, float(chosen.max_queries)),
            0.0,
            (queries,),
            window_seconds=60.0,
            cooldown_seconds=chosen.cooldown_seconds,
        ),
        Rule(
            "error_rate",
            f"more than {chosen.max_error_rate * 100:.3g} % of all requests failed",
            functools.partial(_error_rate, chosen.error_rate_min_requests),
            chosen.max_error_rate,
            (catalogue.REQUESTS.name,),
            window_seconds=chosen.error_rate_window_seconds,
            cooldown_seconds=chosen.cooldown_seconds,
            severity="critical",
            unit="share",
        ),
        Rule(
            "memory",
            f"more than {chosen.max_memory_percent:g} % of the system's memory is in use",
            functools.partial(_gauge, catalogue.MEMORY_PERCENT.name),
            chosen.max_memory_percent,
            (catalogue.MEMORY_PERCENT.name,),
            window_seconds=120.0,
            cooldown_seconds=chosen.cooldown_seconds,
            severity="critical",
            unit="percent",
        ),
        Rule(
            "threats",
            "a threat was seen",
            functools.partial(_threats, chosen.max_login_failures),
            0.0,
            (catalogue.SECURITY_EVENTS.name,),
            window_seconds=60.0,
            cooldown_seconds=chosen.cooldown_seconds,
            severity="critical",
        ),
    )
    return tuple(rule for rule in rules if rule.name not in chosen.disabled)


def _observations_above(name: str, threshold: float, window: Window) -> Reading | None:
    count = window.amount(name).count
    if not count:
        return None
    above = {
        route: round(window.share_above(threshold, name, route=route) * amount.count)
        for route, amount in window.by(name, "route").items()
    }
    worst = sorted((route for route in above if above[route]), key=lambda route: -above[route])[:_WORST_NAMED]
    return Reading(float(sum(above.values())), {"of_requests": int(count), "routes": worst})


def _error_rate(min_requests: int, window: Window) -> Reading | None:
    outcome = window.outcome()
    if outcome.requests < min_requests:
        return None
    failed = {route: each.failed for route, each in window.outcomes("route").items() if each.failed}
    worst = sorted(failed, key=lambda route: -failed[route])[:_WORST_NAMED]
    facts = {"failed": int(outcome.failed), "of_requests": int(outcome.requests), "routes": worst}
    return Reading(outcome.error_rate, facts)


def _gauge(name: str, window: Window) -> Reading | None:
    value = window.gauge(name)
    return None if value is None else Reading(value)


def _threats(max_login_failures: int, window: Window) -> Reading | None:
    name = catalogue.SECURITY_EVENTS.name
    # The same event may be on the request's record and on aura.security: the greater count has them all.
    kinds = {
        kind: max(amount.sum for amount in window.by(name, "logger", threat_type=kind).values())
        for kind in window.by(name, "threat_type")
    }
    if kinds.get(_LOGIN_FAILURE, 0.0) <= max_login_failures:
        kinds.pop(_LOGIN_FAILURE, None)
    return Reading(sum(kinds.values()), {"threat_types": sorted(kinds)}) if kinds else None

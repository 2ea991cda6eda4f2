"""Hold what was counted against the alert rules, now, whatever was told before."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aura_logging.alerts import Rule
from aura_logging.diagnostics.report import Threshold
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.window import Window, read_window
from aura_logging.resilience.clock import Clock

__all__ = ["check_thresholds"]


def check_thresholds(store: MetricsStore, rules: Iterable[Rule], clock: Clock = time.time) -> tuple[Threshold, ...]:
    """Measure every rule over its own window; `StoreError` if the store does not answer.

    Only measures: nothing is told, and an alert's memory of having fired is not asked. A rule that raises says so in
    its summary and is not exceeded.
    """
    rules = tuple(rules)
    windows: dict[float, Window] = {}
    for seconds in {rule.window_seconds for rule in rules}:
        names = sorted({name for rule in rules if rule.window_seconds == seconds for name in rule.metrics})
        windows[seconds] = read_window(store, seconds, names, clock)
    return tuple(_measured(rule, windows[rule.window_seconds]) for rule in rules)


def _measured(rule: Rule, window: Window) -> Threshold:
    summary = rule.summary
    try:
        reading = rule.measure(window)
    except Exception as error:  # noqa: BLE001  # a rule may be anybody's; the others are measured still
        reading, summary = None, f"{summary} (the rule failed: {type(error).__name__}: {error})"
    value = None if reading is None else reading.value
    return Threshold(
        rule.name,
        summary,
        value,
        rule.threshold,
        is_exceeded=value is not None and value > rule.threshold,
        severity=rule.severity,
        window_seconds=rule.window_seconds,
        facts={} if reading is None else reading.facts,
        unit=rule.unit,
    )

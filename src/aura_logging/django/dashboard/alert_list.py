"""Prepare where every alert stands, what it measures now, and what was told before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.alerts import Alert, AlertOptions, Rule, standard_rules
from aura_logging.alerts.history import told_before
from aura_logging.alerts.standing import standing_of
from aura_logging.alerts.states import AlertState
from aura_logging.diagnostics.live_handlers import live_handlers
from aura_logging.diagnostics.report import Threshold
from aura_logging.diagnostics.thresholds import check_thresholds
from aura_logging.django.conf import options
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.resilience.clock import Clock

__all__ = ["AlertRow", "ToldAlert", "alert_rows", "firing", "history"]


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One rule: where its alert stands, since when, and its measure now where that is quick to take."""

    name: str
    summary: str
    severity: str
    phase: str
    since: float | None
    measured: Threshold | None


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """What was told once, and the unit of its value as far as its rule is still there."""

    alert: Alert
    unit: str


def alert_rows(store: MetricsStore, clock: Clock = time.time) -> list[AlertRow]:
    """Return all rules, those that fire first; `StoreError` if the store does not answer."""
    states = standing_of(store)
    rules = _rules()
    # What is measured once a minute or seldomer looks back over days: not for a page.
    quick = [rule for rule in rules if not rule.every_seconds]
    measured = {each.rule: each for each in check_thresholds(store, quick, clock)}
    rows = [
        AlertRow(
            rule.name,
            rule.summary,
            rule.severity,
            (state := states.get(rule.name, AlertState())).phase,
            state.since or None,
            measured.get(rule.name),
        )
        for rule in rules
    ]
    order = {"firing": 0, "pending": 1, "quiet": 2}
    return sorted(rows, key=lambda row: (order[row.phase], row.name))


def firing(store: MetricsStore) -> list[AlertRow]:
    """Return the alerts that fire, without measuring anything."""
    rules = {rule.name: rule for rule in _rules()}
    return [
        AlertRow(
            name,
            rules[name].summary if name in rules else name,
            rules[name].severity if name in rules else "warning",
            state.phase,
            state.since,
            None,
        )
        for name, state in sorted(standing_of(store).items())
        if state.phase == "firing"
    ]


def history(store: MetricsStore, most: int) -> list[ToldAlert]:
    """Return what was told last, the newest first."""
    units = {rule.name: rule.unit for rule in _rules()}
    return [ToldAlert(alert, units.get(alert.rule, "number")) for alert in told_before(store)[:most]]


def _rules() -> Sequence[Rule]:
    """Return the rules of the metrics handler of this process; without one, the standard rules by the settings."""
    for handler in live_handlers():
        if isinstance(handler, MetricsHandler) and handler.rules:
            return handler.rules
    return standard_rules(options(AlertOptions))

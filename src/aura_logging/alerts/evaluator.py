"""Evaluate the rules in one process of the fleet at a time, and see that each step is told once.

Every process asks for the lease; the one that gets it evaluates. States lie in the store, and with them what has
still to be told: when the process with the lease dies, the next goes on where it was. A step is told once; only a
process that dies in the moment between telling and noting that it did makes its successor tell it again.
"""

from __future__ import annotations

import logging
import math
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import orjson

from aura_logging.alerts.rules import Reading, Rule, Severity
from aura_logging.alerts.states import AlertState, step
from aura_logging.metrics.extraction import ALERTS_LOGGER
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.window import Window, read_window
from aura_logging.resilience.clock import Clock

__all__ = ["Alert", "AlertEvaluator", "log_alert"]

_KEY = "alerts"
_LEVELS: Mapping[Severity, int] = {"warning": logging.WARNING, "critical": logging.CRITICAL}


@dataclass(frozen=True, slots=True)
class Alert:
    """One step to be told: a rule began to fire or was resolved, at which value."""

    rule: str
    phase: Literal["firing", "resolved"]
    severity: Severity
    summary: str
    value: float
    threshold: float
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)


def log_alert(alert: Alert) -> None:
    """Log the alert on `aura.alerts`: CRITICAL or WARNING when it fires, INFO when it is resolved."""
    firing = alert.phase == "firing"
    level = _LEVELS[alert.severity] if firing else logging.INFO
    fields = {
        "alert": alert.rule,
        "alert_phase": alert.phase,
        "alert_severity": alert.severity,
        "alert_value": round(alert.value, 6),
        "alert_threshold": alert.threshold,
        **{f"alert_{name}": value for name, value in alert.facts.items()},
    }
    logging.getLogger(ALERTS_LOGGER).log(
        level, "alert %s: %s", "fired" if firing else "resolved", alert.summary, extra=fields
    )


class AlertEvaluator:
    """Evaluates rules against a store; call `evaluate` every few seconds from any number of processes.

    Never from `emit`: telling logs. Errors of the store come out as `StoreError`; a rule that raises is left as it
    is, and counted in `failures` by its name.
    """

    def __init__(
        self,
        store: MetricsStore,
        rules: Iterable[Rule],
        tell: Callable[[Alert], None] = log_alert,
        *,
        lease_seconds: float = 30.0,
        clock: Clock = time.time,
    ) -> None:
        self.rules = tuple(rules)
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError(f"rules have one name twice: {names!r}; alerts are known by it.")
        self.failures: dict[str, int] = {}
        self._store = store
        self._tell = tell
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._id = uuid.uuid4().hex
        self._measured_at: dict[str, float] = {}

    def evaluate(self) -> list[Alert]:
        """Evaluate if it is this process's turn; return what was told."""
        # The pid is asked now: a forked child is not its parent.
        if not self._store.lease(_KEY, f"{os.getpid()}-{self._id}", self._lease_seconds):
            return []
        text = self._store.load(_KEY)
        states, untold = _decoded(text)
        told = untold
        for rule, reading in self._readings():
            value = None if reading is None else reading.value
            now = self._clock()
            state, phase = step(rule, states.get(rule.name, AlertState()), value, now)
            states[rule.name] = state
            if phase is not None:
                facts = {} if reading is None else reading.facts
                told.append(
                    Alert(rule.name, phase, rule.severity, rule.summary, value or 0.0, rule.threshold, now, facts)
                )
        noted = _encoded(states, told)
        if noted != text and not self._store.swap(_KEY, text, noted):
            # The lease ran out while this process was slow: another has gone on from the same state.
            return []
        for alert in told:
            self._tell(alert)
        if told:
            self._store.swap(_KEY, noted, _encoded(states, []))
        return told

    def _readings(self) -> Iterable[tuple[Rule, Reading | None]]:
        by_length: dict[float, list[Rule]] = {}
        now = self._clock()
        for rule in self.rules:
            if now - self._measured_at.get(rule.name, -math.inf) < rule.every_seconds:
                continue
            self._measured_at[rule.name] = now
            by_length.setdefault(rule.window_seconds, []).append(rule)
        for seconds, rules in by_length.items():
            names = sorted({name for rule in rules for name in rule.metrics})
            window = read_window(self._store, seconds, names, self._clock)
            for rule in rules:
                try:
                    yield rule, _measured(rule, window)
                except Exception:  # noqa: BLE001  # a rule may be anybody's; one that fails must not stop the others
                    self.failures[rule.name] = self.failures.get(rule.name, 0) + 1


def _measured(rule: Rule, window: Window) -> Reading | None:
    reading = rule.measure(window)
    if reading is not None:
        # What cannot be written to the store would stop every rule at the next step.
        orjson.dumps(dict(reading.facts))
    return reading


def _encoded(states: Mapping[str, AlertState], untold: Sequence[Alert]) -> str:
    noted = {
        "states": {name: asdict(state) for name, state in states.items() if state != AlertState()},
        "untold": [asdict(alert) for alert in untold],
    }
    return orjson.dumps(noted).decode()


def _decoded(text: str | None) -> tuple[dict[str, AlertState], list[Alert]]:
    if not text:
        return {}, []
    try:
        noted: dict[str, Any] = orjson.loads(text)
        states = {name: AlertState(**state) for name, state in noted["states"].items()}
        return states, [Alert(**alert) for alert in noted["untold"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        # Another release's notes: to begin again tells an alert that still fires once more, and misses none.
        return {}, []

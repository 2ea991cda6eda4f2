"""Evaluate the rules in one process of the fleet at a time, and see that each step is told once.

Every process asks for the lease; the one that gets it evaluates. States lie in the store, and with them what has
still to be told: when the process with the lease dies, the next goes on where it was. A step is told once; only a
process that dies in the moment between telling and noting that it did makes its successor tell it again.
"""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Iterable

import orjson

from aura_logging.alerts.history import remember
from aura_logging.alerts.rules import Reading, Rule
from aura_logging.alerts.standing import KEY, decoded, encoded
from aura_logging.alerts.states import AlertState, step
from aura_logging.alerts.told import Alert, log_alert
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.window import Window, read_window
from aura_logging.resilience.clock import Clock

__all__ = ["Alert", "AlertEvaluator", "log_alert"]


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
        if not self._store.lease(KEY, f"{os.getpid()}-{self._id}", self._lease_seconds):
            return []
        text = self._store.load(KEY)
        states, untold = decoded(text)
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
        noted = encoded(states, told)
        if noted != text and not self._store.swap(KEY, text, noted):
            # The lease ran out while this process was slow: another has gone on from the same state.
            return []
        for alert in told:
            self._tell(alert)
        if told:
            remember(self._store, told)
            self._store.swap(KEY, noted, encoded(states, []))
        return told

    def _readings(self) -> Iterable[tuple[Rule, Reading | None]]:
        by_length: dict[float, list[Rule]] = {}
        now = self._clock()
        for rule in self.rules:
            # Below nought the clock was put back; to wait until it is there again could be hours of silence.
            if 0 <= now - self._measured_at.get(rule.name, -math.inf) < rule.every_seconds:
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

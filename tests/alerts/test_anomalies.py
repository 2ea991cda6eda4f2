"""Unusual minutes are alerts, judged by the six hours before them."""

from __future__ import annotations

import random

import pytest

from aura_logging.alerts import AlertEvaluator
from aura_logging.alerts.anomalies import anomaly_rules
from aura_logging.metrics import catalogue
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_800_000_000.0)


def run_minutes(clock: ManualClock, store: MemoryStore, minutes: int, seconds: float, failing: float) -> None:
    rng = random.Random(1)
    for _ in range(minutes):
        registry = Registry(clock)
        requests = registry.counter(catalogue.REQUESTS)
        durations = registry.histogram(catalogue.REQUEST_DURATION)
        for _ in range(40):
            status = "5xx" if rng.random() < failing else "2xx"
            requests.inc(route="shop/", method="GET", status=status, user_type="anonymous")
            durations.observe(seconds * rng.lognormvariate(0, 0.1), route="shop/", method="GET")
        store.add(registry.drain())
        clock.advance(60)


@pytest.mark.parametrize(
    ("seconds", "failing", "alerts"),
    [(0.2, 0.0, []), (1.0, 0.0, ["unusual_latency"]), (0.2, 0.5, ["unusual_errors"])],
)
def test_a_minute_that_is_unlike_those_before_it_is_told(
    clock: ManualClock, seconds: float, failing: float, alerts: list[str]
) -> None:
    store = MemoryStore(clock)
    told: list[str] = []
    evaluator = AlertEvaluator(store, anomaly_rules(), lambda alert: told.append(alert.rule), clock=clock)
    run_minutes(clock, store, 60, 0.2, 0.0)
    evaluator.evaluate()
    assert told == []
    run_minutes(clock, store, 2, seconds, failing)
    evaluator.evaluate()
    assert told == alerts
    assert evaluator.failures == {}


def test_nothing_counted_is_nothing_unusual(clock: ManualClock) -> None:
    evaluator = AlertEvaluator(MemoryStore(clock), anomaly_rules(), clock=clock)
    assert evaluator.evaluate() == []
    assert evaluator.failures == {}

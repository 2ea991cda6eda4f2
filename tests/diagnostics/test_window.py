"""What all processes counted becomes the numbers of a report: by route, user, time, kind of event and level."""

from __future__ import annotations

import logging

import pytest

from aura_logging.alerts import Reading, Rule, standard_rules
from aura_logging.diagnostics.thresholds import check_thresholds
from aura_logging.diagnostics.window import read_metrics
from aura_logging.metrics.extraction import Extraction
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.testing import ManualClock

NOW = 1_800_000_000.0


@pytest.fixture
def store() -> MemoryStore:
    """Ten requests, one of them failed, with a threat, an error and some cache look-ups, five minutes ago and now."""
    clock = ManualClock(NOW)
    store, registry = MemoryStore(clock), Registry(clock)
    extract = Extraction(registry)

    def log(logger: str, level: int, **fields: object) -> None:
        known = {"name": logger, "levelno": level, "levelname": logging.getLevelName(level)}
        extract(logging.makeLogRecord(known | fields))

    for number in range(10):
        if number == 5:
            store.add(registry.drain())
            clock.advance(240)
        failed = number == 9
        log("aura.request", 20, route="orders/" if number < 7 else "pay/", status_code=500 if failed else 200,
            request_duration=0.1 if number else 4.0, user_type="staff" if number < 2 else "anonymous",
            db_queries=number, cache_hits=3, cache_misses=1)  # fmt: skip
    log("aura.security", 30, security_event=True, threat_type="sqli", country_code="FI")
    log("shop", 40, route="pay/", exception_type="ValueError")
    store.add(registry.drain())
    return store


def test_the_window_is_told_in_numbers(store: MemoryStore) -> None:
    metrics = read_metrics(store, 600, ManualClock(NOW + 250))

    traffic = metrics.traffic
    assert traffic is not None
    assert (traffic.requests, traffic.failed, traffic.error_rate) == (10, 1, 0.1)
    assert [(each.name, each.requests, each.failed) for each in traffic.by_endpoint] == [
        ("pay/", 3, 1),
        ("orders/", 7, 0),
    ]
    assert {each.name: each.requests for each in traffic.by_user_type} == {"anonymous": 8, "staff": 2}
    assert sum(each.requests for each in traffic.by_period) == 10
    assert [each.requests for each in traffic.by_period if each.requests] == [5, 5]
    assert len(traffic.by_period) <= 12
    assert traffic.p50_seconds == pytest.approx(0.1, rel=0.1)
    assert traffic.p99_seconds == pytest.approx(4.0, rel=0.1)
    assert metrics.security_events == {"sqli": 1}
    assert metrics.security_countries == {"FI": 1}
    assert metrics.cache_hit_rate == 0.75
    assert metrics.errors == {"ValueError": 1}
    assert metrics.log_records == {"INFO": 10, "WARNING": 1, "ERROR": 1}


def test_a_window_without_requests_says_so(store: MemoryStore) -> None:
    metrics = read_metrics(store, 60, ManualClock(NOW + 3_000))

    assert (metrics.traffic, metrics.log_records, metrics.cache_hit_rate) == (None, {}, None)


def test_a_store_that_does_not_answer_says_why() -> None:
    class Down(MemoryStore):
        def read_sums(self, *arguments: object, **options: object) -> list[object]:
            raise StoreError("the disk is full")

    assert read_metrics(Down(), 60).error == "the disk is full"


def test_rules_are_measured_over_their_own_windows_and_one_that_fails_stops_no_other(store: MemoryStore) -> None:
    def fail(window: object) -> Reading:
        raise ZeroDivisionError("a bug")

    broken = Rule("broken", "it is broken", fail, 1.0, ("aura_requests_total",))

    found = {each.rule: each for each in check_thresholds(store, [broken, *standard_rules()], ManualClock(NOW + 250))}

    assert "the rule failed: ZeroDivisionError: a bug" in found["broken"].summary
    assert not found["broken"].is_exceeded
    assert (found["slow_requests"].value, found["slow_requests"].is_exceeded) == (0.0, False), (
        "longer than a minute ago"
    )
    assert (found["threats"].value, found["threats"].is_exceeded) == (1.0, True)
    assert found["memory"].value is None

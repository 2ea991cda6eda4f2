"""What our handlers lost is counted once, whichever process and whichever handler object told it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from aura_logging.filters import SecurityFilter
from aura_logging.health import Health, Status
from aura_logging.metrics.ledger import Ledger
from aura_logging.metrics.registry import Registry


class Told:
    """A handler that tells what it is told to."""

    def __init__(self) -> None:
        self.now = Health(Status.HEALTHY)

    def health(self) -> Health:
        return self.now


def counted(registry: Registry) -> dict[tuple[str, ...], float]:
    return {
        (sample.series.name, *(value for _, value in sample.series.labels)): sample.amount.sum
        for sample in registry.drain()
    }


def test_growing_counts_become_increases_and_a_new_handler_begins_again() -> None:
    told, registry = Told(), Registry()
    ledger = Ledger(registry, lambda: [("json", told)])
    told.now = Health(Status.HEALTHY, accepted=10, delivered=8, dropped={"queue_full": 2}, queued=3, circuit_open=False)
    ledger()
    assert counted(registry) == {
        ("aura_handler_accepted_total", "json"): 10,
        ("aura_handler_delivered_total", "json"): 8,
        ("aura_handler_dropped_total", "json", "queue_full"): 2,
        ("aura_handler_queued", "json"): 3,
        ("aura_handler_circuits_open", "json"): 0,
    }
    told.now = Health(Status.HEALTHY, accepted=15, dropped={"queue_full": 2})
    ledger()
    told.now = Health(Status.HEALTHY, accepted=4)
    ledger()
    assert counted(registry) == {("aura_handler_accepted_total", "json"): 9}


def test_what_was_counted_before_a_fork_is_the_parents_to_tell() -> None:
    told, registry = Told(), Registry()
    ledger = Ledger(registry, lambda: [("json", told)])
    told.now = Health(Status.HEALTHY, accepted=10, dropped={"queue_full": 2})
    ledger.begin()
    told.now = Health(Status.HEALTHY, accepted=11, dropped={"queue_full": 2})
    ledger()
    assert counted(registry) == {("aura_handler_accepted_total", "json"): 1}


@pytest.fixture
def scrubbing() -> Iterator[tuple[logging.Handler, SecurityFilter]]:
    """Yield a handler that scrubs: two filters, one of them on a second handler as well."""
    shared, handler, other = SecurityFilter(), logging.NullHandler(), logging.NullHandler()
    handler.addFilter(shared)
    handler.addFilter(SecurityFilter(disable=["email"]))
    other.addFilter(shared)
    yield handler, shared
    handler.close()
    other.close()


def logged(handler: logging.Handler, message: str) -> None:
    handler.filter(logging.LogRecord("shop", logging.INFO, __file__, 1, message, None, None))


def findings(registry: Registry) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in counted(registry).items() if key[0] == "aura_privacy_findings_total"}


def test_what_privacy_filters_found_is_counted_by_detector_and_once(
    scrubbing: tuple[logging.Handler, SecurityFilter],
) -> None:
    handler, _ = scrubbing
    registry = Registry()
    ledger = Ledger(registry, list)

    logged(handler, "from ann@example.org and bob@example.org, card 4111 1111 1111 1111")
    ledger()
    first = findings(registry)
    logged(handler, "from eve@example.org")
    ledger()

    name = "aura_privacy_findings_total"
    assert first == {(name, "email"): 2, (name, "credit_card"): 1}
    assert findings(registry) == {(name, "email"): 1}


def test_what_the_parent_found_is_not_told_by_its_child(scrubbing: tuple[logging.Handler, SecurityFilter]) -> None:
    handler, _ = scrubbing
    registry = Registry()
    ledger = Ledger(registry, list)
    logged(handler, "from ann@example.org")

    ledger.begin()
    ledger()

    assert findings(registry) == {}


def test_records_that_could_not_be_scrubbed_are_counted(
    scrubbing: tuple[logging.Handler, SecurityFilter], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, shared = scrubbing
    registry = Registry()

    def broken(line: bytes) -> bool:
        raise RecursionError

    monkeypatch.setattr(shared, "_suspects", broken)
    logged(handler, "anything")
    Ledger(registry, list)()

    assert counted(registry)["aura_privacy_failures_total", "RecursionError"] == 1

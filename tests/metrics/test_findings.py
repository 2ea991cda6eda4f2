"""What was redacted is counted by detector, once, whichever handlers share a filter and whichever process found it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from aura_logging.filters import SecurityFilter
from aura_logging.metrics.findings import FindingsLedger
from aura_logging.metrics.registry import Registry
from aura_logging.privacy.line_scan import LineScan


def counted(registry: Registry) -> dict[tuple[str, ...], float]:
    return {
        (sample.series.name, *(value for _, value in sample.series.labels)): sample.amount.sum
        for sample in registry.drain()
    }


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
    ledger = FindingsLedger(registry)

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
    ledger = FindingsLedger(registry)
    logged(handler, "from ann@example.org")

    ledger.begin()
    ledger()

    assert findings(registry) == {}


def test_records_that_could_not_be_scrubbed_are_counted(
    scrubbing: tuple[logging.Handler, SecurityFilter], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, _ = scrubbing
    registry = Registry()

    def broken(scan: LineScan, record: logging.LogRecord) -> bool:
        raise RecursionError

    monkeypatch.setattr(LineScan, "suspects", broken)
    handler.filters[1:] = []
    logged(handler, "anything")
    FindingsLedger(registry)()

    assert counted(registry)["aura_privacy_failures_total", "RecursionError"] == 1

"""What clean lines repeat is scanned once; whatever is new on a line, or changed since, is scanned every time."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import aura_logging
from aura_logging.encoding import encode
from aura_logging.filters import RequestContextFilter
from aura_logging.privacy import Scrubber
from aura_logging.privacy.engine import Engine
from aura_logging.privacy.line_scan import LineScan

CARD = "4111 1111 1111 1111"


class CountingEngine(Engine):
    """An engine that remembers what it was given to scan."""

    def __init__(self) -> None:
        super().__init__(Scrubber().engine.detectors)
        self.scanned: list[bytes] = []
        suspects = self.suspects
        self.suspects = lambda part: self.scanned.append(part) or suspects(part)


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def scan(engine: CountingEngine) -> LineScan:
    """A scan that knows the call site and the context of `a_record` to be clean."""
    made = LineScan(engine)
    assert not made.suspects(a_record())
    engine.scanned.clear()
    return made


def a_record(message: str = "order %s placed", *args: Any, line: int = 7, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "views.py", line, message, args or (17,), None, "buy")
    record.__dict__.update({"order_id": 17, **extra})
    with aura_logging.bound(correlation_id="0af7651916cd43dd", user_id=7):
        RequestContextFilter("shop", environ={}, host_metrics=False).filter(record)
    return record


def test_of_a_line_like_others_only_message_and_own_fields_are_read(scan: LineScan, engine: CountingEngine) -> None:
    assert not scan.suspects(a_record("order %s placed", 18))

    assert engine.scanned == [b'"order 18 placed"{"order_id":17']


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(a_record(f"card {CARD}, order %s"), id="message"),
        pytest.param(a_record("order %s placed", CARD), id="argument"),
        pytest.param(a_record(card=CARD), id="own field"),
        pytest.param(a_record(order={"paid": [{"with": CARD}]}), id="nested"),
        pytest.param(a_record(**{CARD: 1}), id="name of a field"),
        pytest.param(a_record(user_agent=CARD, correlation_id="1"), id="the call's own correlation id before it"),
        pytest.param(a_record(correlation_id=CARD), id="correlation id"),
        pytest.param(a_record(password="hunter2"), id="secret name"),
        pytest.param(a_record("paid with\u00a04111\u00a01111\u00a01111\u00a01111 (%s)"), id="beyond ASCII"),
        pytest.param(a_record(f"\x7f{CARD} %s"), id="escaped by the encoder"),
    ],
)
def test_whatever_is_new_on_the_line_is_found(scan: LineScan, record: logging.LogRecord) -> None:
    assert scan.suspects(record)


def test_a_context_and_a_call_site_are_read_before_they_are_known(scan: LineScan) -> None:
    with aura_logging.bound(route=f"/pay/{CARD}/"):
        record = a_record()
    elsewhere = a_record()
    elsewhere.funcName = f"card {CARD}"

    assert scan.suspects(record)
    assert scan.suspects(elsewhere)
    assert scan.suspects(elsewhere)  # what was suspect is not taken for known


def test_a_line_that_was_found_clean_is_not_read_again(scan: LineScan, engine: CountingEngine) -> None:
    record = a_record()

    assert not scan.suspects(record)
    assert not scan.suspects(record)

    assert len(engine.scanned) == 1


def test_a_change_since_is_seen(scan: LineScan) -> None:
    record = a_record()
    assert not scan.suspects(record)

    record.user_id = CARD

    assert scan.suspects(record)


def test_another_engine_judges_for_itself(scan: LineScan) -> None:
    record = a_record(client_ip="203.0.113.9")
    assert not scan.suspects(record)

    assert LineScan(Scrubber(enable=["ip_address"]).engine).suspects(record)


def test_a_record_that_cannot_be_kept_is_read_whole(scan: LineScan) -> None:
    record = a_record()
    encode(record)
    del record.lineno
    record.msg = f"card {CARD}"

    assert scan.suspects(record)
    assert not scan.suspects(a_record())


def test_what_is_known_stays_within_bounds(scan: LineScan, engine: CountingEngine) -> None:
    for line in range(2_100):
        assert not scan.suspects(a_record(line=line))
    engine.scanned.clear()

    assert not scan.suspects(a_record(line=2_099))

    assert engine.scanned == [b'"order 17 placed"{"order_id":17']

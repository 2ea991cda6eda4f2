"""An event has one sequence of bytes, whatever it holds, and comes back from it."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.audit.canonical import canonical, parse, time_from_text, time_to_text
from aura_logging.audit.events import EVENT_CLASSES, Actor, AuditEvent, new_event_id
from aura_logging.audit.plain_values import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, plain

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
texts = st.text(st.characters(codec="utf-8"), max_size=20)

events = st.builds(
    AuditEvent,
    action=texts.filter(bool),
    actor=st.builds(Actor, st.sampled_from(["user", "task", "command", "system", "anonymous"]), texts, texts),
    object_type=texts,
    object_id=texts,
    object_label=texts,
    changes=st.dictionaries(texts, st.tuples(json_values, json_values), max_size=3),
    outcome=texts,
    event_class=st.sampled_from(EVENT_CLASSES),
    client_ip=st.none() | st.just("10.0.0.1"),
    correlation_id=st.none() | texts.filter(bool),
    reason=st.none() | texts.filter(bool),
    subject=st.none() | texts.filter(bool),
    extra=st.dictionaries(texts, json_values, max_size=3),
    timestamp=st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1_000_000),
)


@given(events)
@settings(deadline=None, max_examples=50)
def test_an_event_comes_back_from_its_bytes(event: AuditEvent) -> None:
    written = canonical(event)

    assert canonical(parse(written)) == written
    assert parse(written) == event


@given(st.dictionaries(texts, json_values, max_size=5))
@settings(deadline=None)
def test_the_order_in_which_members_were_given_does_not_matter(extra: dict[str, Any]) -> None:
    event = AuditEvent(action="x", extra=extra, id="1", timestamp=1.0)
    turned = AuditEvent(action="x", extra=dict(reversed(extra.items())), id="1", timestamp=1.0)

    assert canonical(event) == canonical(turned)


def test_the_bytes_are_these() -> None:
    event = AuditEvent(
        action="invoice.paid",
        actor=Actor("user", "7", "Grüße"),
        object_type="shop.invoice",
        object_id="42",
        changes={"state": ("open", "paid"), "amount": (None, decimal.Decimal("12.50"))},
        id="01a2079e-de92-755e-9cf3-01ba2590226e",
        timestamp=1_795_424_181.5,
    )

    assert canonical(event).decode() == (
        '{"action":"invoice.paid","actor":{"id":"7","kind":"user","label":"Grüße"},'
        '"changes":{"amount":[null,"12.50"],"state":["open","paid"]},"event_class":"other",'
        '"id":"01a2079e-de92-755e-9cf3-01ba2590226e","object_id":"42","object_type":"shop.invoice",'
        '"outcome":"success","timestamp":"2026-11-23T08:56:21.500000Z","v":1}'
    )


class Colour(enum.Enum):
    RED = "r"


class Lazy:
    """As Django's SimpleLazyObject while nobody has looked at it."""

    def __init__(self) -> None:
        self.__dict__["_setupfunc"] = lambda: 1 / 0
        self.__dict__["_wrapped"] = object()

    @property
    def __class__(self) -> Any:
        raise AssertionError("it was asked for its class")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2**64, "18446744073709551616"),
        (-(2**70), str(-(2**70))),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (decimal.Decimal("12.50"), "12.50"),
        (datetime.datetime(2026, 11, 23, 5, 32, 16, tzinfo=datetime.UTC), "2026-11-23T05:32:16+00:00"),
        (datetime.date(2026, 11, 23), "2026-11-23"),
        (datetime.time(5, 32), "05:32:00"),
        (datetime.timedelta(days=1, hours=2, microseconds=500_000), "P1DT7200.5S"),
        (-datetime.timedelta(seconds=1), "-P0DT1S"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (b"hello", "bytes:5:sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        (bytearray(b"hello"), plain(b"hello")),
        (memoryview(b"hello"), plain(b"hello")),
        (Colour.RED, "r"),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: "a", "1": "b"}, {"1": "a", "1_": "b"}),
        ("\ud800", "\\ud800"),
        (Path("/x"), "/x"),
    ],
)  # fmt: skip
def test_a_value_is_written_in_the_documented_way(value: object, written: object) -> None:
    assert plain(value) == written
    orjson.dumps(plain(value))


def test_a_lazy_object_is_not_evaluated() -> None:
    assert plain(Lazy()) == "<Lazy: not evaluated>"


def test_a_file_is_written_as_its_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_text("x")

    with path.open() as file:
        assert plain(file) == str(path)


def test_what_is_too_much_is_cut_and_says_so() -> None:
    loop: list[object] = []
    loop.append(loop)
    deep: list[object] = []
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]

    long = plain("ä" * (MAX_TEXT + 5))

    assert long.startswith("ä" * MAX_TEXT + "… [5 characters cut, sha256 of all ")
    assert plain(loop) == ["[cycle]"]
    assert "cut: nested deeper than 16" in str(plain(deep))
    assert plain(list(range(MAX_ITEMS + 7)))[-1] == "… 7 more cut"


def test_what_raises_when_it_is_read_does_not_stop_the_event() -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    class BadMapping(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError

    assert plain(Bad()) == "<Bad: str() raised RuntimeError>"
    assert plain(BadMapping()) == "<BadMapping: reading it raised RuntimeError>"


@given(st.binary(max_size=60) | texts.map(str.encode) | json_values.map(orjson.dumps))
@settings(deadline=None)
def test_what_is_no_event_is_refused_as_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # orjson's own message or ours
        parse(data)


@given(st.integers(0, 2**52))
def test_a_time_comes_back_to_the_microsecond(micros: int) -> None:
    seconds = micros / 1_000_000

    text = time_to_text(seconds)

    assert time_to_text(time_from_text(text)) == text
    assert abs(time_from_text(text) - seconds) < 2e-6 + abs(seconds) * 1e-15


@pytest.mark.parametrize("seconds", [-1.0, 253_402_300_800.0])
def test_a_time_beyond_the_calendar_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="is no time from 1970 to 9999"):
        time_to_text(seconds)


@given(st.floats(0, 2**47 / 1000), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7(now: float, entropy: bytes) -> None:
    made = uuid.UUID(new_event_id(now, lambda size: entropy[:size]))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(now * 1000)

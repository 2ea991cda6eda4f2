"""Entries go out whole, harmless to spreadsheets, and answer who did what."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import orjson
import pytest

from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.export import COLUMNS, as_csv, as_jsonl
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EntryFilter
from aura_logging.audit.report import summarise
from aura_logging.audit.stores.memory import MemoryAuditStore

MakeEvent = Callable[..., AuditEvent]

MARCH, APRIL = 1_803_859_200.0, 1_806_537_600.0
"""2027-03-01 and 2027-04-01, midnight UTC."""


@pytest.fixture
def store(keys: KeyRing) -> MemoryAuditStore:
    return MemoryAuditStore(keys, "a")


def test_json_lines_hold_the_signed_bytes_and_where_they_stand(store: MemoryAuditStore, make_event: MakeEvent) -> None:
    entry = store.append(make_event(1, changes={"ward": ("A", "B")}))

    (line,) = as_jsonl(store.entries())

    assert entry.event_bytes in line
    read = orjson.loads(line)
    assert read["link"] == {
        "writer": "a", "seq": 1, "previous": "00" * 32, "mac": entry.link.mac.hex(), "key": "k1",
    }  # fmt: skip
    assert read["event"]["changes"] == {"ward": ["A", "B"]}


def test_csv_has_a_row_for_each_entry(store: MemoryAuditStore, make_event: MakeEvent) -> None:
    store.append(make_event(1, changes={"ward": ("A", 'B "x"\nC')}, reason="line\nbreak"))

    header, row = csv.reader(io.StringIO("".join(as_csv(store.entries())), newline=""))

    read = dict(zip(header, row, strict=True))
    assert tuple(header) == COLUMNS
    assert (read["actor_id"], read["object_id"], read["reason"]) == ("17", "1", "line\nbreak")
    assert orjson.loads(read["changes"]) == {"ward": ["A", 'B "x"\nC']}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "\uff1d1"])
def test_no_cell_is_a_formula(store: MemoryAuditStore, make_event: MakeEvent, text: str) -> None:
    store.append(make_event(1, object_label=text))

    _, row = csv.reader(io.StringIO("".join(as_csv(store.entries())), newline=""))

    assert row[COLUMNS.index("object_label")] == f"'{text}"


def test_a_report_says_who_accessed_patient_42_in_march(store: MemoryAuditStore, make_event: MakeEvent) -> None:
    house, wilson = Actor("user", "17", "dr.house"), Actor("user", "18", "dr.wilson")
    for timestamp, actor, patient, reason in (
        (MARCH - 1, house, "42", "too early"),
        (MARCH, house, "42", "ward round"),
        (MARCH + 60, wilson, "42", "consult"),
        (MARCH + 90, Actor("user", "17", "Dr. House"), "42", "ward round"),
        (MARCH + 95, house, "43", "another patient"),
        (APRIL, wilson, "42", "too late"),
    ):
        store.append(
            make_event(1, timestamp=timestamp, actor=actor, object_id=patient, reason=reason, client_ip="10.0.0.1")
        )
    store.append(make_event(2, timestamp=MARCH + 99, actor=wilson, object_id="", extra={"object_ids": [41, 42]}))
    store.append(make_event(3, timestamp=MARCH + 99, actor=wilson, object_id="", extra={"object_ids": [421, 4]}))

    where = EntryFilter(object_type="clinic.patient", object_id="42", event_class="access", since=MARCH, until=APRIL)
    first, second = summarise(store.entries(where=where))

    assert (first.actor, first.count) == (Actor("user", "17", "Dr. House"), 2)
    assert (first.first, first.last) == (MARCH, MARCH + 90)
    assert dict(first.reasons) == {"ward round": 2}
    assert dict(first.addresses) == {"10.0.0.1": 2}
    assert (second.actor, second.count, second.last) == (wilson, 2, MARCH + 99)

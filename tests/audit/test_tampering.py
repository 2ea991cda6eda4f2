"""Nothing can be done to a trail that verification does not see."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.audit.canonical import canonical
from aura_logging.audit.chain import Head, extend
from aura_logging.audit.checkpoint import Checkpoint, make_checkpoint
from aura_logging.audit.damage import DamageKind
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.signed_head import sign_head
from aura_logging.audit.stores.base import AuditError, Entry
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.tombstones import Tombstone
from aura_logging.audit.verify import verify

ENTRIES = 9
WRITERS = ("a", "b", "c")

KEYS = KeyRing({"k1": b"0123456789abcdef0123456789abcdef"})
OTHER = KeyRing({"k1": b"fedcba9876543210fedcba9876543210"})


def event(number: int) -> AuditEvent:
    return AuditEvent(action="patient.viewed", object_id=str(number), timestamp=1.8e9 + number, id=f"e{number}")


def trail(sealed: bool = True) -> MemoryAuditStore:
    """Three writers who wrote by turns, and two checkpoints; the last entries of each are not sealed yet."""
    store, made = MemoryAuditStore(KEYS), written()
    store.kept = {writer: list(entries) for writer, entries in made.kept.items()}
    store.kept_checkpoints = list(made.kept_checkpoints) if sealed else []
    return store


@functools.cache
def written() -> MemoryAuditStore:
    store = MemoryAuditStore(KEYS)
    sealer = Sealer(store, KEYS, clock=lambda: 1.8e9)
    for number in range(ENTRIES * len(WRITERS)):
        store.writer = WRITERS[number % 3]
        store.append(event(number))
        if number in (8, 20):
            sealer.seal()
    return store


SEALED_TO = 7

writers = st.sampled_from(WRITERS)
places = st.integers(0, ENTRIES - 1)


def found(store: MemoryAuditStore) -> tuple[DamageKind, str, int]:
    outcome = verify(store, KEYS)
    assert outcome.first is not None, "nothing was noticed"
    assert not outcome.is_whole
    return outcome.first.kind, outcome.first.writer, outcome.first.seq


def test_an_untouched_trail_is_whole() -> None:
    store = trail()

    outcome = verify(store, KEYS)

    assert outcome.damages == ()
    assert (outcome.entries, outcome.writers, outcome.checkpoints, outcome.unsealed) == (27, 3, 2, 6)


@given(
    writer=writers,
    place=places,
    sealed=st.booleans(),
    how=st.sampled_from(["event", "bit", "mac", "key"]),
    data=st.data(),
)
@settings(deadline=None, max_examples=100)
def test_every_edit_is_found_where_it_is(writer: str, place: int, sealed: bool, how: str, data: Any) -> None:
    store = trail(sealed)
    event_bytes, link, _ = store.kept[writer][place]
    if how == "event":
        event_bytes = canonical(replace(event(place), action="patient.never_seen"))
    elif how == "bit":
        bit = data.draw(st.integers(0, len(event_bytes) * 8 - 1))
        edited = bytearray(event_bytes)
        edited[bit // 8] ^= 1 << bit % 8
        event_bytes = bytes(edited)
    elif how == "mac":
        bit = data.draw(st.integers(0, 255))
        link = link._replace(mac=(int.from_bytes(link.mac, "big") ^ 1 << bit).to_bytes(32, "big"))
    else:
        link = link._replace(key_id="k2")
    store.kept[writer][place] = Entry(event_bytes, link)

    assert found(store) == (DamageKind.EDITED, writer, place + 1)


@given(writer=writers, first=places, last=places, sealed=st.booleans())
@settings(deadline=None)
def test_every_deletion_but_that_of_an_unsealed_end_is_found(writer: str, first: int, last: int, sealed: bool) -> None:
    first, last = sorted((first, last))
    store = trail(sealed)
    del store.kept[writer][first : last + 1]
    if last < ENTRIES - 1:
        assert found(store) == (DamageKind.DELETED, writer, last + 2)
    elif sealed and first < SEALED_TO:
        assert found(store) == (DamageKind.TRUNCATED, writer, first + 1)
    else:
        assert verify(store, KEYS).is_whole  # which is why seals are made often: see docs/audit.md


@given(first=places, last=places, sealed=st.booleans(), head=st.sampled_from(["stays", "goes", "moves", "is forged"]))
@settings(deadline=None)
def test_a_store_that_signs_heads_misses_its_last_entries_too(first: int, last: int, sealed: bool, head: str) -> None:
    first, last = sorted((first, last))
    store = MemoryAuditStore(KEYS, "a", signs_heads=True)
    for number in range(ENTRIES):
        store.append(event(number))
    if sealed:
        Sealer(store, KEYS, clock=lambda: 1.8e9).seal()
    assert verify(store, KEYS).is_whole
    heads = store.kept_heads
    assert heads is not None
    before = store.kept["a"][first - 1].link if first else None
    del store.kept["a"][first : last + 1]
    if head == "goes" or (head == "moves" and before is None):
        del heads["a"]
    elif head == "moves":
        assert before is not None
        heads["a"] = heads["a"]._replace(seq=before.seq, mac=before.mac)
    elif head == "is forged" and before is not None:
        heads["a"] = sign_head(before, OTHER)

    if first == 0 and last == ENTRIES - 1 and not sealed and "a" not in heads:
        assert verify(store, KEYS).is_whole  # a writer of whom nothing at all is left
    else:
        found(store)


def test_entries_that_come_while_a_trail_is_verified_are_no_damage() -> None:
    class Busy(MemoryAuditStore):
        def entries(self, *arguments: Any, **options: Any) -> Iterator[Entry]:
            self.append(event(50))
            return super().entries(*arguments, **options)

    store = Busy(KEYS, "a", signs_heads=True)
    store.append(event(1))

    assert verify(store, KEYS).is_whole


def test_a_whole_writer_that_is_gone_is_missed() -> None:
    store = trail()
    del store.kept["b"]

    assert found(store) == (DamageKind.TRUNCATED, "b", 1)


@given(writer=writers, order=st.permutations(range(ENTRIES)), sealed=st.booleans())
@settings(deadline=None)
def test_every_reordering_is_found(writer: str, order: list[int], sealed: bool) -> None:
    store = trail(sealed)
    store.kept[writer] = [store.kept[writer][place] for place in order]
    if order == sorted(order):
        return
    first_moved = next(place for place, was in enumerate(order) if place != was)

    assert found(store) == (DamageKind.REORDERED, writer, order[first_moved] + 1)


@given(writers, places, st.sampled_from(["copy", "of another writer", "signed by nobody", "elsewhere"]))
@settings(deadline=None)
def test_every_insertion_is_found(writer: str, place: int, what: str) -> None:
    store = trail()
    chain = store.kept[writer]
    head = Head(writer, chain[place].link.seq, chain[place].link.mac)
    if what == "copy":
        new = chain[place]
    elif what == "of another writer":
        new = store.kept["a" if writer == "c" else "c"][place]
        new = new._replace(link=new.link._replace(writer=writer))
    elif what == "signed by nobody":
        new = Entry(canonical(event(99)), extend(head, canonical(event(99)), OTHER))
    else:
        new = chain[0]
    chain.insert(place + 1, new)

    kind, where, _ = found(store)

    is_last = place == ENTRIES - 1
    assert where == writer
    assert kind in ({DamageKind.INSERTED, DamageKind.EDITED, DamageKind.FORGED} if is_last else {DamageKind.INSERTED})


@given(writer=writers, keep=st.integers(0, ENTRIES), count=st.integers(2, 5))
@settings(deadline=None)
def test_every_forged_suffix_is_found(writer: str, keep: int, count: int) -> None:
    store = trail()
    chain = store.kept[writer][:keep]
    head = Head(writer, chain[-1].link.seq, chain[-1].link.mac) if chain else Head(writer, 0, bytes(32))
    for number in range(count):
        forged = canonical(event(100 + number))
        link = extend(head, forged, OTHER)
        chain.append(Entry(forged, link))
        head = Head(writer, link.seq, link.mac)
    store.kept[writer] = chain

    assert found(store) == (DamageKind.FORGED, writer, keep + 1)


def test_a_forged_writer_is_found() -> None:
    store = trail()
    head = Head("d", 0, bytes(32))
    store.kept["d"] = [Entry(canonical(event(1)), extend(head, canonical(event(1)), OTHER))]

    assert found(store) == (DamageKind.EDITED, "d", 1)


def test_an_entry_does_not_pass_under_another_writers_name() -> None:
    store = trail()
    store.kept["d"] = [entry._replace(link=entry.link._replace(writer="d")) for entry in store.kept["a"]]

    assert found(store) == (DamageKind.FORGED, "d", 1)


def test_an_entry_that_stands_outside_of_its_chain_is_found() -> None:
    store = trail()
    store.kept["c"].append(store.kept["a"][0])

    assert (DamageKind.INSERTED, "a", 1) in [(each.kind, each.writer, each.seq) for each in verify(store, KEYS).damages]


def test_two_processes_that_had_one_head_are_told_from_forgery() -> None:
    store = trail()
    link = store.kept["a"][-2].link
    twin = canonical(event(50))
    store.kept["a"].append(Entry(twin, extend(Head("a", link.seq, link.mac), twin, KEYS)))

    assert found(store) == (DamageKind.FORKED, "a", ENTRIES)


def test_whoever_has_the_key_is_caught_by_a_checkpoint() -> None:
    store = trail()
    head = Head("a", 0, bytes(32))
    rewritten = []
    for number, entry in enumerate(store.kept["a"]):
        event_bytes = canonical(event(77)) if number == 2 else entry.event_bytes
        link = extend(head, event_bytes, KEYS)
        rewritten.append(Entry(event_bytes, link))
        head = Head("a", link.seq, link.mac)
    store.kept["a"] = rewritten

    assert found(store) == (DamageKind.CHECKPOINT_MISMATCH, "a", 3)


def test_whoever_has_the_key_and_the_checkpoints_is_caught_by_a_seal_kept_elsewhere() -> None:
    store = trail()
    kept = [Checkpoint.parse(checkpoint.seal()) for checkpoint in store.checkpoints()]
    store.kept["a"] = []
    store.kept_checkpoints = []
    Sealer(store, KEYS, clock=lambda: 1.8e9).seal()

    alone, with_seals = verify(store, KEYS), verify(store, KEYS, kept_elsewhere=kept)

    assert alone.is_whole
    assert [str(damage) for damage in with_seals.damages] == [
        "checkpoint mismatch: checkpoint 1: it is another than the one that was kept elsewhere",
        "checkpoint mismatch: checkpoint 2: it was kept elsewhere and is missing here",
    ]


@given(
    number=st.integers(0, 1),
    how=st.sampled_from(["removed", "ranges", "entries", "timestamp", "root", "mac", "other key"]),
)
@settings(deadline=None)
def test_every_change_to_a_checkpoint_is_found(number: int, how: str) -> None:
    store = trail()
    kept = [Checkpoint.parse(checkpoint.seal()) for checkpoint in store.checkpoints()]
    there = store.kept_checkpoints[number]
    changed = {
        "ranges": replace(there, ranges=there.ranges[:-1]),
        "entries": replace(there, entries=there.entries - 1),
        "timestamp": replace(there, timestamp=there.timestamp + 1),
        "root": replace(there, root=os.urandom(32)),
        "mac": replace(there, mac=os.urandom(32)),
        "other key": make_checkpoint(None, there.ranges, there.timestamp, OTHER),
    }
    if how == "removed":
        del store.kept_checkpoints[number]
    else:
        store.kept_checkpoints[number] = changed[how]

    kinds = {damage.kind for damage in verify(store, KEYS, kept_elsewhere=kept).damages}

    assert kinds == {DamageKind.CHECKPOINT_MISMATCH}


def test_a_forged_tombstone_hides_nothing() -> None:
    store = trail()
    gone = store.kept["a"][2:4]
    first, last = gone[0].link, gone[-1].link
    forged = Tombstone("a", first.seq, last.seq, first.previous, last.mac, bytes(32), 1.8e9, "policy").signed(OTHER)
    store.purge([forged])

    outcome = verify(store, KEYS)

    assert [(damage.kind, damage.seq) for damage in outcome.damages] == [
        (DamageKind.DELETED, 5),
        (DamageKind.TOMBSTONE_FORGED, 3),
    ]


class TestKeyRotation:
    OLD = KeyRing({"k1": b"0123456789abcdef0123456789abcdef"})
    NEW = KeyRing({"k1": b"0123456789abcdef0123456789abcdef", "k2": b"fedcba9876543210fedcba9876543210"})

    def rotated(self) -> MemoryAuditStore:
        store = MemoryAuditStore(self.OLD, "a")
        sealer = Sealer(store, self.NEW, clock=lambda: 1.8e9)
        for number in range(3):
            store.append(event(number))
        sealer.seal()
        store.keys = self.NEW
        for number in range(3, 6):
            store.append(event(number))
        sealer.seal()
        return store

    def test_the_newest_key_signs_and_all_verify(self) -> None:
        store = self.rotated()

        assert [entry.link.key_id for entry in store.entries()] == ["k1"] * 3 + ["k2"] * 3
        assert verify(store, self.NEW).is_whole

    def test_a_key_that_is_not_in_the_ring_any_more_is_named(self) -> None:
        store = self.rotated()

        outcome = verify(store, KeyRing({"k2": b"fedcba9876543210fedcba9876543210"}))

        assert outcome.first is not None
        assert (outcome.first.kind, outcome.first.seq) == (DamageKind.UNKNOWN_KEY, 1)
        assert "'k1'" in outcome.first.detail

    def test_an_old_key_in_wrong_hands_cannot_go_on_with_a_chain(self) -> None:
        store = self.rotated()
        store.keys = self.OLD
        store.append(event(6))

        outcome = verify(store, self.NEW)

        assert outcome.first is not None
        assert (outcome.first.kind, outcome.first.seq) == (DamageKind.RETIRED_KEY, 7)

    def test_an_old_key_in_wrong_hands_cannot_purge_what_a_newer_one_signed(self) -> None:
        store = self.rotated()
        first, last = store.kept["a"][4].link, store.kept["a"][4].link
        store.purge([Tombstone("a", 5, 5, first.previous, last.mac, bytes(32), 1.8e9, "policy").signed(self.OLD)])

        outcome = verify(store, self.NEW)

        assert outcome.first is not None
        assert (outcome.first.kind, outcome.first.seq) == (DamageKind.DELETED, 6)

    def test_an_old_key_in_wrong_hands_cannot_seal_any_more(self) -> None:
        store = self.rotated()
        second = store.kept_checkpoints[1]
        store.kept_checkpoints.append(make_checkpoint(second, [], 1.8e9, self.OLD))

        assert [str(damage) for damage in verify(store, self.NEW).damages] == [
            "checkpoint mismatch: checkpoint 3: the key 'k1' signed it after a newer key had been in use"
        ]

    def test_a_process_that_has_not_got_the_new_key_yet_leaves_sealing_to_the_others(self) -> None:
        store = self.rotated()
        store.keys = self.NEW
        store.append(event(7))

        with pytest.raises(AuditError, match="signed with the key 'k2', which is not in the ring"):
            Sealer(store, KeyRing({"k1": self.OLD.newest})).seal()


def test_progress_is_told() -> None:
    store = trail()
    told: list[tuple[int, str]] = []

    verify(store, KEYS, on_progress=lambda progress: told.append((progress.entries, progress.writer)))

    assert told == [(9, "a"), (18, "b"), (27, "c")]


def test_the_first_bad_entry_is_said_in_words() -> None:
    store = trail()
    store.kept["b"][3] = store.kept["b"][3]._replace(
        event_bytes=store.kept["b"][3].event_bytes.replace(b"viewed", b"merged")
    )

    outcome = verify(store, KEYS)

    assert str(outcome.first) == "edited: entry 4 of b (event e10): it is not what was signed"


def test_what_a_store_finds_in_its_columns_is_an_edit() -> None:
    store = trail()
    store.kept["b"][3] = store.kept["b"][3]._replace(damage="its columns say that the actor is u2")

    assert found(store) == (DamageKind.EDITED, "b", 4)


class PurgedMeanwhile(MemoryAuditStore):
    """Somebody purges just after a verification has looked at the tombstones."""

    def entries(self, *arguments: Any, **options: Any) -> Iterator[Entry]:
        if not self.kept_tombstones:
            first, last = self.kept["a"][1].link, self.kept["a"][2].link
            self.purge([Tombstone("a", 2, 3, first.previous, last.mac, bytes(32), 1.8e9, "policy").signed(KEYS)])
        return super().entries(*arguments, **options)


def test_a_purge_during_a_verification_is_no_damage() -> None:
    store = PurgedMeanwhile(KEYS)
    store.kept = {writer: list(entries) for writer, entries in written().kept.items()}

    outcome = verify(store, KEYS)

    assert (outcome.damages, outcome.purged) == ((), 2)

"""Test any `AuditStore` against the promises of the protocol; pytest collects it from a subclass of yours.

class TestMyStore(AuditStoreContract):
    @pytest.fixture
    def store(self):
        return MyStore(..., KEYS)  # signs with the `KEYS` of this module

    def open_again(self, store):
        return MyStore(..., KEYS)  # the same entries, as another process would open them
"""

# ruff: noqa: S101  # a contract is made of assertions

from __future__ import annotations

import os
import threading

from aura_logging.audit.canonical import canonical, parse
from aura_logging.audit.chain import GENESIS, MAC_BYTES, is_signed_by
from aura_logging.audit.checkpoint import make_checkpoint
from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EntryFilter
from aura_logging.audit.retention import RetentionPolicy, plan_purge
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.stores.base import AuditStore, CheckpointConflictError
from aura_logging.audit.verify import verify
from aura_logging.health import Status

__all__ = ["AuditStoreContract", "KEYS"]

KEYS = KeyRing({"contract": b"32 bytes that nobody has to guess"})

_DAY = 86_400.0
_NOW = 1_800_000_000.0

_THREADS = 4
_EACH = 25


class AuditStoreContract:
    """The promises. `shared` is false for a store that only its own process can see."""

    shared = True

    def open_again(self, store: AuditStore) -> AuditStore:
        """Return another way to the same entries; by default the same object."""
        return store

    def test_an_unused_store_is_empty_and_healthy(self, store: AuditStore) -> None:
        """Nothing is there, and asking does not fail."""
        assert list(store.entries()) == []
        assert dict(store.heads()) == {}
        assert list(store.checkpoints()) == []
        assert list(store.tombstones()) == []
        assert list(store.holds()) == []
        assert store.health().status is Status.HEALTHY

    def test_an_entry_is_there_when_append_returns(self, store: AuditStore) -> None:
        """For everybody, byte for byte, with the link that was returned."""
        event = _event(1)
        entry = store.append(event)
        assert entry.event_bytes == canonical(event)
        assert list(self.open_again(store).entries()) == [entry]
        assert parse(entry.event_bytes) == event

    def test_a_writers_entries_are_a_chain_from_one_on(self, store: AuditStore) -> None:
        """Each signed over the one before it."""
        entries = [store.append(_event(number)) for number in range(5)]
        previous = GENESIS
        for number, (event_bytes, link, damage) in enumerate(entries, 1):
            assert (link.seq, link.previous, damage) == (number, previous, "")
            assert len(link.mac) == MAC_BYTES
            assert is_signed_by(link, event_bytes, KEYS)
            previous = link.mac
        assert list(store.entries()) == entries
        assert verify(store, KEYS).is_whole

    def test_handles_write_chains_that_do_not_mix(self, store: AuditStore) -> None:
        """Writer by writer in order of name, each one's in order."""
        other = self.open_again(store)
        for number in range(6):
            (store, other)[number % 2].append(_event(number))
        entries = list(store.entries())
        assert len(entries) == 6
        assert [(each.link.writer, each.link.seq) for each in entries] == sorted(
            (each.link.writer, each.link.seq) for each in entries
        )
        assert sum(store.heads().values()) == 6
        assert verify(other, KEYS).is_whole

    def test_threads_lose_and_double_nothing(self, store: AuditStore) -> None:
        """Every append is one entry."""

        def work(thread: int) -> None:
            for number in range(_EACH):
                store.append(_event(thread * _EACH + number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = sorted(parse(entry.event_bytes).object_id for entry in store.entries())
        assert found == sorted(str(number) for number in range(_THREADS * _EACH))
        assert verify(store, KEYS).is_whole

    def test_a_forked_child_writes_a_chain_of_its_own(self, store: AuditStore) -> None:
        """On both sides of a fork the store works."""
        if not self.shared:
            return
        before = store.append(_event(1))
        child = os.fork()
        if child == 0:
            try:
                store.append(_event(2))
            except BaseException:  # noqa: BLE001  # whatever it is, the parent has to hear that it was
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        after = store.append(_event(3))
        assert (after.link.writer, after.link.seq) == (before.link.writer, 2)
        assert len(store.heads()) == 2
        assert verify(store, KEYS).entries == 3

    def test_entries_are_filtered(self, store: AuditStore) -> None:
        """By everything a report asks for."""
        for number in range(10):
            store.append(_event(number))

        def found(where: EntryFilter) -> list[str]:
            return [parse(each.event_bytes).object_id for each in store.entries(where=where)]

        assert found(EntryFilter(object_type="clinic.patient", object_id="3")) == ["3"]
        assert found(EntryFilter(object_type="patient")) == []
        assert found(EntryFilter(actor_id="u1")) == ["1", "3", "5", "7", "9"]
        assert found(EntryFilter(subject="patient:4")) == ["4"]
        assert found(EntryFilter(event_class="access")) == ["0", "2", "4", "6", "8"]
        assert found(EntryFilter(action="patient.changed", since=_NOW + 5)) == ["5", "7", "9"]
        assert found(EntryFilter(since=_NOW + 2, until=_NOW + 4)) == ["2", "3"]

    def test_entries_can_be_read_from_a_number_on(self, store: AuditStore) -> None:
        """Without what is before."""
        entries = [store.append(_event(number)) for number in range(5)]
        writer = entries[0].link.writer
        assert list(store.entries(writer, after_seq=3)) == entries[3:]
        assert list(store.entries(writer, after_seq=5)) == []
        assert list(store.entries("nobody")) == []

    def test_checkpoints_have_one_order(self, store: AuditStore) -> None:
        """Of two that would be the next, one is."""
        other = self.open_again(store)
        first = make_checkpoint(None, [], _NOW, KEYS)
        store.add_checkpoint(first)
        second = make_checkpoint(first, [], _NOW + 1, KEYS)
        other.add_checkpoint(second)
        for late in (first, second, make_checkpoint(second, [], _NOW, KEYS), make_checkpoint(first, [], _NOW, KEYS)):
            if late.number == 3:
                store.add_checkpoint(late)
                continue
            try:
                store.add_checkpoint(late)
            except CheckpointConflictError:
                continue
            raise AssertionError("two checkpoints have one number")
        assert [each.number for each in other.checkpoints()] == [1, 2, 3]
        assert [each.number for each in store.checkpoints(after=1)] == [2, 3]

    def test_what_was_purged_is_gone_and_the_chain_is_whole(self, store: AuditStore) -> None:
        """Runs at the beginning and in the middle; what stays, stays as it was."""
        entries = [store.append(_event(number)) for number in range(20)]
        Sealer(store, KEYS).seal()
        # Accesses of the first ten days are due, changes are not.
        plan = plan_purge(store, KEYS, RetentionPolicy({"access": 1}), now=_NOW + _DAY + 10)
        assert store.purge([each.signed(KEYS) for each in plan.tombstones]) == 5
        left = [entry for number, entry in enumerate(entries) if number % 2 or number >= 10]
        assert list(self.open_again(store).entries()) == left
        outcome = verify(self.open_again(store), KEYS)
        assert (outcome.damages, outcome.entries, outcome.purged) == ((), 15, 5)
        after = store.append(_event(20))
        assert after.link.seq == 21
        assert verify(store, KEYS).is_whole

    def test_a_whole_chain_can_be_purged(self, store: AuditStore) -> None:
        """And goes on behind its tombstone."""
        for number in range(3):
            store.append(_event(number))
        Sealer(store, KEYS).seal()
        plan = plan_purge(store, KEYS, RetentionPolicy({"default": 1}), now=_NOW + 10 * _DAY)
        assert store.purge([each.signed(KEYS) for each in plan.tombstones]) == 3
        assert list(store.entries()) == []
        assert verify(store, KEYS).is_whole
        assert store.append(_event(3)).link.seq == 4
        assert verify(store, KEYS).is_whole

    def test_holds_come_and_go(self, store: AuditStore) -> None:
        """By name; a second one of a name takes the place of the first."""
        hold = Hold(name="case 12", reason="litigation", subject="patient:4", placed_at=_NOW)
        store.add_hold(Hold(name="case 12", reason="?", placed_at=_NOW))
        store.add_hold(hold)
        assert list(self.open_again(store).holds()) == [hold]
        assert store.lift_hold("case 12") is True
        assert store.lift_hold("case 12") is False
        assert list(self.open_again(store).holds()) == []

    def test_a_closed_store_opens_again(self, store: AuditStore) -> None:
        """With the entries it had."""
        store.append(_event(1))
        store.close()
        store.append(_event(2))
        assert verify(store, KEYS).entries == 2
        assert verify(store, KEYS).is_whole


def _event(number: int) -> AuditEvent:
    is_access = number % 2 == 0
    return AuditEvent(
        action="patient.viewed" if is_access else "patient.changed",
        actor=Actor("user", f"u{number % 2}", "Grüße"),
        object_type="clinic.patient",
        object_id=str(number),
        changes={} if is_access else {"ward": ("A", number)},
        event_class="access" if is_access else "change",
        subject=f"patient:{number}",
        timestamp=_NOW + number,
    )

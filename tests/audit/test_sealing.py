"""Seals are made of what is new, by one process, and kept elsewhere."""

from __future__ import annotations

import json
import logging
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aura_logging.audit.checkpoint import Checkpoint, leaf_of, make_checkpoint
from aura_logging.audit.damage import DamageKind
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keepers import FileKeeper, LogKeeper, MailKeeper, read_seals
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import inclusion_proof, root_from_proof
from aura_logging.audit.sealing import PeriodicSealer, Sealer
from aura_logging.audit.stores.base import AuditError, CheckpointConflictError
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.trail import Trail
from aura_logging.audit.verify import verify
from aura_logging.health import Status
from aura_logging.testing import ManualClock, capture

MakeEvent = Callable[..., AuditEvent]

NOW = 1_800_000_000.0


@pytest.fixture
def store(keys: KeyRing, make_event: MakeEvent) -> MemoryAuditStore:
    store = MemoryAuditStore(keys, "a")
    for number in range(5):
        store.append(make_event(number))
    return store


def test_a_checkpoint_covers_what_is_new_and_follows_the_last(
    store: MemoryAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    sealer = Sealer(store, keys, clock=lambda: NOW)
    first = sealer.seal().checkpoint
    store.append(make_event(5))
    store.writer = "b"
    store.append(make_event(6))
    second = Sealer(store, keys, clock=lambda: NOW).seal().checkpoint

    assert first is not None
    assert second is not None
    assert [(each.writer, each.first, each.last) for each in first.ranges] == [("a", 1, 5)]
    assert [(each.writer, each.first, each.last) for each in second.ranges] == [("a", 6, 6), ("b", 1, 1)]
    assert (second.number, second.previous, second.entries) == (2, first.mac, 2)
    outcome = verify(store, keys)
    assert (outcome.damages, outcome.unsealed, outcome.checkpoints) == ((), 0, 2)


def test_nothing_new_makes_no_checkpoint(store: MemoryAuditStore, keys: KeyRing) -> None:
    sealer = Sealer(store, keys)
    sealer.seal()

    assert sealer.seal().checkpoint is None
    assert len(store.kept_checkpoints) == 1


def test_one_entry_can_be_proved_without_the_others_and_without_the_key(store: MemoryAuditStore, keys: KeyRing) -> None:
    checkpoint = Sealer(store, keys).seal().checkpoint
    assert checkpoint is not None
    leaves = [leaf_of(entry.link.mac, entry.event_bytes) for entry in store.entries()]

    proof = inclusion_proof(leaves, 2)

    assert root_from_proof(leaves[2], 2, 5, proof) == checkpoint.ranges[0].root
    assert checkpoint.has_its_ranges()


def test_a_seal_and_a_checkpoint_are_written_and_read(store: MemoryAuditStore, keys: KeyRing) -> None:
    checkpoint = Sealer(store, keys, clock=lambda: NOW).seal().checkpoint
    assert checkpoint is not None

    seal = Checkpoint.parse(checkpoint.seal())

    assert Checkpoint.parse(checkpoint.as_json()) == checkpoint
    assert (seal.mac, seal.root, seal.ranges) == (checkpoint.mac, checkpoint.root, ())
    assert seal.is_authentic(keys)
    assert not seal.is_authentic(KeyRing({"k1": bytes(32)}))
    with pytest.raises(ValueError, match="not a checkpoint"):
        Checkpoint.parse(b"{}")


def test_damage_is_met_when_it_is_sealed_and_the_rest_is_sealed_all_the_same(
    store: MemoryAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    store.writer = "b"
    store.append(make_event(7))
    store.kept["a"][3] = store.kept["a"][3]._replace(event_bytes=b"{}")

    sealing = Sealer(store, keys).seal()

    assert [(damage.kind, damage.writer, damage.seq) for damage in sealing.damages] == [(DamageKind.EDITED, "a", 4)]
    assert sealing.checkpoint is not None
    assert [(each.writer, each.last) for each in sealing.checkpoint.ranges] == [("a", 3), ("b", 1)]


def test_a_truncation_is_met_at_the_next_seal(store: MemoryAuditStore, keys: KeyRing) -> None:
    sealer = Sealer(store, keys)
    sealer.seal()
    del store.kept["a"][2:]

    assert [(damage.kind, damage.seq) for damage in sealer.seal().damages] == [(DamageKind.TRUNCATED, 3)]


class TestPeriodically:
    def test_it_is_done_when_it_is_time_and_by_one_process(self, store: MemoryAuditStore, keys: KeyRing) -> None:
        clock = ManualClock(NOW)
        here, there = (PeriodicSealer(Sealer(store, keys, clock=clock), 300, clock=clock) for _ in range(2))

        here.seal_if_due()
        there.seal_if_due()
        assert len(store.kept_checkpoints) == 1

        clock.advance(300)
        store.append(AuditEvent(action="x"))
        there.seal_if_due()
        here.seal_if_due()
        assert len(store.kept_checkpoints) == 2
        assert here.health().facts["last_checkpoint"] == 2

    def test_appends_bring_it_about(
        self, store: MemoryAuditStore, keys: KeyRing, until: Callable[[Callable[[], object]], None]
    ) -> None:
        clock = ManualClock(NOW)
        ended: list[int] = []
        sealer = PeriodicSealer(
            Sealer(store, keys, clock=clock), 300, clock=clock, on_thread_end=lambda: ended.append(1)
        )
        trail = Trail(store, sealer=sealer, clock=clock)
        trail.record("x")
        assert store.kept_checkpoints == []

        clock.advance(300)
        trail.record("x")

        until(lambda: ended)
        assert [checkpoint.entries for checkpoint in store.kept_checkpoints] == [7]
        trail.close()

    def test_a_process_that_has_sealed_before_leaves_nothing_unsealed(
        self, store: MemoryAuditStore, keys: KeyRing
    ) -> None:
        sealer = PeriodicSealer(Sealer(store, keys), 300)
        trail = Trail(store, sealer=sealer)
        trail.record("x")
        sealer.seal_the_rest()
        assert store.kept_checkpoints == []
        sealer.seal_if_due()
        trail.record("x")

        trail.close()

        assert verify(store, keys).unsealed == 0

    def test_somebody_elses_seal_at_the_same_moment_is_no_error(
        self, store: MemoryAuditStore, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def taken(checkpoint: Checkpoint) -> None:
            store.kept_checkpoints.append(make_checkpoint(None, checkpoint.ranges, NOW, keys))
            raise CheckpointConflictError("taken")

        monkeypatch.setattr(store, "add_checkpoint", taken)
        sealer = PeriodicSealer(Sealer(store, keys), 300)

        sealer.seal_if_due()

        assert sealer.health().status is Status.HEALTHY

    def test_a_store_that_is_away_shows_in_health(
        self, store: MemoryAuditStore, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away() -> None:
            raise AuditError("the database is away")

        monkeypatch.setattr(store, "heads", away)
        sealer = PeriodicSealer(Sealer(store, keys), 300)

        sealer.seal_if_due()

        assert (sealer.health().status, sealer.health().detail) == (Status.DEGRADED, "the database is away")

    def test_what_a_process_with_a_newer_key_writes_is_no_alarm(self, store: MemoryAuditStore, keys: KeyRing) -> None:
        store.writer = "b"
        store.keys = KeyRing({"k1": keys.newest, "k2": bytes(32)})
        store.append(AuditEvent(action="x"))
        sealer = PeriodicSealer(Sealer(store, keys), 300)

        sealer.seal_if_due()

        assert sealer.health().status is Status.HEALTHY
        assert [each.writer for each in store.kept_checkpoints[0].ranges] == ["a"]

    def test_damage_is_told_once_and_shows_in_health(self, store: MemoryAuditStore, keys: KeyRing) -> None:
        store.kept["a"][3] = store.kept["a"][3]._replace(event_bytes=b"{}")
        clock = ManualClock(NOW)
        sealer = PeriodicSealer(Sealer(store, keys, clock=clock), 300, clock=clock)

        with capture("aura.audit") as records:
            for _ in range(3):
                clock.advance(300)
                sealer.seal_if_due()

        assert [record.getMessage() for record in records] == ["the audit trail is damaged"]
        assert sealer.health().status is Status.UNHEALTHY

    def test_checkpoints_that_were_taken_away_show_in_health(self, store: MemoryAuditStore, keys: KeyRing) -> None:
        clock = ManualClock(NOW)
        sealer = PeriodicSealer(Sealer(store, keys, clock=clock), 300, clock=clock)
        sealer.seal_if_due()
        store.kept_checkpoints.clear()
        store.append(AuditEvent(action="x"))

        clock.advance(300)
        sealer.seal_if_due()

        assert (sealer.health().status, sealer.health().detail) == (
            Status.DEGRADED,
            "checkpoint 2 cannot follow 0",
        )


class TestKeepers:
    def test_a_file_shows_later_what_was_changed(self, store: MemoryAuditStore, keys: KeyRing, tmp_path: Path) -> None:
        keeper = FileKeeper(tmp_path / "elsewhere" / "seals.jsonl")
        checkpoint = Sealer(store, keys, [keeper]).seal().checkpoint
        assert checkpoint is not None
        store.kept_checkpoints.clear()
        store.kept["a"].clear()

        with keeper.path.open("ab") as file:
            file.write(b'{"entries":3,"ke')  # a power cut
        keeper(checkpoint)
        assert [seal.number for seal in read_seals(keeper.path)] == [1, 1]
        outcome = verify(store, keys, kept_elsewhere=read_seals(keeper.path))

        assert outcome.first is not None
        assert outcome.first.kind is DamageKind.CHECKPOINT_MISMATCH

    def test_seals_are_found_among_the_lines_of_a_log(
        self, store: MemoryAuditStore, keys: KeyRing, tmp_path: Path
    ) -> None:
        checkpoint = Sealer(store, keys).seal().checkpoint
        assert checkpoint is not None
        lines = [{"message": "audit checkpoint sealed", "seal": checkpoint.seal().decode()}, {"message": "other"}]
        (tmp_path / "app.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

        assert [seal.mac for seal in read_seals(tmp_path / "app.jsonl")] == [checkpoint.mac]

    def test_a_line_that_is_no_seal_is_not_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "seals.jsonl").write_text("all is well\n")

        with pytest.raises(ValueError, match="a line that is no seal: b'all is well"):
            list(read_seals(tmp_path / "seals.jsonl"))

    def test_a_log_line_carries_the_seal(self, store: MemoryAuditStore, keys: KeyRing) -> None:
        with capture("aura.audit", level=logging.INFO) as records:
            checkpoint = Sealer(store, keys, [LogKeeper()]).seal().checkpoint

        assert checkpoint is not None
        (record,) = records
        assert Checkpoint.parse(record.__dict__["seal"]).mac == checkpoint.mac

    def test_a_mail_carries_the_seal(self, store: MemoryAuditStore, keys: KeyRing, mailbox: Mailbox) -> None:
        keeper = MailKeeper("audit@example.org", ["auditor@example.org"], "127.0.0.1", mailbox.port)

        checkpoint = Sealer(store, keys, [keeper]).seal().checkpoint

        assert checkpoint is not None
        assert checkpoint.mac.hex() in "".join("".join(mailbox.lines).split("=\r\n"))
        assert "Subject: Audit checkpoint 1 (5 entries)" in "".join(mailbox.lines)

    def test_one_that_fails_is_counted_and_stops_nobody(
        self, store: MemoryAuditStore, keys: KeyRing, tmp_path: Path
    ) -> None:
        def broken(checkpoint: Checkpoint) -> None:
            raise OSError("no route to host")

        keeper = FileKeeper(tmp_path / "seals.jsonl")
        sealer = PeriodicSealer(Sealer(store, keys, [broken, keeper]), 300)

        with capture("aura.audit") as records:
            sealer.seal_if_due()

        assert len(list(read_seals(keeper.path))) == 1
        assert sealer.health().status is Status.DEGRADED
        assert list(sealer.health().facts["failed_keepers"].values()) == [1]
        assert [record.getMessage() for record in records] == ["a seal of the audit trail could not be kept elsewhere"]


class Mailbox(socketserver.ThreadingTCPServer):
    """Enough of SMTP to take a message."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.port = self.server_address[1]
        self.lines: list[str] = []


class MailSession(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        in_data = False
        for line in self.rfile:
            if in_data:
                self.server.lines.append(line.decode())
                if line == b".\r\n":
                    in_data = False
                    self.wfile.write(b"250 taken\r\n")
            elif line.upper().startswith(b"DATA"):
                in_data = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_sealing_in_a_forked_child_is_possible(store: MemoryAuditStore, keys: KeyRing) -> None:
    sealer = PeriodicSealer(Sealer(store, keys), 300)
    with sealer._lock:
        child = os.fork()
        if child == 0:
            sealer.seal_if_due()
            os._exit(0 if len(store.kept_checkpoints) == 1 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

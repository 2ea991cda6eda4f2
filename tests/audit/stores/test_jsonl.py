"""Segments survive kills, forks and many writers, and show every bit that was turned in them."""

from __future__ import annotations

import errno
import gzip
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging.audit.canonical import parse
from aura_logging.audit.damage import DamageKind
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.stores import live_segment
from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.audit.stores.segment_files import SegmentFile
from aura_logging.audit.verify import verify
from aura_logging.health import Status
from aura_logging.options import OptionError

MakeEvent = Callable[..., AuditEvent]


@pytest.fixture
def store(tmp_path: Path, keys: KeyRing) -> Iterator[JsonlAuditStore]:
    store = JsonlAuditStore(tmp_path, keys, compress=None)
    yield store
    store.close()


def the_segment(directory: Path) -> Path:
    (path,) = (path for path in directory.iterdir() if SegmentFile.parse(path.name) is not None)
    return path


def as_if_killed(store: JsonlAuditStore) -> Path:
    """Leave the live segment as a killed process leaves it: under its live name, with nobody holding it."""
    store._job.stop(10.0, 10.0)  # what the first entry woke: it would put the dead one's segment in order meanwhile
    store._files.abandon()
    store._begin()
    return the_segment(store.directory)


def test_a_segment_is_json_lines_for_everybody(store: JsonlAuditStore, make_event: MakeEvent) -> None:
    entry = store.append(make_event(1))

    (line,) = the_segment(store.directory).read_bytes().splitlines()

    read = orjson.loads(line)
    assert read["seq"] == 1
    assert read["mac"] == entry.link.mac.hex()
    assert read["event"]["action"] == "patient.viewed"


def test_nothing_is_for_others_to_read(tmp_path: Path, keys: KeyRing, make_event: MakeEvent) -> None:
    store = JsonlAuditStore(tmp_path / "audit", keys, compress=None)
    store.append(make_event(1))
    Sealer(store, keys).seal()
    store.close()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "audit").iterdir()}

    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("state", ["closed", "left open by a kill"])
def test_a_turned_bit_anywhere_is_found(store: JsonlAuditStore, keys: KeyRing, state: str) -> None:
    for number in range(2):
        store.append(AuditEvent(action="x", id=str(number), timestamp=1.8e9))
    if state == "closed":
        store.close()
        path = the_segment(store.directory)
    else:
        path = as_if_killed(store)
    whole = path.read_bytes()
    assert verify(store, keys).is_whole

    missed = []
    for place, bit in zip(range(len(whole)), itertools.cycle((0, 3, 5, 1, 6, 2, 7, 4)), strict=False):
        turned = bytearray(whole)
        turned[place] ^= 1 << bit
        path.write_bytes(turned)
        if verify(store, keys).is_whole:
            missed.append((place, bit))

    assert missed == []


def test_a_turned_bit_in_a_compressed_segment_is_found_or_changes_nothing(
    tmp_path: Path, keys: KeyRing, make_event: MakeEvent
) -> None:
    store = JsonlAuditStore(tmp_path, keys)
    entries = [store.append(make_event(number)) for number in range(20)]
    store.close()
    store.tidy()
    path = the_segment(tmp_path)
    whole = path.read_bytes()
    assert path.name.endswith("-000000000020.jsonl.gz")

    for bit in random.Random(7).sample(range(len(whole) * 8), 150):
        turned = bytearray(whole)
        turned[bit // 8] ^= 1 << bit % 8
        path.write_bytes(turned)
        # A gzip header has a time, a system and flags, which say nothing about the content.
        assert not verify(store, keys).is_whole or list(store.entries()) == entries


def test_a_torn_last_line_is_no_damage_and_is_repaired(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    entries = [store.append(make_event(number)) for number in range(3)]
    path = as_if_killed(store)
    whole = path.read_bytes()
    last_line = whole.rindex(b"\n", 0, -1) + 1

    for size in range(last_line + 1, len(whole) - 1, 7):
        path.write_bytes(whole[:size])
        outcome = verify(store, keys)
        assert (outcome.is_whole, outcome.entries, outcome.torn) == (True, 2, 1)

    store.tidy()
    outcome = verify(store, keys)
    assert (outcome.is_whole, outcome.entries, outcome.torn) == (True, 2, 0)
    assert list(store.entries()) == entries[:2]
    assert store.health().facts["repaired"] == 1
    (kept,) = store.directory.glob("*.torn")
    assert whole[last_line:].startswith(kept.read_bytes())


def test_an_entry_that_lacks_only_its_newline_is_kept(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    entries = [store.append(make_event(number)) for number in range(3)]
    path = as_if_killed(store)
    path.write_bytes(path.read_bytes()[:-1])

    assert list(store.entries()) == entries
    store.tidy()

    assert the_segment(store.directory).read_bytes().endswith(b"}}\n")
    assert verify(store, keys).entries == 3
    assert store.health().facts["completed"] == 1


def test_a_torn_line_that_a_checkpoint_had_sealed_is_a_truncation(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    for number in range(3):
        store.append(make_event(number))
    Sealer(store, keys).seal()
    path = as_if_killed(store)
    path.write_bytes(path.read_bytes()[:-50])

    outcome = verify(store, keys)

    assert outcome.first is not None
    assert (outcome.first.kind, outcome.first.seq) == (DamageKind.TRUNCATED, 3)


def test_half_a_line_in_the_middle_of_a_chain_is_damage(tmp_path: Path, keys: KeyRing, make_event: MakeEvent) -> None:
    store = JsonlAuditStore(tmp_path, keys, compress=None, max_segment_bytes=600)
    for number in range(6):
        store.append(make_event(number))
    store.close()
    first = min(path for path in tmp_path.glob("*.jsonl"))
    first.write_bytes(first.read_bytes()[:-60])

    outcome = verify(store, keys)

    assert outcome.first is not None
    assert outcome.first.kind is DamageKind.UNREADABLE


@pytest.mark.parametrize("which", [0, 1])
def test_a_removed_segment_is_missed(tmp_path: Path, keys: KeyRing, make_event: MakeEvent, which: int) -> None:
    store = JsonlAuditStore(tmp_path, keys, compress=None, max_segment_bytes=600)
    for number in range(6):
        store.append(make_event(number))
    store.close()
    paths = sorted(tmp_path.glob("*.jsonl"))
    assert len(paths) == 3
    paths[which].unlink()

    outcome = verify(store, keys)

    assert outcome.first is not None
    assert outcome.first.kind is DamageKind.DELETED


def test_what_a_killed_compression_left_is_finished(tmp_path: Path, keys: KeyRing, make_event: MakeEvent) -> None:
    store = JsonlAuditStore(tmp_path, keys, compress=None)
    entries = [store.append(make_event(number)) for number in range(3)]
    store.close()
    plain = the_segment(tmp_path)
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes())[:40])
    (tmp_path / f".{plain.name}.gz.partial").write_bytes(b"half")

    again = JsonlAuditStore(tmp_path, keys)
    assert list(again.entries()) == entries
    again.tidy()

    assert the_segment(tmp_path).name.endswith(".jsonl.gz")
    assert list(again.entries()) == entries


def test_a_segment_that_is_seen_under_both_names_while_it_is_renamed_is_not_taken_for_a_copy(
    tmp_path: Path, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JsonlAuditStore(tmp_path, keys, compress=None)
    entries = [store.append(make_event(number)) for number in range(3)]
    store.close()
    closed = the_segment(tmp_path)
    listed = Path.iterdir

    def with_its_former_name(directory: Path) -> Iterator[Path]:
        yield directory / f"{store.writer}.000000000001.jsonl"
        yield from listed(directory)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", with_its_former_name)
        store.tidy()

    assert closed.exists()
    assert list(store.entries()) == entries


def test_a_name_that_a_listing_leaves_out_while_it_changes_is_found(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [store.append(make_event(number)) for number in range(3)]
    names = [path.name for path in store.directory.iterdir()]
    answers = iter([[], names, names])

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", lambda directory: next(answers))
        found = store.entries()
        first = next(found)

    assert [first, *found] == entries


def test_a_segment_is_read_while_it_is_closed_and_compressed(
    tmp_path: Path, keys: KeyRing, make_event: MakeEvent
) -> None:
    store = JsonlAuditStore(tmp_path, keys, max_segment_bytes=600)
    for number in range(7):
        store.append(make_event(number))

    reading = store.entries()
    seen = [parse(next(reading).event_bytes).object_id]
    store.close()
    store.tidy()
    seen += [parse(entry.event_bytes).object_id for entry in reading]

    assert seen == [str(number) for number in range(7)]


def test_a_damaged_line_among_checkpoints_is_found_and_stops_no_seal(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    sealer = Sealer(store, keys)
    for number in range(2):
        store.append(make_event(number))
        sealer.seal()
    path = store.directory / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes()[:-9] + b"?" * 8 + b"\n")
    store.append(make_event(2))

    assert Sealer(store, keys).seal().checkpoint is not None

    outcome = verify(store, keys)
    assert {damage.kind for damage in outcome.damages} == {DamageKind.CHECKPOINT_MISMATCH}
    assert [checkpoint.number for checkpoint in store.checkpoints()] == [1, 2, 3]


def test_half_a_checkpoint_of_a_killed_process_was_never_there(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent
) -> None:
    store.append(make_event(0))
    Sealer(store, keys).seal()
    path = store.directory / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes() + path.read_bytes()[:100])
    assert verify(store, keys).is_whole

    store.append(make_event(1))
    Sealer(store, keys).seal()

    assert [checkpoint.number for checkpoint in store.checkpoints()] == [1, 2]
    assert verify(store, keys).is_whole


def test_a_copy_of_the_directory_is_verified_elsewhere(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, tmp_path: Path
) -> None:
    store.append(make_event(0))
    Sealer(store, keys).seal()
    shutil.copytree(tmp_path, tmp_path / "copy")

    outcome = verify(JsonlAuditStore(tmp_path / "copy", keys), keys)

    assert (outcome.damages, outcome.entries, outcome.unsealed) == ((), 1, 0)


def test_a_trail_that_cannot_be_read_is_an_audit_error(tmp_path: Path, keys: KeyRing) -> None:
    (tmp_path / "file").write_text("")
    store = JsonlAuditStore(tmp_path / "file", keys)

    for read in (store.heads, lambda: list(store.entries()), lambda: list(store.checkpoints()), store.holds):
        with pytest.raises(AuditError):
            read()


def test_a_record_inside_of_a_record_is_refused_and_hangs_nobody(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(make_event(0))
    write = live_segment.LiveSegment.write
    refused: list[str] = []

    def interrupted(segment: live_segment.LiveSegment, line: bytes) -> int:
        try:
            store.append(make_event(9))
        except AuditError as error:
            refused.append(str(error))
        return write(segment, line)

    with monkeypatch.context() as patch:
        patch.setattr(live_segment.LiveSegment, "write", interrupted)
        store.append(make_event(1))

    assert "signal handler" in refused[0]
    assert [parse(entry.event_bytes).object_id for entry in store.entries()] == ["0", "1"]
    assert verify(store, keys).is_whole


@pytest.mark.parametrize("when", ["before", "behind"])
def test_an_append_that_is_interrupted_leaves_no_two_entries_of_one_number(
    store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    store.append(make_event(0))
    write = os.write

    def interrupted(fd: int, data: memoryview) -> int:
        if when == "behind":
            write(fd, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(make_event(1))
    store.append(make_event(2))

    assert sorted(parse(entry.event_bytes).object_id for entry in store.entries()) == ["0", "2"]
    assert verify(store, keys).is_whole


@pytest.mark.parametrize("options", [{"compress": "zip"}, {"max_segment_bytes": 0}])
def test_a_bad_option_is_named(tmp_path: Path, keys: KeyRing, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        JsonlAuditStore(tmp_path, keys, **options)


class TestFailingDisks:
    def test_a_full_disk_fails_the_append_and_leaves_the_chain_whole(
        self, store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.append(make_event(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", self._full_after(20))
            with pytest.raises(AuditError, match="No space left"):
                store.append(make_event(2))
        assert store.health().status is Status.UNHEALTHY

        entry = store.append(make_event(3))

        assert entry.link.seq == 2
        assert verify(store, keys).entries == 2
        assert store.health().status is Status.HEALTHY

    def test_a_failed_sync_fails_every_append_that_waited_for_it(
        self, store: JsonlAuditStore, keys: KeyRing, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.append(make_event(0))
        outcomes: list[str] = []
        barrier = threading.Barrier(4)

        def fail(fd: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        def work(number: int) -> None:
            barrier.wait()
            try:
                store.append(make_event(number))
            except AuditError:
                outcomes.append("failed")

        with monkeypatch.context() as patch:
            patch.setattr(live_segment, "_sync", fail)
            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        store.append(make_event(5))

        assert outcomes == ["failed"] * 4
        assert sorted(parse(entry.event_bytes).object_id for entry in store.entries()) == ["0", "5"]
        assert verify(store, keys).is_whole
        assert len(store.heads()) == 2  # what the disk has of the first chain nobody knew

    @staticmethod
    def _full_after(room: int) -> Callable[[int, memoryview], int]:
        write = os.write
        left = [room]

        def limited(fd: int, data: memoryview) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = write(fd, data[: left[0]])
            left[0] -= taken
            return taken

        return limited


def append_many(directory: Path, keys: dict[str, bytes], process: int, count: int) -> None:
    store = JsonlAuditStore(directory, KeyRing(keys), max_segment_bytes=3_000)

    def work(thread: int) -> None:
        for number in range(count):
            name = f"{process}.{thread}.{number}"
            store.append(AuditEvent(action="patient.viewed", object_id=name))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


def test_eight_processes_lose_and_double_nothing(tmp_path: Path, keys: KeyRing) -> None:
    ring = {"k1": keys.newest}
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=append_many, args=(tmp_path, ring, number, 30)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    store = JsonlAuditStore(tmp_path, keys)
    Sealer(store, keys).seal()

    found = sorted(parse(entry.event_bytes).object_id for entry in store.entries())

    assert [process.exitcode for process in processes] == [0] * 8
    assert found == sorted(f"{p}.{t}.{n}" for p in range(8) for t in range(2) for n in range(30))
    outcome = verify(store, keys)
    assert (outcome.damages, outcome.entries, outcome.writers, outcome.unsealed) == ((), 480, 8, 0)


KILLED = """
import sys
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.jsonl import JsonlAuditStore
store = JsonlAuditStore(sys.argv[1], KeyRing({"k1": bytes.fromhex(sys.argv[2])}))
number = 0
while True:
    store.append(AuditEvent(action="patient.viewed", object_id=str(number), extra={"note": "x" * 2000}))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_a_kill_in_the_middle_of_an_append_leaves_every_acknowledged_entry(tmp_path: Path, keys: KeyRing) -> None:
    acknowledged = {}
    for after in (1, 17, 40):
        directory = tmp_path / str(after)
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, directory, keys.newest.hex()], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            heard = [int(process.stdout.readline()) for _ in range(after)]
            process.send_signal(signal.SIGKILL)
            heard += [int(line) for line in process.stdout if line.endswith("\n")]
        acknowledged[directory] = heard

    for directory, heard in acknowledged.items():
        store = JsonlAuditStore(directory, keys)
        before = verify(store, keys)
        store.tidy()
        after_repair = verify(store, keys)
        found = [int(parse(entry.event_bytes).object_id) for entry in store.entries()]
        assert (before.damages, after_repair.damages, after_repair.torn) == ((), (), 0)
        assert found[: len(heard)] == heard  # one more may be there that nobody heard of
        assert len(found) - len(heard) in (0, 1)
        store.close()

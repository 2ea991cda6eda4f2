"""The journal of one process: what it keeps, in which order, within which limits."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aura_logging.options import OptionError
from aura_logging.resilience.journal import Journal, JournalUnavailable, Refusal, pending, recover
from aura_logging.resilience.journal import pool as pool_module
from aura_logging.testing import ManualClock

SMALL: dict[str, Any] = {"segment_bytes": 8192, "max_bytes": 4 * 8192}
LINE = b"x" * 1003 + b"\n"  # four to a small segment, behind its header page


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal", name="async_file", **SMALL)
    yield made
    made.close()


def lines(journal: Journal, after: int = 0) -> list[bytes]:
    return [frame.line for frame in journal.read(after, max_lines=10_000, max_bytes=1 << 30)]


def files(journal: Journal) -> list[str]:
    return sorted(path.name for path in journal.directory.iterdir())


def test_lines_are_read_back_in_order_with_level_kind_and_sequence(journal: Journal) -> None:
    first = journal.append(b"one\n", 20)
    second = journal.append(b"two\n", 40, 3)

    frames = journal.read(0)

    assert [(f.position, f.sequence, f.level, f.kind, f.line) for f in frames] == [
        (first, 0, 20, 0, b"one\n"),
        (second, 1, 40, 3, b"two\n"),
    ]
    assert [f.line for f in journal.read(first or 0)] == [b"two\n"]
    assert journal.position == second


def test_reading_stops_at_a_limit_but_always_goes_forward(journal: Journal) -> None:
    for _ in range(6):
        journal.append(LINE)

    assert len(journal.read(0, max_lines=5)) == 5
    assert len(journal.read(0, max_bytes=2500)) == 2
    assert len(journal.read(0, max_bytes=1)) == 1


def test_nothing_touches_the_disk_before_the_first_line(journal: Journal) -> None:
    assert journal.read(0) == []
    journal.acknowledge(10)
    journal.maintain()

    assert not journal.directory.exists()


def test_directory_and_files_are_for_their_owner_only(journal: Journal) -> None:
    journal.append(b"private\n")

    assert stat.S_IMODE(journal.directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in journal.directory.iterdir()] == [0o600]


def test_room_is_allocated_before_it_is_mapped(journal: Journal) -> None:
    journal.open()

    (path,) = journal.directory.iterdir()

    assert path.stat().st_blocks * 512 >= SMALL["segment_bytes"]


def test_lines_flow_through_many_segments_and_stay_in_order(journal: Journal) -> None:
    written = [b"%04d" % n + b"." * 400 for n in range(300)]
    read: list[bytes] = []
    after = 0

    for n, line in enumerate(written):
        assert journal.append(line) is not None
        if n % 7 == 0:
            for frame in journal.read(after):
                read.append(frame.line)
                after = frame.position
            journal.acknowledge(after)
    read += lines(journal, after)

    assert read == written
    assert len(files(journal)) <= 4


def test_acknowledged_lines_are_not_read_again(journal: Journal) -> None:
    positions = [journal.append(LINE) or 0 for _ in range(10)]

    journal.acknowledge(positions[5])

    assert len(lines(journal)) == 4
    journal.acknowledge(positions[2])  # an older one changes nothing
    assert len(lines(journal)) == 4
    assert journal.usage().unacknowledged_bytes == 4 * 1024


def test_a_full_journal_refuses_by_name_and_takes_lines_again_after_an_acknowledgement(
    journal: Journal,
) -> None:
    accepted = [p for _ in range(20) if (p := journal.append(LINE)) is not None]

    assert len(accepted) == 16  # four segments, each with room for four frames
    assert journal.refusal is Refusal.FULL
    journal.acknowledge(accepted[3])
    assert journal.append(LINE) is not None
    assert journal.usage().refused == {"journal_full": 4}


def test_a_line_longer_than_a_segment_is_refused_and_the_next_one_is_not(journal: Journal) -> None:
    assert journal.append(b"x" * 8192) is None
    assert journal.refusal is Refusal.TOO_LARGE
    assert journal.append(b"x" * (4096 - 20)) is not None
    assert journal.append(b"short\n") is not None


def test_levels_and_kinds_beyond_their_fields_are_bounded_not_raised(journal: Journal) -> None:
    journal.append(b"a\n", 1 << 40)
    journal.append(b"b\n", -(1 << 40), 0x1FF)

    assert [(f.level, f.kind) for f in journal.read(0)] == [((1 << 24) - 1, 0), (0, 0xFF)]


def test_finished_segments_are_used_again_and_the_rest_is_deleted(journal: Journal) -> None:
    for _ in range(12):
        journal.append(LINE)
    before = set(files(journal))

    journal.acknowledge(journal.position)
    assert len(files(journal)) == 3  # the tail and two spares
    for _ in range(8):
        journal.append(LINE)

    assert set(files(journal)) <= before
    assert len(lines(journal)) == 8


def test_maintain_makes_the_next_file_before_it_is_needed(journal: Journal) -> None:
    journal.append(LINE)
    journal.maintain()
    assert len(files(journal)) == 1
    journal.append(LINE)
    journal.append(LINE)

    journal.maintain()

    assert len(files(journal)) == 2
    made = set(files(journal))
    for _ in range(4):
        journal.append(LINE)
    assert set(files(journal)) == made


def test_a_deleted_directory_is_made_again_and_later_lines_can_be_recovered(journal: Journal) -> None:
    journal.append(b"before\n")
    for path in journal.directory.iterdir():
        path.unlink()
    journal.directory.rmdir()

    journal.maintain()
    journal.append(b"after\n")

    assert lines(journal) == [b"before\n", b"after\n"]
    assert [file.unacknowledged_frames for file in pending(journal.directory)] == [1]


def test_closing_deletes_what_was_acknowledged_and_leaves_the_rest_for_recovery(journal: Journal) -> None:
    for n in range(9):
        journal.append(b"%d" % n + LINE)
    journal.acknowledge(journal.read(0)[6].position)

    journal.close()
    journal.close()

    assert journal.append(b"late\n") is None
    assert journal.refusal is Refusal.UNAVAILABLE
    assert journal.read(0) == []
    with recover(journal.directory) as recovery:
        assert [f.line[:1] for batch in recovery for f in batch.frames] == [b"7", b"8"]


def test_closing_after_everything_was_delivered_leaves_an_empty_directory(journal: Journal) -> None:
    for _ in range(6):
        journal.append(LINE)
    journal.maintain()
    journal.acknowledge(journal.position)

    journal.close()

    assert files(journal) == []


def test_a_disk_that_is_full_is_told_once_by_open_and_counted_by_append(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    attempts = []

    def no_space(fd: int, offset: int, size: int) -> None:
        attempts.append(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", no_space)
        journal = Journal(tmp_path, name="a", retry_seconds=5, clock=clock, **SMALL)
        with pytest.raises(JournalUnavailable) as raised:
            journal.open()
        assert raised.value.errno == errno.ENOSPC
        assert [journal.append(b"x") for _ in range(100)] == [None] * 100
        assert len(attempts) == 1
        clock.advance(5)
        assert journal.append(b"x") is None
        assert len(attempts) == 2
    clock.advance(5)

    assert journal.append(b"x") is not None
    assert journal.usage().refused == {"journal_unavailable": 101}
    assert "No space left" in (journal.usage().last_error or "")
    assert len(files(journal)) == 1  # nothing unfinished is left behind
    journal.close()


def test_a_path_that_cannot_be_a_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file", name="a")

    with pytest.raises(JournalUnavailable):
        journal.open()
    assert journal.append(b"x") is None


def test_a_network_file_system_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "is_network_filesystem", lambda path: True)
    monkeypatch.setattr(pool_module, "filesystem_type", lambda path: "nfs4")

    with pytest.raises(JournalUnavailable, match="nfs4"):
        Journal(tmp_path, name="a").open()


def test_a_crowd_of_orphans_stops_new_files_before_the_disk_is_full(tmp_path: Path) -> None:
    limits = {**SMALL, "max_directory_bytes": 5 * 8192}
    for _ in range(5):
        dead = Journal(tmp_path, name="a", **limits)
        dead.append(b"undelivered\n")
        dead.close()

    journal = Journal(tmp_path, name="a", **limits)

    assert journal.append(b"x") is None
    assert "the limit is 40960" in str(journal.last_error)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"fsync": "sometimes"}, "fsync"),
        ({"segment_bytes": 100}, "segment_bytes"),
        ({"max_bytes": 1}, "max_bytes"),
        ({"max_directory_bytes": 1}, "max_directory_bytes"),
        ({"retry_seconds": -1}, "retry_seconds"),
        ({"name": ""}, "name"),
        ({"name": "n" * 200}, "name"),
    ],
)
def test_options_that_make_no_sense_name_themselves(tmp_path: Path, options: dict[str, Any], key: str) -> None:
    with pytest.raises(OptionError, match=f"^{key}"):
        Journal(tmp_path, **{"name": "a", **options})


def test_any_name_a_handler_may_have_makes_a_file_that_is_found_again(tmp_path: Path) -> None:
    for name in ("async_file", "a.b", "../up", "späte Zeile/%2F", ".hidden", "x.journal"):
        journal = Journal(tmp_path, name=name, **SMALL)
        journal.append(name.encode())
        journal.close()
        with recover(tmp_path, name) as recovery:
            assert [f.line.decode() for batch in recovery for f in batch.frames] == [name]


def test_an_append_inside_an_append_is_refused_and_harms_neither(journal: Journal) -> None:
    journal.append(b"first\n")

    class Nosy(int):
        """Logs again while its level is being mixed in, as a signal handler might."""

        def __rxor__(self, ticket: int) -> int:
            nested.append(journal.append(b"nested\n"))
            return ticket ^ int(self)

    nested: list[int | None] = []
    journal.append(b"second\n", Nosy(20))

    assert nested == [None]
    assert journal.refusal is Refusal.NESTED
    assert lines(journal) == [b"first\n", b"second\n"]


def test_an_append_that_was_interrupted_leaves_no_trace(journal: Journal) -> None:
    class Interrupting(int):
        def __rxor__(self, ticket: int) -> int:
            raise KeyboardInterrupt

    journal.append(b"first\n")
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"never\n", Interrupting(20))
    journal.append(b"second\n")

    assert lines(journal) == [b"first\n", b"second\n"]


@pytest.mark.parametrize("fsync", ["batch", "always"])
def test_syncing_waits_for_the_disk_and_says_when_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: str
) -> None:
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd))[1])
    journal = Journal(tmp_path, name="a", fsync=fsync, **SMALL)

    journal.append(b"x\n")
    assert len(synced) == (1 if fsync == "always" else 0)
    assert journal.sync()
    assert journal.sync()
    assert len(synced) == 1

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", broken)
    assert journal.append(b"y\n") is not None
    assert not journal.sync()
    assert journal.usage().failed_syncs >= 1
    monkeypatch.undo()
    assert journal.sync()
    journal.close()


def test_never_syncing_never_waits(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(fd: int) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "fdatasync", unexpected)
    journal.append(b"x")

    assert journal.sync()


def test_a_worker_reads_and_acknowledges_while_another_thread_appends(tmp_path: Path) -> None:
    journal = Journal(tmp_path, name="a", segment_bytes=16384, max_bytes=8 * 16384)
    count, read = 20_000, []
    finished = threading.Event()

    def work() -> None:
        after = 0
        while not (finished.is_set() and after == journal.position):
            for frame in journal.read(after, max_lines=50):
                read.append((frame.sequence, frame.line))
                after = frame.position
            journal.acknowledge(after)
            journal.maintain()

    worker = threading.Thread(target=work)
    worker.start()
    for n in range(count):
        while journal.append(b"%d" % n) is None:
            assert journal.refusal is Refusal.FULL
    finished.set()
    worker.join()

    assert read == [(n, b"%d" % n) for n in range(count)]
    assert journal.usage().unacknowledged_bytes == 0
    journal.close()
    assert list(tmp_path.iterdir()) == []


def in_child(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_begins_a_stream_of_its_own_and_never_writes_into_its_parents(journal: Journal) -> None:
    journal.append(b"parent 0\n")

    def work() -> bool:
        inherited = journal.read(0)
        position = journal.append(b"child\n")
        journal.acknowledge(0)
        return inherited == [] and position is not None and lines(journal) == [b"child\n"]

    stream = journal.stream
    assert in_child(work)
    journal.append(b"parent 1\n")

    assert journal.stream == stream
    assert lines(journal) == [b"parent 0\n", b"parent 1\n"]
    assert sorted((f.is_alive, f.unacknowledged_frames) for f in pending(journal.directory)) == [
        (False, 1),
        (True, 2),
    ]


def test_a_childs_positions_go_on_so_that_its_parents_acknowledge_nothing_of_it(journal: Journal) -> None:
    position = journal.append(LINE) or 0

    def work() -> bool:
        mine = journal.append(b"child\n") or 0
        journal.acknowledge(position)
        return mine > position and lines(journal) == [b"child\n"]

    assert in_child(work)


def test_a_child_that_exits_politely_leaves_its_parents_files_alone(journal: Journal) -> None:
    journal.append(b"parent\n")
    journal.maintain()

    def work() -> bool:
        journal.close()
        return True

    assert in_child(work)
    assert [file.is_alive for file in pending(journal.directory)] == [True]
    assert lines(journal) == [b"parent\n"]


def test_telling_a_journal_twice_of_the_same_fork_costs_it_nothing(journal: Journal) -> None:
    journal.append(b"parent\n")

    def work() -> bool:
        journal.append(b"child\n")
        journal.after_fork_in_child()
        return lines(journal) == [b"child\n"]

    assert in_child(work)
    journal.after_fork_in_child()  # and in no child at all
    assert lines(journal) == [b"parent\n"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and above
def test_a_fork_while_another_thread_is_inside_does_not_block_the_child(journal: Journal) -> None:
    journal.append(b"parent\n")

    def work() -> bool:
        return journal.append(b"child\n") is not None and lines(journal) == [b"child\n"]

    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with journal._lock, journal._pool._lock:
            journal._appending = True
            inside.set()
            leave.wait()
            journal._appending = False

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    try:
        assert in_child(work)
    finally:
        leave.set()
        thread.join()

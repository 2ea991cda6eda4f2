from __future__ import annotations

import errno
import fcntl
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aura_logging.resilience.log_files.rotation import RotationPolicy
from aura_logging.resilience.log_files.shared_file import SharedFile
from aura_logging.testing import ManualClock

Open = Callable[..., SharedFile]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time() // 3600 * 3600)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.jsonl"


@pytest.fixture
def open_file(log: Path, clock: ManualClock) -> Iterator[Open]:
    opened: list[SharedFile] = []

    def shared_file(
        path: Path = log, *, max_bytes: int | None = None, every_seconds: int | None = None, wait: float = 5.0
    ) -> SharedFile:
        rotation = RotationPolicy(max_bytes, every_seconds)
        opened.append(SharedFile(path, rotation=rotation, mode=0o640, max_wait_seconds=wait, clock=clock))
        return opened[-1]

    yield shared_file
    for file in opened:
        file.close()


@pytest.fixture
def limit_file_size() -> Iterator[Callable[[int], None]]:
    """A full disk of one's own: no file of this process may grow beyond so many bytes (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def segments(log: Path) -> list[str]:
    """The contents of the closed segments, oldest first."""
    return [path.read_text() for path in sorted(log.parent.glob("app.2*.jsonl"))]


def test_batches_are_appended_to_what_is_there(open_file: Open, log: Path) -> None:
    log.write_text("before\n")
    file = open_file()

    file.append([b"one\n", b"two\n"])
    file.append([b"three\n"])

    assert log.read_text() == "before\none\ntwo\nthree\n"
    assert (file.written, file.written_bytes, file.live_bytes) == (3, 14, 21)


def test_nothing_is_opened_before_the_first_batch(open_file: Open, log: Path) -> None:
    open_file()

    assert not log.exists()


def test_a_batch_of_any_length_is_one_batch(open_file: Open, log: Path) -> None:
    lines = [b"%d\n" % number for number in range(5_000)]

    open_file().append(lines)

    assert log.read_bytes() == b"".join(lines)


def test_missing_directories_are_made_and_the_file_is_not_for_everybody(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "var" / "log" / "app.jsonl"

    open_file(path).append([b"one\n"])

    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    assert path.parent.stat().st_mode & 0o007 == 0


def test_a_full_file_is_closed_and_a_new_one_begun(open_file: Open, log: Path) -> None:
    closed: list[Path] = []
    file = open_file(max_bytes=8)
    file._on_segment_closed = closed.append

    for line in (b"one\n", b"two\n", b"three\n", b"four\n"):
        file.append([line])

    assert segments(log) == ["one\ntwo\n", "three\n"]
    assert log.read_text() == "four\n"
    assert (file.rotated, closed) == (2, [log, log])


def test_a_batch_larger_than_the_limit_makes_one_larger_file(open_file: Open, log: Path) -> None:
    file = open_file(max_bytes=5)

    file.append([b"a long line\n", b"another\n"])
    file.append([b"short\n"])

    assert segments(log) == ["a long line\nanother\n"]


def test_the_first_line_of_an_hour_begins_a_new_file(open_file: Open, log: Path, clock: ManualClock) -> None:
    file = open_file(every_seconds=3600)

    file.append([b"first hour\n"])
    clock.advance(3599.9)
    file.append([b"first hour still\n"])
    clock.advance(0.1)
    file.append([b"second hour\n"])
    clock.advance(5 * 3600)
    file.append([b"much later\n"])

    assert segments(log) == ["first hour\nfirst hour still\n", "second hour\n"]


def test_a_file_left_over_from_the_last_hour_is_closed_first(open_file: Open, log: Path, clock: ManualClock) -> None:
    log.write_text("last hour\n")
    os.utime(log, (clock() - 1, clock() - 1))

    open_file(every_seconds=3600).append([b"this hour\n"])

    assert segments(log) == ["last hour\n"]
    assert log.read_text() == "this hour\n"


def test_a_file_time_that_lags_by_a_tick_begins_no_file_of_its_own(
    open_file: Open, log: Path, clock: ManualClock
) -> None:
    log.write_text("just begun by another process\n")
    os.utime(log, (clock() - 0.004, clock() - 0.004))

    open_file(every_seconds=3600).append([b"this hour\n"])

    assert segments(log) == []


def test_segments_keep_their_order_when_the_clock_steps_back(open_file: Open, log: Path, clock: ManualClock) -> None:
    file = open_file(max_bytes=1)

    for line in (b"1\n", b"2\n", b"3\n", b"4\n"):
        file.append([line])
        clock.advance(-1000)

    assert segments(log) == ["1\n", "2\n", "3\n"]


def test_a_file_that_another_closed_gets_no_further_line(open_file: Open, log: Path) -> None:
    ours, theirs = open_file(max_bytes=12), open_file(max_bytes=12)

    ours.append([b"ours 1\n"])
    theirs.append([b"theirs 1\n"])
    ours.append([b"ours 2\n"])
    theirs.append([b"theirs 2\n"])

    assert segments(log) == ["ours 1\n", "theirs 1\n", "ours 2\n"]
    assert log.read_text() == "theirs 2\n"
    assert ours.reopened + theirs.reopened == 2


def test_a_file_that_logrotate_moves_is_opened_anew(open_file: Open, log: Path) -> None:
    file = open_file()
    file.append([b"before\n"])

    log.rename(log.with_name("app.jsonl.1"))
    file.append([b"after\n"])

    assert log.with_name("app.jsonl.1").read_text() == "before\n"
    assert log.read_text() == "after\n"
    assert file.reopened == 1


def test_a_file_that_logrotate_copies_and_truncates_is_written_from_its_start(open_file: Open, log: Path) -> None:
    file = open_file()
    file.append([b"a long line before\n"])

    os.truncate(log, 0)
    file.append([b"after\n"])

    assert log.read_bytes() == b"after\n"


def test_a_removed_file_and_a_removed_directory_come_back(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "app.jsonl"
    file = open_file(path)
    file.append([b"one\n"])
    path.unlink()
    file.append([b"two\n"])
    assert path.read_text() == "two\n"

    path.unlink()
    path.parent.rmdir()
    file.append([b"three\n"])
    assert path.read_text() == "three\n"


def test_half_a_line_of_a_killed_process_swallows_no_line(open_file: Open, log: Path) -> None:
    file = open_file()
    file.append([b"whole\n"])
    with log.open("ab") as killed:
        killed.write(b'{"message": "ha')

    file.append([b"next\n"])
    file.append([b"last\n"])

    assert log.read_text() == 'whole\n{"message": "ha\nnext\nlast\n'
    assert file.torn_lines_ended == 1


@pytest.mark.parametrize("lines", [[b"x" * 80 + b"\n"], [b"short\n", b"y" * 80 + b"\n"], [b"line\n"] * 3_000])
def test_a_batch_that_fails_half_way_is_taken_back(
    open_file: Open, log: Path, limit_file_size: Callable[[int], None], lines: list[bytes]
) -> None:
    file = open_file()
    file.append([b"before\n"])
    limit_file_size(50 if len(lines) < 100 else 12_000)

    with pytest.raises(OSError) as failure:
        file.append(lines)
    assert failure.value.errno == errno.EFBIG
    assert log.read_text() == "before\n"

    file.append([b"small\n"])
    assert log.read_text() == "before\nsmall\n"
    assert (file.written, file.torn_lines_ended) == (2, 0)


def test_a_disk_that_fails_is_an_error_and_is_tried_anew(
    open_file: Open, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = open_file()
    file.append([b"before\n"])

    def fail(fd: int, pieces: list[bytes]) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(os, "writev", fail)
        file.append([b"lost\n"])
    file.append([b"after\n"])

    assert log.read_text() == "before\nafter\n"


def test_what_a_stranger_adds_meanwhile_is_not_cut_off(
    open_file: Open, log: Path, limit_file_size: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = open_file()
    file.append([b"before\n"])
    plain_writev = os.writev

    def a_stranger_writes_after_us(fd: int, pieces: list[bytes]) -> int:
        limit_file_size(20)
        written = plain_writev(fd, pieces)
        limit_file_size(-1)
        with log.open("ab") as stranger:
            stranger.write(b"stranger\n")
        limit_file_size(20)
        return written

    with monkeypatch.context() as patched, pytest.raises(OSError):
        patched.setattr(os, "writev", a_stranger_writes_after_us)
        file.append([b"0123456789abcdef\n"])
    limit_file_size(-1)
    file.append([b"after\n"])

    assert log.read_text() == "before\n0123456789abcstranger\nafter\n"


def test_a_holder_that_never_lets_go_is_an_error_and_not_a_hang(open_file: Open, log: Path) -> None:
    file = open_file(wait=0.01)
    log.touch()
    holder = os.open(log, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)

    with pytest.raises(TimeoutError):
        file.append([b"one\n"])
    os.close(holder)
    file.append([b"two\n"])

    assert log.read_text() == "two\n"


def test_a_file_that_cannot_be_rotated_grows_and_is_tried_again_later(
    open_file: Open, log: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = open_file(max_bytes=5)
    file.append([b"one\n"])

    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        file.append([b"two\n"])
        file.append([b"three\n"])
        assert file.rotation_failed == 1
        assert isinstance(file.rotation_error, PermissionError)

    file.append([b"four\n"])
    assert segments(log) == []
    clock.advance(30)
    file.append([b"five\n"])

    assert segments(log) == ["one\ntwo\nthree\nfour\n"]
    assert file.rotation_error is None


def test_a_link_is_followed_and_its_target_rotated_in_its_place(open_file: Open, tmp_path: Path, log: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    log.symlink_to(data / "app.jsonl")
    file = open_file(max_bytes=5)

    file.append([b"one\n"])
    file.append([b"two\n"])

    assert log.is_symlink()
    assert (data / "app.jsonl").read_text() == "two\n"
    assert segments(data / "app.jsonl") == ["one\n"]


def test_a_link_that_is_laid_to_another_place_is_followed_there(open_file: Open, tmp_path: Path, log: Path) -> None:
    log.symlink_to(tmp_path / "old")
    file = open_file()
    file.append([b"one\n"])

    log.unlink()
    log.symlink_to(tmp_path / "new")
    file.append([b"two\n"])

    assert (tmp_path / "new").read_text() == "two\n"


def test_a_pipe_needs_a_reader_and_takes_lines_once_it_has_one(open_file: Open, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = open_file(tmp_path / "pipe", max_bytes=5)

    with pytest.raises(OSError) as unread:
        file.append([b"one\n"])
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    file.append([b"two\n", b"three\n"])

    assert unread.value.errno == errno.ENXIO
    assert os.read(reader, 100) == b"two\nthree\n"
    assert file.rotated == 0
    os.close(reader)


def test_a_device_that_is_full_says_so(open_file: Open) -> None:
    with pytest.raises(OSError) as full:
        open_file(Path("/dev/full")).append([b"one\n"])

    assert full.value.errno == errno.ENOSPC


def test_no_descriptor_is_left_by_errors_and_rotations(
    open_file: Open, log: Path, limit_file_size: Callable[[int], None]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    file = open_file(max_bytes=10)

    for number in range(20):
        file.append([b"line %d\n" % number])
    limit_file_size(30)
    with pytest.raises(OSError):
        file.append([b"x" * 40])
    file.append([b"after\n"])
    file.close()
    file.close()

    assert len(list(Path("/proc/self/fd").iterdir())) == before

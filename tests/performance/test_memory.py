"""The process's memory is read cheaply, in its own process, and leaves nothing open."""

from __future__ import annotations

import os
import threading

import psutil
import pytest

from aura_logging.performance.memory import ResidentMemory, resident_memory


def open_descriptors() -> int:
    return psutil.Process().num_fds()


def test_it_is_what_the_system_says() -> None:
    measured, expected = ResidentMemory()(), psutil.Process().memory_info().rss

    assert measured == pytest.approx(expected, rel=0.1)


def test_it_grows_with_what_is_used() -> None:
    read = ResidentMemory()
    before = read()
    used = bytearray(os.urandom(1)) * (64 * 1024 * 1024)
    after = read()

    assert before is not None
    assert after is not None
    assert after - before > 32 * 1024 * 1024
    assert used


def test_a_forked_child_reads_its_own_memory() -> None:
    used = bytearray(b"x") * (64 * 1024 * 1024)
    read = ResidentMemory()
    before = read()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        del used
        os.write(writing, b"%d" % (read() or 0))
        os._exit(0)
    os.waitpid(pid, 0)
    in_child = int(os.read(reading, 64))
    os.close(reading)
    os.close(writing)

    assert used
    assert before is not None
    # What the parent has touched and the child has not is not resident there, and the large buffer it gave back.
    assert in_child < before - 32 * 1024 * 1024
    assert read() is not None


def test_a_reader_that_is_no_longer_needed_leaves_nothing_open() -> None:
    before = open_descriptors()
    for _ in range(50):
        assert ResidentMemory()()

    assert open_descriptors() == before


def test_threads_may_share_one_reader() -> None:
    seen: list[int | None] = []
    threads = [threading.Thread(target=lambda: seen.extend(resident_memory() for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(seen) == 200
    assert all(seen)


@pytest.mark.parametrize("error", [OSError, FileNotFoundError, PermissionError])
def test_where_the_system_does_not_tell_psutil_is_asked_and_then_nobody(
    error: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    read = ResidentMemory()
    monkeypatch.setattr(os, "pread", fail)
    assert read() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    monkeypatch.setattr(psutil, "Process", fail)

    assert read() is None


def test_nonsense_from_the_system_is_nobodys_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    read = ResidentMemory()
    monkeypatch.setattr(os, "pread", lambda *_: b"nonsense")

    assert read() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)

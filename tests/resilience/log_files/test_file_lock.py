from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging.resilience.log_files.file_lock import SharedLock, try_lock
from aura_logging.testing import ManualClock


@pytest.fixture
def two_descriptors(tmp_path: Path) -> Iterator[tuple[int, int]]:
    path = tmp_path / "locked"
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    yield first, second
    os.close(first)
    os.close(second)


def test_one_descriptor_at_a_time_holds_the_lock(two_descriptors: tuple[int, int]) -> None:
    first, second = two_descriptors
    lock = SharedLock(1.0)

    lock.take(first)
    assert not try_lock(second)
    lock.give_back(first)
    assert try_lock(second)


def test_the_wait_ends_when_the_holder_lets_go(two_descriptors: tuple[int, int]) -> None:
    first, second = two_descriptors
    holder = SharedLock(1.0)
    holder.take(first)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            holder.give_back(first)

    SharedLock(1.0, monotonic=ManualClock(), sleep=sleep).take(second)

    assert not try_lock(first)
    assert len(pauses) == 3


def test_the_wait_has_an_end_and_a_name(two_descriptors: tuple[int, int]) -> None:
    first, second = two_descriptors
    assert try_lock(first)
    clock = ManualClock()

    with pytest.raises(TimeoutError, match=r"held the file's lock for 5\.0 s"):
        SharedLock(5.0, monotonic=clock, sleep=clock.advance).take(second)

    assert 5.0 <= clock() < 5.1


def test_who_held_the_lock_for_long_leaves_it_to_others_before_asking_again(two_descriptors: tuple[int, int]) -> None:
    fd, _ = two_descriptors
    clock = ManualClock(100.0)
    lock = SharedLock(5.0, monotonic=clock, sleep=clock.advance)

    lock.take(fd)
    clock.advance(2.0)
    lock.give_back(fd)
    lock.take(fd)

    assert clock() == pytest.approx(102.1)


@pytest.mark.parametrize(("held", "idle"), [(0.000_5, 0.0), (2.0, 0.2)])
def test_nobody_waits_who_was_quick_or_came_late(two_descriptors: tuple[int, int], held: float, idle: float) -> None:
    fd, _ = two_descriptors
    clock = ManualClock(100.0)
    lock = SharedLock(5.0, monotonic=clock, sleep=clock.advance)

    lock.take(fd)
    clock.advance(held)
    lock.give_back(fd)
    clock.advance(idle)
    lock.take(fd)

    assert clock() == 100.0 + held + idle

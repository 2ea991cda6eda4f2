from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging.resilience.file_lock import lock, try_lock, unlock
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

    assert try_lock(first)
    assert not try_lock(second)
    unlock(first)
    assert try_lock(second)


def test_the_wait_ends_when_the_holder_lets_go(two_descriptors: tuple[int, int]) -> None:
    first, second = two_descriptors
    lock(first, 1.0)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            unlock(first)

    lock(second, 1.0, monotonic=ManualClock(), sleep=sleep)

    assert not try_lock(first)
    assert len(pauses) == 3


def test_the_wait_has_an_end_and_a_name(two_descriptors: tuple[int, int]) -> None:
    first, second = two_descriptors
    lock(first, 1.0)
    clock = ManualClock()

    with pytest.raises(TimeoutError, match=r"held the file's lock for 5\.0 s"):
        lock(second, 5.0, monotonic=clock, sleep=clock.advance)

    assert 5.0 <= clock() < 5.1

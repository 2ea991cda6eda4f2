"""The resident set is that of this very process, before and after a fork, whatever becomes of the descriptor."""

from __future__ import annotations

import os

import psutil
import pytest

from aura_logging.performance.memory import ResidentMemory
from aura_logging.testing import ManualClock


def is_right(reading: int | None) -> bool:
    """Hold a reading against psutil's of this process; differences over time prove nothing, for systems reclaim."""
    return reading is not None and abs(reading - psutil.Process().memory_info().rss) < 16 * 1024 * 1024


def test_it_says_what_the_system_says_also_after_growth() -> None:
    memory = ResidentMemory()
    assert is_right(memory())

    ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)

    assert is_right(memory())
    assert len(ballast)
    memory.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and above
def test_a_forked_child_reads_its_own() -> None:
    memory = ResidentMemory()
    memory()

    child = os.fork()
    if child == 0:
        ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)
        os._exit(len(ballast) == 0 or not is_right(memory()))
    _, status = os.waitpid(child, 0)

    assert status == 0
    memory.close()


def test_a_descriptor_closed_behind_its_back_is_no_error() -> None:
    memory = ResidentMemory()
    memory()
    assert memory._fd is not None
    os.close(memory._fd)

    assert memory()

    memory.close()
    memory.close()
    assert memory()
    memory.close()


def test_requests_that_follow_within_a_millisecond_share_a_reading() -> None:
    clock = ManualClock()
    memory = ResidentMemory(clock)
    first = memory.recent(clock())
    ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)

    clock.advance(0.0009)
    at_once = memory.recent(clock())
    clock.advance(0.0002)
    later = memory.recent(clock())

    assert at_once == first
    assert is_right(later)
    assert len(ballast)
    memory.close()

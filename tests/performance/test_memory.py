"""The resident set is that of this very process, before and after a fork, whatever becomes of the descriptor."""

from __future__ import annotations

import os

import psutil
import pytest

from aura_logging.performance.memory import ResidentMemory
from aura_logging.testing import ManualClock


def test_it_says_what_the_system_says() -> None:
    memory = ResidentMemory()

    ours = memory()

    assert ours is not None
    assert abs(ours - psutil.Process().memory_info().rss) < 16 * 1024 * 1024
    memory.close()


def test_it_notices_growth() -> None:
    memory = ResidentMemory()
    before = memory()
    assert before is not None

    ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)

    after = memory()
    assert after is not None
    assert after - before > 32 * 1024 * 1024
    assert len(ballast)
    memory.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and above
def test_a_forked_child_reads_its_own() -> None:
    memory = ResidentMemory()
    memory()
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        before = memory() or 0
        ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)
        os.write(writer, str((memory() or 0) - before).encode())
        os._exit(len(ballast) == 0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    grown = int(os.read(reader, 64))
    os.close(reader)

    assert status == 0
    assert grown > 32 * 1024 * 1024  # the parent did not
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
    first = memory.recent()
    ballast = bytearray(os.urandom(1)) * (64 * 1024 * 1024)

    clock.advance(0.0009)
    at_once = memory.recent()
    clock.advance(0.0002)
    later = memory.recent()

    assert first is not None
    assert later is not None
    assert at_once == first
    assert later - first > 32 * 1024 * 1024
    assert len(ballast)
    memory.close()

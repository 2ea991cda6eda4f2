"""Wait, never for ever, for the advisory lock of a file.

`flock` belongs to the open file description: two descriptors from two `open` calls exclude each other even inside
one process, a forked child shares its parent's lock until it closes its copy, and the kernel gives a lock back when
the last copy is closed, so a killed process never leaves one behind.
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable

from aura_logging.resilience.clock import Clock

__all__ = ["lock", "try_lock", "unlock"]

_FIRST_PAUSE_SECONDS = 0.000_05
_LONGEST_PAUSE_SECONDS = 0.005


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if nobody else holds it; raises `OSError` where files cannot be locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(
    fd: int,
    max_wait_seconds: float,
    *,
    monotonic: Clock = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Take the exclusive lock, or raise `TimeoutError` (an `OSError`) when the wait gets too long.

    Asks again after short pauses that grow to 5 ms, because a blocking `flock` knows no deadline: a process that was
    stopped while it held the lock must not stop every other one.
    """
    if try_lock(fd):
        return
    deadline = monotonic() + max_wait_seconds
    pause = _FIRST_PAUSE_SECONDS
    while monotonic() < deadline:
        sleep(pause)
        if try_lock(fd):
            return
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    raise TimeoutError(errno.ETIMEDOUT, f"another process has held the file's lock for {max_wait_seconds} s")


def unlock(fd: int) -> None:
    """Give the lock back, also on behalf of copies of the descriptor that a fork made."""
    fcntl.flock(fd, fcntl.LOCK_UN)

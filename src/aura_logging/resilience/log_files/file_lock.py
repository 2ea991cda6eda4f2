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

__all__ = ["SharedLock", "try_lock"]

_FIRST_PAUSE_SECONDS = 0.000_05
_LONGEST_PAUSE_SECONDS = 0.001

_LONG_HOLD_SECONDS = 0.001
_SHARE_OF_OTHERS = 1 / 20
"""Who held the lock for long leaves it free for this part of the time before asking again.

A lock that is asked for in pauses goes to whoever asks at the right moment: without this, one process that wrote to
a slow disk (50 ms a batch) without a break kept three others waiting for as long as it went on.
"""


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if nobody else holds it; raises `OSError` where files cannot be locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class SharedLock:
    """The exclusive lock of a file, for a process that takes it again and again beside others.

    Asks in short pauses, because a blocking `flock` knows no deadline: a process that was stopped while it held the
    lock must not stop every other one.
    """

    def __init__(
        self,
        max_wait_seconds: float,
        *,
        monotonic: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._taken_at = 0.0
        self._others_until = 0.0

    def take(self, fd: int) -> None:
        """Take the lock, or raise `TimeoutError` (an `OSError`) when the wait gets too long."""
        now = self._monotonic()
        if now < self._others_until:
            self._sleep(self._others_until - now)
            now = self._monotonic()
        self._taken_at = now
        if try_lock(fd):
            return
        deadline = now + self._max_wait_seconds
        pause = _FIRST_PAUSE_SECONDS
        while now < deadline:
            self._sleep(pause)
            now = self._taken_at = self._monotonic()
            if try_lock(fd):
                return
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        raise TimeoutError(errno.ETIMEDOUT, f"another process has held the file's lock for {self._max_wait_seconds} s")

    def give_back(self, fd: int) -> None:
        """Let others have it, also on behalf of copies of the descriptor that a fork made; harmless if not held."""
        fcntl.flock(fd, fcntl.LOCK_UN)
        now = self._monotonic()
        held_seconds = now - self._taken_at
        if held_seconds > _LONG_HOLD_SECONDS:
            self._others_until = now + held_seconds * _SHARE_OF_OTHERS

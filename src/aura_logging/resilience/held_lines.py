"""Hold the lines of a unit of work back until it is known whether anybody wants them, in bounded memory."""

from __future__ import annotations

import sys
import threading
from collections import deque
from enum import Enum
from typing import NamedTuple

from aura_logging.resilience.journal import Place

__all__ = ["HeldLine", "HeldLines", "Verdict"]


class Verdict(Enum):
    """What is to become of a unit's lines."""

    OPEN = "open"
    """It goes on, and nothing has gone wrong so far."""
    RELEASED = "released"
    DISCARDED = "discarded"
    HELD_DOWN = "held down"
    """It went wrong, and so did too many others at the time."""


class HeldLine(NamedTuple):
    """One encoded line that waits, and where it lies in the journal, if it does."""

    line: bytes
    place: Place | None
    level: int


class HeldLines:
    """The newest lines of one unit of work, up to `max_bytes`; older ones give way. Call it under `lock`."""

    __slots__ = ("_max_bytes", "_waiting", "held_bytes", "lock", "verdict")

    def __init__(self, max_bytes: int) -> None:
        self.lock = threading.RLock()
        self.verdict = Verdict.OPEN
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._waiting: deque[HeldLine] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def hold(self, held: HeldLine) -> list[HeldLine]:
        """Add a line; returns those that gave way, the line itself if it is longer than all that there is room for."""
        if len(held.line) > self._max_bytes:
            return [held]
        self._waiting.append(held)
        self.held_bytes += len(held.line)
        gone = []
        while self.held_bytes > self._max_bytes:
            gone.append(self._pop())
        return gone

    def take_all(self) -> list[HeldLine]:
        """Return all lines in order, and hold none any more."""
        taken = list(self._waiting)
        self._waiting.clear()
        self.held_bytes = 0
        return taken

    def first_sequence(self) -> int:
        """Return how early in the journal the oldest of the lines lies; behind all others if it does not."""
        return next((held.place.sequence for held in list(self._waiting) if held.place is not None), sys.maxsize)

    def _pop(self) -> HeldLine:
        oldest = self._waiting.popleft()
        self.held_bytes -= len(oldest.line)
        return oldest

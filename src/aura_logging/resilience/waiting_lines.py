"""Keep what many units of work hold back within one limit, in memory and, if wished, in a journal as well."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.held_lines import HeldLine, HeldLines
from aura_logging.resilience.journal import AnyOrderJournal, Place, Refusal

__all__ = ["WaitingLines"]

_SPARE_BYTES = 4 << 20
_TIMES_WHAT_IS_HELD = 4
"""A journal that lies on so much more than what is held is worth writing a part of it anew."""

_PAUSE_SECONDS = 1.0
"""When there is no room although all was written anew, it is not tried with each line."""


class WaitingLines:
    """The lines of all units of work of this process that wait: at most `max_bytes`, those of the oldest giving way.

    A journal is acknowledged from its beginning, so a unit that goes on for hours would keep in the files whatever came
    after it: `renew` writes its few lines anew at the end, and lets the rest go.

    Any thread may call. Nothing here waits for the lock of another unit than the caller's: it is only tried, and if
    that fails the next oldest gives way. In a forked child, make a new one: what waits is the parent's.
    """

    def __init__(self, max_unit_bytes: int, max_bytes: int, clock: Clock = time.monotonic) -> None:
        self.held_bytes = 0
        self.journal: AnyOrderJournal | None = None
        self._max_unit_bytes = max_unit_bytes
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.RLock()
        # Those that hold lines, the oldest first.
        self._units: dict[int, HeldLines] = {}
        self._abandoned: deque[HeldLines] = deque()
        self._next_renewal = float("-inf")

    def new_unit(self) -> HeldLines:
        """Return room for the lines of one unit."""
        return HeldLines(self._max_unit_bytes)

    def units(self) -> list[HeldLines]:
        """Return those that hold lines."""
        with self._lock:
            return list(self._units.values())

    def hold(self, held: HeldLines, line: bytes, level: int) -> dict[str, int]:
        """Have the line wait with the others of its unit; return how many gave way, by reason. Call under its lock."""
        before = held.held_bytes
        gone = held.hold(HeldLine(line, self._journaled(line, level), level))
        self.settle(gone)
        with self._lock:
            self.held_bytes += held.held_bytes - before
            self._units.setdefault(id(held), held)
            tries = len(self._units) if self.held_bytes > self._max_bytes else 0
        lost = {"request_full": len(gone)} if gone else {}
        for _ in range(tries):
            with self._lock:
                if self.held_bytes <= self._max_bytes or not self._units:
                    break
                key = next(iter(self._units))
                # To the end of the line: if it cannot give way just now, the next one does.
                oldest = self._units[key] = self._units.pop(key)
            given = self._give_way(oldest)
            if given:
                lost["buffer_full"] = lost.get("buffer_full", 0) + given
        return lost

    def take_all(self, held: HeldLines) -> list[HeldLine]:
        """Return a unit's lines, which wait no longer; `settle` them when all is done. Call under its lock."""
        size, waiting = held.held_bytes, held.take_all()
        with self._lock:
            self._units.pop(id(held), None)
            self.held_bytes -= size
        return waiting

    def settle(self, lines: Iterable[HeldLine]) -> None:
        """Say that nobody need find these in the journal."""
        if self.journal is not None:
            self.journal.settle([held.place for held in lines if held.place is not None])

    def abandon(self, held: HeldLines) -> None:
        """Take note of a unit that was collected; it takes no lock, for a finaliser may run inside any of ours."""
        self._abandoned.append(held)

    def take_abandoned(self) -> list[HeldLines]:
        """Return the units that were collected since."""
        taken = []
        while self._abandoned:
            taken.append(self._abandoned.popleft())
        return taken

    def renew(self, spare_bytes: int = _SPARE_BYTES) -> None:
        """Write anew what has waited longest in the journal, if that lets much more go."""
        journal = self.journal
        if journal is None:
            return
        for held in sorted(self.units(), key=HeldLines.first_sequence):
            kept_bytes = journal.journal.usage().unacknowledged_bytes
            if kept_bytes <= self.held_bytes * _TIMES_WHAT_IS_HELD + spare_bytes:
                return
            if not held.lock.acquire(blocking=False):
                return
            try:
                lines = held.take_all()
                self.settle(lines)
                for line, _, level in lines:
                    held.hold(HeldLine(line, journal.append(line, level), level))
            finally:
                held.lock.release()

    def _journaled(self, line: bytes, level: int) -> Place | None:
        journal = self.journal
        if journal is None:
            return None
        place = journal.append(line, level)
        if place is None and journal.journal.refusal is Refusal.FULL and self._clock() >= self._next_renewal:
            self.renew(spare_bytes=0)
            place = journal.append(line, level)
            if place is None:
                self._next_renewal = self._clock() + _PAUSE_SECONDS
        return place

    def _give_way(self, oldest: HeldLines) -> int:
        # Nobody waits here for a lock that is held on the way to this place: that of the request at hand is
        # reentrant, and another's is only tried.
        if not oldest.lock.acquire(blocking=False):
            return 0
        try:
            gone = self.take_all(oldest)
        finally:
            oldest.lock.release()
        self.settle(gone)
        return len(gone)

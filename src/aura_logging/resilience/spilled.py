"""Keep track of entries that wait in the journal only, and read them back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aura_logging.resilience.batches import Batch, Losses, merge
from aura_logging.resilience.journal import Journal, JournalFrame

__all__ = ["Spilled"]


class _Jump(NamedTuple):
    """Where, in the journal, numbers do not go on by one: what is missing ahead of the frame at `position`."""

    position: int
    number: int
    losses: Losses


class Spilled:
    """Which entries there was no room for in memory: from where in the journal on, and with which gaps.

    Everything that comes after the first of them waits here, too, until all are read back. Not thread-safe: its
    outbox lets one thread in at a time; only `read` may run beside `add`.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first = 0
        """The number of the oldest."""
        self.begins_after = 0
        """The journal position ahead of it."""
        self._next = 0
        self._jumps: deque[_Jump] = deque()

    def add(self, number: int, before: int, position: int, losses: Losses) -> None:
        """Take note of an entry that the journal has at `position`, behind what is at `before` and what is missing."""
        if not self.count:
            self.begins_after = before
            self.first = self._next = number
        if losses or number != self._next:
            self._jumps.append(_Jump(position, number, losses))
        self._next = number + 1
        self.count += 1

    def read(self, journal: Journal, at_most: int) -> list[JournalFrame]:
        """Return the oldest frames; none if the journal is damaged there."""
        try:
            return journal.read(self.begins_after, max_lines=min(at_most, self.count))
        except ValueError:  # there is no frame where we left one
            return []

    def take(
        self,
        frames: Sequence[JournalFrame],
        new_batch: Callable[[int, Losses, int], Batch],
        from_line: Callable[[bytes], Any],
    ) -> Batch:
        """Make a batch of the first of the frames, up to a gap; they wait here no longer."""
        losses: Losses = {}
        if self._jumps and self._jumps[0].position == frames[0].position:
            _, self.first, losses = self._jumps.popleft()
        batch = new_batch(self.first, losses, self.begins_after)
        for frame in frames:
            if self._jumps and self._jumps[0].position == frame.position:
                break
            batch.add(frame.level, from_line(frame.line), frame.position)
        self.count -= len(batch)
        self.first += len(batch)
        self.begins_after = batch.ends_at
        return batch

    def forget(self, losses: Losses) -> int:
        """Return how many waited, and wait for none; what was missing among them goes into `losses`."""
        for jump in self._jumps:
            merge(jump.losses, into=losses)
        self._jumps.clear()
        count, self.count = self.count, 0
        return count

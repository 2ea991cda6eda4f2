"""Take lines of a journal back before their turn, although a journal is acknowledged from its beginning only."""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Iterable

from aura_logging.resilience.journal.writer import Journal

__all__ = ["VOIDS", "AnyOrderJournal", "Place", "voided_by"]

VOIDS = 255
"""The `kind` of a frame that is no line: it holds the sequence numbers of lines that need not be delivered any more."""

_NUMBER_BYTES = 8


class Place:
    """Where one line lies in the journal."""

    __slots__ = ("is_settled", "position", "sequence")

    def __init__(self, position: int, sequence: int) -> None:
        self.position = position
        self.sequence = sequence
        self.is_settled = False


class AnyOrderJournal:
    """A journal whose lines are settled in any order: delivered, or not wanted any more.

    What is settled in front of all others is acknowledged; for the rest a frame of kind `VOIDS` says so, and
    recovery passes them by. One line that waits for long keeps those behind it in the files; their bytes count
    against the journal's limit. Any thread may call; a forked child makes a new one over the same journal.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._lock = threading.RLock()
        self._places: deque[Place] = deque()
        self._next = 0

    def append(self, line: bytes, level: int) -> Place | None:
        """Copy the line into the journal; `None` if it would not take it, see `journal.refusal`."""
        with self._lock:
            return self._append(line, level, 0)

    def settle(self, places: Iterable[Place]) -> None:
        """Say that these lines need no delivery from here on; their order is of no matter."""
        with self._lock:
            settled = [place for place in places if not place.is_settled]
            for place in settled:
                place.is_settled = True
            self._acknowledge()
            # What the acknowledgement did not reach.
            waiting_from = self._places[0].sequence if self._places else self._next
            late = [place.sequence for place in settled if place.sequence > waiting_from]
            if late:
                void = self._append(struct.pack(f"<{len(late)}Q", *late), 0, VOIDS)
                if void is not None:
                    void.is_settled = True

    def _append(self, line: bytes, level: int, kind: int) -> Place | None:
        position = self.journal.append(line, level, kind)
        if position is None:
            return None
        place = Place(position, self._next)
        self._next += 1
        self._places.append(place)
        return place

    def _acknowledge(self) -> None:
        last = None
        while self._places and self._places[0].is_settled:
            last = self._places.popleft()
        if last is not None:
            self.journal.acknowledge(last.position)


def voided_by(content: bytes) -> tuple[int, ...]:
    """Return the sequence numbers in a frame of kind `VOIDS`."""
    return struct.unpack(f"<{len(content) // _NUMBER_BYTES}Q", content[: len(content) // _NUMBER_BYTES * _NUMBER_BYTES])

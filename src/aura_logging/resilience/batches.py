"""Keep consecutive entries together, as a target will take them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

__all__ = ["Batch", "ItemBatch", "Line", "LineBatch", "Losses", "merge", "single_lines"]

Losses = dict[str, int]


def merge(losses: Mapping[str, int], into: Losses) -> None:
    """Add counts by reason to others."""
    for reason, count in losses.items():
        into[reason] = into.get(reason, 0) + count


Line = bytes | bytearray | memoryview
"""One encoded line, or a block of several whole ones."""


def single_lines(lines: Iterable[Line]) -> list[bytes]:
    """Return lines and blocks of lines as single lines, each with its newline."""
    return [line + b"\n" for block in lines for line in bytes(block).removesuffix(b"\n").split(b"\n")]


class Batch(Protocol):
    """Entries with consecutive numbers, oldest first; what lies before a gap is another batch.

    Not thread-safe: its outbox lets one thread in at a time, and gives it to one worker.
    """

    first: int
    """The number of the first entry."""
    losses: Losses
    """What is missing right before it, by reason."""
    begins_after: int
    """The journal position ahead of its first entry."""
    ends_at: int
    """The journal position of its last entry."""

    def __len__(self) -> int:
        """Return how many entries it holds."""
        ...

    def add(self, level: int, payload: Any, position: int) -> None:
        """Put an entry behind the others."""
        ...

    def remove_first(self, count: int) -> list[tuple[int, Any]]:
        """Take so many entries away from its head; return their levels and payloads."""
        ...

    def split(self, count: int) -> Batch:
        """Take so many entries away from its head as a batch of their own, with what is missing ahead of them."""
        ...


class LineBatch:
    """Encoded lines, back to back in one buffer: one copy and one write for all of them.

    A list of `bytes` objects costs microseconds a line more: each is made in one thread's cache and freed in
    another's.
    """

    __slots__ = ("_data", "_ends", "_levels", "_removed", "begins_after", "ends_at", "first", "losses")

    def __init__(self, first: int, losses: Losses, begins_after: int) -> None:
        self.first = first
        self.losses = losses
        self.begins_after = begins_after
        self.ends_at = begins_after
        self._data = bytearray()
        self._ends: list[int] = []
        self._levels: list[int] = []
        self._removed = 0

    def __len__(self) -> int:
        return len(self._ends) - self._removed

    def add(self, level: int, payload: bytes, position: int) -> None:
        """Copy a line behind the others."""
        self._data += payload
        self._ends.append(len(self._data))
        self._levels.append(level)
        self.ends_at = position

    def remove_first(self, count: int) -> list[tuple[int, bytes]]:
        """Take lines away from the head; their bytes stay in the buffer until the batch is gone."""
        removed = []
        for index in range(self._removed, self._removed + count):
            start = self._ends[index - 1] if index else 0
            removed.append((self._levels[index], bytes(self._data[start : self._ends[index]])))
        self._removed += count
        self.first += count
        return removed

    def split(self, count: int) -> LineBatch:
        """Take lines away from the head as a batch of their own.

        Where in the journal the one ends and the other begins is not kept: each stands for both.
        """
        head = LineBatch(self.first, self.losses, self.begins_after)
        for level, line in self.remove_first(count):
            head.add(level, line, self.ends_at)
        self.losses = {}
        return head

    def lines(self) -> list[bytes]:
        """Return the lines one by one."""
        ends = self._ends
        starts = [0, *ends]
        return [bytes(self._data[starts[index] : ends[index]]) for index in range(self._removed, len(ends))]

    def block(self) -> memoryview | bytearray:
        """Return the lines as one piece."""
        return memoryview(self._data)[self._ends[self._removed - 1] :] if self._removed else self._data


class ItemBatch:
    """Any objects, one by one."""

    __slots__ = ("_items", "begins_after", "ends_at", "first", "losses")

    def __init__(self, first: int, losses: Losses, begins_after: int) -> None:
        self.first = first
        self.losses = losses
        self.begins_after = begins_after
        self.ends_at = begins_after
        self._items: deque[tuple[int, Any, int]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, level: int, payload: Any, position: int) -> None:
        """Put an object behind the others."""
        self._items.append((level, payload, position))
        self.ends_at = position

    def remove_first(self, count: int) -> list[tuple[int, Any]]:
        """Take objects away from the head."""
        self.first += count
        removed = []
        for _ in range(count):
            level, payload, self.begins_after = self._items.popleft()
            removed.append((level, payload))
        return removed

    def split(self, count: int) -> ItemBatch:
        """Take objects away from the head as a batch of their own."""
        head = ItemBatch(self.first, self.losses, self.begins_after)
        for _ in range(count):
            head.add(*self._items.popleft())
        self.first += count
        self.begins_after = head.ends_at
        self.losses = {}
        return head

    def items(self) -> Sequence[Any]:
        """Return the objects."""
        return [payload for _, payload, _ in self._items]

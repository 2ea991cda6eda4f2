"""Hold what waits to be delivered, within bounds, and keep a ledger that always balances.

    accepted = delivered + dropped + queued + in flight + spilled

Every entry accepted gets the next sequence number of its stream, so a reader of what was delivered sees a
loss as a gap; a `Loss` goes out with the first entry after the gap and says how many are missing, and why.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["Entry", "Ledger", "Outbox", "WhenFull"]

Payload = TypeVar("Payload")


class WhenFull(enum.StrEnum):
    """What gives way when an outbox is full."""

    DROP_OLDEST = "drop_oldest"
    """The entry that has waited longest."""
    DROP_NEWEST = "drop_newest"
    """The entry that comes."""
    BLOCK = "block"
    """The caller waits for room up to a deadline; then the entry that comes is dropped."""
    SPILL = "spill"
    """Nothing: entries wait on disk, up to the journal's limit; there the entry that comes is dropped."""


Entry = tuple[int, int, Payload]
"""One thing to deliver: its number in the stream, its level, and what to hand over.

A bare tuple: it is made on every log call, and naming its parts would cost more than all else an outbox does.
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books at one moment."""

    accepted: int
    delivered: int
    dropped: Mapping[str, int]
    queued: int
    in_flight: int
    spilled: int = 0

    @property
    def balances(self) -> bool:
        """Whether every entry accepted is accounted for."""
        settled = self.delivered + sum(self.dropped.values())
        return self.accepted == settled + self.queued + self.in_flight + self.spilled


Losses = dict[str, int]


class Outbox(Generic[Payload]):
    """A bounded queue with a ledger, filled by any thread and emptied by workers.

    At most `size` entries wait, and at most as many again are in flight. `stamp(payload, number)` writes the
    sequence number into what will be delivered; it runs under the lock, so it must be quick.

    `put` may be called at any moment, also by a signal handler or a finaliser that interrupts another `put` of
    the same thread: the inner entry is set aside and taken in when the outer one is done. A forked child begins
    with an empty outbox and a ledger of zeros: what waits is its parent's to deliver.
    """

    def __init__(
        self,
        size: int,
        when_full: WhenFull = WhenFull.DROP_OLDEST,
        *,
        stamp: Callable[[Payload, int], Payload] = lambda payload, number: payload,
        block_seconds: float = 0.1,
        clock: Clock = time.monotonic,
    ) -> None:
        self.size = size
        self._when_full = when_full
        self._may_block = when_full is WhenFull.BLOCK
        self.stamp = stamp
        self._block_seconds = block_seconds
        self._clock = clock
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin empty, with locks that nobody holds."""
        self._lock = threading.RLock()
        # Locks as bells: releasing one is atomic and never waits.
        self._room = threading.Lock()
        self._bells: list[Any] = []
        self._set_aside: deque[tuple[int, Payload]] = deque()
        self._queue: deque[Entry[Payload]] = deque()
        self._in_flight: dict[int, Sequence[Entry[Payload]]] = {}
        self._accepted = 0
        self._delivered = 0
        self._dropped: Losses = {}
        # By the number of the first entry after a gap: what is missing before it.
        self._losses: dict[int, Losses] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, level: int, payload: Payload, may_wait: bool = True) -> Sequence[Entry[Payload]]:
        """Accept an entry; return those that had to give way, which may be the new one itself."""
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]  # what threading.Condition asks of its lock, too
            self._set_aside.append((level, payload))
            return ()
        if self._may_block and may_wait and len(self._queue) >= self.size:
            self._wait_for_room()
        with lock:
            if len(self._queue) < self.size and not self._set_aside:
                number = self._accepted = self._accepted + 1
                self._queue.append((number, level, self.stamp(payload, number)))
                if not self._set_aside:
                    return ()
                lost: list[Entry[Payload]] = []
            else:
                lost = self._put(level, payload)
            while self._set_aside:
                lost += self._put(*self._set_aside.popleft())
        return lost

    def _put(self, level: int, payload: Payload) -> list[Entry[Payload]]:
        number = self._accepted = self._accepted + 1
        queue = self._queue
        lost: list[Entry[Payload]] = []
        if len(queue) >= self.size:
            if self._when_full is not WhenFull.DROP_OLDEST:
                lost.append((number, level, payload))
                self._lose(lost, "buffer_full", before=number + 1)
                return lost
            lost.append(queue.popleft())
            self._lose(lost, "buffer_full", before=queue[0][0] if queue else number)
        queue.append((number, level, self.stamp(payload, number)))
        return lost

    def _wait_for_room(self) -> None:
        deadline = self._clock() + self._block_seconds
        while len(self._queue) >= self.size:
            remaining = deadline - self._clock()
            if remaining <= 0 or not self._room.acquire(timeout=remaining):
                return
        _ring(self._room)  # there may be room for the next in line as well

    def refuse(self, reason: str) -> None:
        """Count something that was offered but could not be accepted, as accepted and lost."""
        with self._lock:
            self._accepted += 1
            self._count(reason, 1)

    def take(self, most: int) -> list[Entry[Payload]]:
        """Return the oldest entries, at most so many; they are in flight until `settle` or `give_back`."""
        with self._lock:
            while self._set_aside:
                self._put(*self._set_aside.popleft())
            queue = self._queue
            batch = [queue.popleft() for _ in range(min(most, len(queue)))]
            if batch:
                self._in_flight[batch[0][0]] = batch
        _ring(self._room)
        return batch

    def settle(
        self, batch: Sequence[Entry[Payload]], taken: int | None = None, lost: int = 0, reason: str = ""
    ) -> list[Entry[Payload]]:
        """Say that the target took the first `taken` of a batch (by default all) and never will the `lost` next.

        The others go back to the head of the queue, where `take` finds them first, in order. Returns the lost.
        """
        taken = len(batch) if taken is None else taken
        hopeless = list(batch[taken : taken + lost])
        with self._lock:
            del self._in_flight[batch[0][0]]
            self._delivered += taken
            if self._losses:
                for entry in batch[:taken]:
                    self._losses.pop(entry[0], None)
            self._queue.extendleft(reversed(batch[taken + lost :]))
            if hopeless:
                self._lose(hopeless, reason, before=hopeless[-1][0] + 1)
        for bell in self._bells:
            _ring(bell)
        return hopeless

    def wait_until_settled(self, number: int, deadline: float) -> bool:
        """Wait until no entry up to `number` is outstanding; false if the deadline came first."""
        bell = threading.Lock()
        self._bells.append(bell)
        try:
            while (oldest := self.oldest_outstanding()) is not None and oldest <= number:
                remaining = deadline - self._clock()
                if remaining <= 0 or not bell.acquire(timeout=min(remaining, threading.TIMEOUT_MAX)):
                    return False
        finally:
            self._bells.remove(bell)
        return True

    def abandon(self, reason: str) -> list[Entry[Payload]]:
        """Give up on everything that waits; return it. What is in flight stays with its worker."""
        with self._lock:
            lost = list(self._queue)
            self._queue.clear()
            if lost:
                self._lose(lost, reason, before=lost[-1][0] + 1)
        _ring(self._room)
        for bell in self._bells:
            _ring(bell)
        return lost

    def losses_before(self, batch: Sequence[Entry[Payload]]) -> dict[int, Losses]:
        """Return what is missing before entries of the batch, by entry number; told until it is settled."""
        if not self._losses:
            return {}
        with self._lock:
            return {e[0]: dict(self._losses[e[0]]) for e in batch if e[0] in self._losses}

    def oldest_outstanding(self) -> int | None:
        """Return the number of the oldest entry not yet delivered or dropped; `None` when there is none."""
        with self._lock:
            numbers = list(self._in_flight)
            if self._queue:
                numbers.append(self._queue[0][0])
            return min(numbers, default=None)

    @property
    def accepted(self) -> int:
        """How many entries were accepted: the number of the newest."""
        return self._accepted

    @property
    def lost(self) -> int:
        """How many entries were accepted and lost."""
        return sum(self._dropped.copy().values())

    def ledger(self) -> Ledger:
        """Return the books; they balance at any moment."""
        with self._lock:
            return Ledger(
                accepted=self._accepted,
                delivered=self._delivered,
                dropped=dict(self._dropped),
                queued=len(self._queue),
                in_flight=sum(map(len, self._in_flight.values())),
            )

    def _lose(self, entries: Sequence[Entry[Payload]], reason: str, before: int) -> None:
        """Count a loss and remember that it lies before entry number `before`, with what lay before the lost."""
        self._count(reason, len(entries))
        told = self._losses
        missing = told.setdefault(before, {})
        missing[reason] = missing.get(reason, 0) + len(entries)
        for entry in entries:
            for earlier, count in told.pop(entry[0], {}).items():
                missing[earlier] = missing.get(earlier, 0) + count

    def _count(self, reason: str, count: int) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + count


def _ring(bell: Any) -> None:
    """Release a lock that somebody waits for; ringing twice is as good as once."""
    try:
        bell.release()
    except RuntimeError:
        return

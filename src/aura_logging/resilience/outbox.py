"""Hold what waits to be delivered, within bounds, and keep a ledger that always balances.

    accepted = delivered + dropped + queued + in flight + spilled

Every entry accepted gets the next number of its stream, so a reader of what was delivered sees a loss as a gap;
the batch behind a gap says how many entries are missing there, and why.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aura_logging.resilience.batches import Batch, ItemBatch, Losses
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.journal import Journal

__all__ = ["Entry", "Ledger", "Outbox", "WhenFull"]


class WhenFull(enum.StrEnum):
    """What gives way when an outbox is full."""

    DROP_OLDEST = "drop_oldest"
    """The entry that has waited longest."""
    DROP_NEWEST = "drop_newest"
    """The entry that comes."""
    BLOCK = "block"
    """The caller waits for room up to a deadline; then the entry that comes is dropped."""
    SPILL = "spill"
    """Nothing, up to the journal's limit; there the entry that comes is dropped."""


class Entry(NamedTuple):
    """An entry that was lost: its level, and what would have been delivered."""

    level: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books at one moment, in entries of this process."""

    accepted: int
    delivered: int
    dropped: Mapping[str, int]
    queued: int
    in_flight: int
    spilled: int
    """Those that wait in the journal only: no room in memory, or left there at the end."""
    unjournaled: Mapping[str, int]
    """Those that the journal did not take, by reason: a kill would have lost them."""

    @property
    def balances(self) -> bool:
        """Whether every entry accepted is accounted for."""
        settled = self.delivered + sum(self.dropped.values())
        return self.accepted == settled + self.queued + self.in_flight + self.spilled


class _Jump(NamedTuple):
    """Where, in the journal, numbers do not go on by one: what is missing ahead of the frame at `position`."""

    position: int
    number: int
    losses: Losses


def _unstamped(payload: Any, number: int) -> Any:
    del number
    return payload


class Outbox:
    """A bounded queue with a ledger, filled by any thread and emptied by workers.

    At most `size` entries wait in memory, and at most as many again are in flight or come back from a failed try.
    Without a journal `when_full` says which entry gives way beyond that. With one, each entry is in the journal
    before `put` returns; those beyond `size` wait there alone and are read back in order, and at the journal's limit
    the entry that comes is dropped. An entry that the journal cannot take waits in memory, unprotected.

    `stamp(payload, number)` writes the number into what will be delivered, and into the journal's line; it runs under
    the lock, so it must be quick.

    `put` may be called at any moment, also by a signal handler or a finaliser that interrupts another `put` of the
    same thread: the inner entry is set aside and taken in when the outer one is done. A forked child begins with an
    empty outbox and a ledger of zeros: what waits is its parent's to deliver.
    """

    def __init__(
        self,
        size: int,
        when_full: WhenFull = WhenFull.DROP_OLDEST,
        *,
        new_batch: Callable[[int, Losses, int], Batch] = ItemBatch,
        block_seconds: float = 0.1,
        clock: Clock = time.monotonic,
    ) -> None:
        self.size = size
        self.stamp: Callable[[Any, int], Any] = _unstamped
        self.stamp_line: Callable[[bytes, int], bytes] = _unstamped
        self.from_line: Callable[[bytes], Any] = bytes
        self.journal: Journal | None = None
        self._when_full = when_full
        self._may_block = when_full is WhenFull.BLOCK
        self._new_batch = new_batch
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
        self._reading_back = threading.Lock()
        self._set_aside: deque[tuple[int, Any, bytes | None]] = deque()
        self._waiting: deque[Batch] = deque()
        self._tail: Batch | None = None
        self.queued = 0
        """How many entries wait in memory."""
        self._in_flight: dict[int, Batch] = {}
        self._accepted = 0
        self._delivered = 0
        self._dropped: Losses = {}
        self._unjournaled: Losses = {}
        # What is missing ahead of the next entry that finds room.
        self._losses: Losses = {}
        self._position = 0
        self._settled_to = 0
        self._spilled = 0
        self._left_behind = 0
        self._spilled_from = 0
        self._first_spilled = 0
        self._next_spilled = 0
        self._jumps: deque[_Jump] = deque()

    def put(self, level: int, payload: Any, line: bytes | None = None, *, may_wait: bool = True) -> list[Entry] | None:
        """Accept an entry; return those that had to give way, which may be the new one itself.

        `line` is what the journal keeps of a payload that is no line itself.
        """
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]  # what threading.Condition asks of its lock, too
            self._set_aside.append((level, payload, line))
            return None
        if self._may_block and may_wait and self.queued >= self.size:
            self._wait_for_room()
        with lock:
            lost = self._put(level, payload, line)
            if self._set_aside:
                lost = [*(lost or ()), *self._take_in_what_was_set_aside()]
        return lost

    def _put(self, level: int, payload: Any, line: bytes | None) -> list[Entry] | None:
        number = self._accepted = self._accepted + 1
        payload = self.stamp(payload, number)
        journal = self.journal
        if journal is not None:
            before = self._position
            position = journal.append(payload if line is None else self.stamp_line(line, number), level)
            if position is None:
                return self._put_unjournaled(level, payload, number, journal.refusal or "journal_unavailable")
            self._position = position
            if self._spilled or self.queued >= self.size:
                self._spill(number, before, position)
                return None
        elif self.queued >= self.size:
            return self._put_in_full(level, payload, number)
        self._keep(level, payload, number)
        return None

    def _keep(self, level: int, payload: Any, number: int) -> None:
        tail = self._tail
        if tail is None or self._losses:
            tail = self._begin_batch(number)
        tail.add(level, payload, self._position)
        self.queued += 1

    def _begin_batch(self, number: int) -> Batch:
        losses, self._losses = self._losses, {}
        begins_after = self._position if self._tail is None else self._tail.ends_at
        batch = self._tail = self._new_batch(number, losses, begins_after)
        self._waiting.append(batch)
        return batch

    def _put_in_full(self, level: int, payload: Any, number: int) -> list[Entry]:
        if self._when_full is not WhenFull.DROP_OLDEST:
            self._lose("buffer_full", 1, self._losses)
            return [Entry(level, payload)]
        lost = []
        while self.queued >= self.size:
            lost += self._drop_oldest()
        self._keep(level, payload, number)
        return lost

    def _drop_oldest(self) -> list[Entry]:
        batch = self._waiting[0]
        lost = [Entry(*entry) for entry in batch.remove_first(1)]
        self.queued -= 1
        self._lose("buffer_full", 1, batch.losses)
        if not len(batch):
            self._waiting.popleft()
            if batch is self._tail:
                self._tail = None
            _merge(batch.losses, into=self._waiting[0].losses if self._waiting else self._losses)
        return lost

    def _put_unjournaled(self, level: int, payload: Any, number: int, refusal: str) -> list[Entry] | None:
        self._unjournaled[refusal] = self._unjournaled.get(refusal, 0) + 1
        if self._spilled:
            # Those that wait on disk come first, and it cannot wait with them.
            self._lose(refusal, 1, self._losses)
            return [Entry(level, payload)]
        if self.queued >= self.size:
            return self._put_in_full(level, payload, number)
        self._keep(level, payload, number)
        return None

    def _spill(self, number: int, before: int, position: int) -> None:
        if not self._spilled:
            self._tail = None
            self._spilled_from = before
            self._first_spilled = self._next_spilled = number
        if self._losses or number != self._next_spilled:
            losses, self._losses = self._losses, {}
            self._jumps.append(_Jump(position, number, losses))
        self._next_spilled = number + 1
        self._spilled += 1

    def _wait_for_room(self) -> None:
        deadline = self._clock() + self._block_seconds
        while self.queued >= self.size:
            remaining = deadline - self._clock()
            if remaining <= 0 or not self._room.acquire(timeout=remaining):
                return
        _ring(self._room)  # there may be room for the next in line as well

    def refuse(self, reason: str) -> None:
        """Count something that was offered but could not be accepted, as accepted and lost."""
        with self._lock:
            self._accepted += 1
            self._lose(reason, 1, self._losses)

    def take(self) -> Batch | None:
        """Return the oldest entries that lie together; they are in flight until `settle`."""
        with self._lock:
            self._take_in_what_was_set_aside()
            if self._waiting:
                batch = self._waiting.popleft()
                if batch is self._tail:
                    self._tail = None
                self.queued -= len(batch)
                self._in_flight[id(batch)] = batch
                _ring(self._room)
                return batch
            if not self._spilled:
                return None
        return self._read_back()

    def _take_in_what_was_set_aside(self) -> list[Entry]:
        lost: list[Entry] = []
        while self._set_aside:
            lost += self._put(*self._set_aside.popleft()) or ()
        return lost

    def _read_back(self) -> Batch | None:
        """Return the oldest entries that wait in the journal only."""
        journal = self.journal
        if journal is None or not self._reading_back.acquire(blocking=False):
            return None
        try:
            # Not under our lock: callers go on appending behind what is read here.
            frames = journal.read(self._spilled_from, max_lines=min(self.size, self._spilled))
            with self._lock:
                number, losses = self._first_spilled, Losses()
                if self._jumps and frames and self._jumps[0].position == frames[0].position:
                    _, number, losses = self._jumps.popleft()
                batch = self._new_batch(number, losses, self._spilled_from)
                for frame in frames:
                    if self._jumps and self._jumps[0].position == frame.position:
                        break
                    batch.add(frame.level, self.from_line(frame.line), frame.position)
                if not len(batch):
                    # The journal has fewer than it took: somebody truncated its file.
                    self._lose("journal_damaged", self._spilled, self._losses)
                    self._spilled = 0
                    return None
                self._spilled -= len(batch)
                self._spilled_from = batch.ends_at
                self._first_spilled = number + len(batch)
                self._in_flight[id(batch)] = batch
                return batch
        finally:
            self._reading_back.release()

    def settle(self, batch: Batch, taken: int | None = None, lost: int = 0, reason: str = "") -> list[Entry]:
        """Say that the target took the first `taken` of a batch (by default all) and never will the `lost` next.

        The others go back to the head of the queue, where `take` finds them first. Returns the lost.
        """
        with self._lock:
            del self._in_flight[id(batch)]
            taken = len(batch) if taken is None else taken
            self._delivered += taken
            if taken:
                batch.losses = {}
            if taken < len(batch):
                batch.remove_first(taken)
                hopeless = [Entry(*entry) for entry in batch.remove_first(lost)]
                if hopeless:
                    self._lose(reason, len(hopeless), batch.losses)
                self._wait_again(batch)
            else:
                hopeless = []
            self._settled_to = max(self._settled_to, batch.ends_at)
            self._acknowledge()
        for bell in self._bells:
            _ring(bell)
        return hopeless

    def _wait_again(self, batch: Batch) -> None:
        if len(batch):
            self._waiting.appendleft(batch)
            self.queued += len(batch)
        else:
            _merge(batch.losses, into=self._waiting[0].losses if self._waiting else self._losses)

    def _acknowledge(self) -> None:
        """Tell the journal up to where everything is settled."""
        if self.journal is None:
            return
        starts = [other.begins_after for other in self._in_flight.values()]
        if self._waiting:
            starts.append(self._waiting[0].begins_after)
        if self._spilled:
            starts.append(self._spilled_from)
        self.journal.acknowledge(min([self._settled_to, *starts]))

    def abandon(self, reason: str) -> list[Entry]:
        """Give up on everything that waits; return what is lost by it. What is in flight stays with its worker.

        What is in the journal is not lost: it is left there, for another process to deliver.
        """
        lost: list[Entry] = []
        with self._lock:
            self._take_in_what_was_set_aside()
            for batch in self._waiting:
                if self.journal is not None and batch.ends_at > batch.begins_after:
                    self._left_behind += len(batch)
                else:
                    lost += [Entry(*entry) for entry in batch.remove_first(len(batch))]
            if lost:
                self._lose(reason, len(lost), self._losses)
            self._waiting.clear()
            self._tail = None
            self.queued = 0
            self._left_behind += self._spilled
            self._spilled = 0
        _ring(self._room)
        for bell in self._bells:
            _ring(bell)
        return lost

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

    def oldest_outstanding(self) -> int | None:
        """Return the number of the oldest entry not yet delivered or dropped; `None` when there is none."""
        with self._lock:
            self._take_in_what_was_set_aside()
            numbers = [batch.first for batch in self._in_flight.values()]
            if self._waiting:
                numbers.append(self._waiting[0].first)
            if self._spilled:
                numbers.append(self._first_spilled)
            return min(numbers, default=None)

    @property
    def accepted(self) -> int:
        """How many entries were accepted: the number of the newest."""
        return self._accepted

    @property
    def lost(self) -> int:
        """How many entries were accepted and lost."""
        with self._lock:
            return sum(self._dropped.values())

    def ledger(self) -> Ledger:
        """Return the books; they balance at any moment."""
        with self._lock:
            return Ledger(
                accepted=self._accepted,
                delivered=self._delivered,
                dropped=dict(self._dropped),
                queued=self.queued,
                in_flight=sum(map(len, self._in_flight.values())),
                spilled=self._spilled + self._left_behind,
                unjournaled=dict(self._unjournaled),
            )

    def _lose(self, reason: str, count: int, missing: Losses) -> None:
        """Count a loss, and add it to what is missing ahead of some batch."""
        self._dropped[reason] = self._dropped.get(reason, 0) + count
        missing[reason] = missing.get(reason, 0) + count


def _merge(losses: Mapping[str, int], into: Losses) -> None:
    for reason, count in losses.items():
        into[reason] = into.get(reason, 0) + count


def _ring(bell: Any) -> None:
    """Release a lock that somebody waits for; ringing twice is as good as once."""
    try:
        bell.release()
    except RuntimeError:
        return

"""Hold what waits to be delivered, within bounds, and keep a ledger that always balances.

    accepted = delivered + dropped + queued + in flight + spilled

Every entry accepted gets the next number of its stream, so a reader of what was delivered sees a loss as a gap;
the batch behind a gap says how many entries are missing there, and why.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aura_logging.resilience.batches import Batch, ItemBatch, Losses, merge
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.journal import Journal, Refusal
from aura_logging.resilience.ledger import Entry, Ledger, WhenFull
from aura_logging.resilience.spilled import Spilled

__all__ = ["Outbox"]


def _unstamped(payload: Any, number: int) -> Any:
    del number
    return payload


class Outbox:
    """A bounded queue with a ledger, filled by any thread and emptied by workers.

    At most `size` entries wait in memory, and at most as many again, for each worker, are in flight
    or come back from a failed try.
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
        # From signal handlers and finalisers that interrupted us.
        self._set_aside: deque[tuple[int, Any, bytes | None]] = deque()
        self._refused_aside: deque[str] = deque()
        self._unsaid: list[Entry] = []
        self._waiting: deque[Batch] = deque()
        self._tail: Batch | None = None
        self._unjournaled_tail: Batch | None = None
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
        self._spilled = Spilled()
        self._left_behind = 0
        self._left_from = 0

    def put(self, level: int, payload: Any, line: bytes | None = None, *, may_wait: bool = True) -> list[Entry] | None:
        """Accept an entry; return those that had to give way, which may be the new one itself.

        `line` is what the journal keeps of a payload that is no line itself.
        """
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]  # what threading.Condition asks of its lock, too
            self._set_aside.append((level, payload, line))
            return None
        if self._may_block and may_wait and self.journal is None:
            return self._put_when_there_is_room(level, payload, line)
        with lock:
            return self._put_now(level, payload, line)

    def _put_when_there_is_room(self, level: int, payload: Any, line: bytes | None) -> list[Entry] | None:
        """Put it as soon as there is room; at the deadline in any case."""
        deadline = self._clock() + self._block_seconds
        while True:
            with self._lock:
                # Asked again under the lock: whoever else waited may have been quicker.
                remaining = deadline - self._clock() if self.queued >= self.size else 0.0
                if remaining <= 0:
                    lost = self._put_now(level, payload, line)
                    if self.queued < self.size:
                        _ring(self._room)  # there is room for the next in line as well
                    return lost
            self._room.acquire(timeout=min(remaining, threading.TIMEOUT_MAX))

    def _put_now(self, level: int, payload: Any, line: bytes | None) -> list[Entry] | None:
        lost: list[Entry] | None = None
        try:
            tail = self._tail
            if tail is None or self._losses or self.queued >= self.size or self.journal is not None:
                lost = self._put(level, payload, line)
            else:
                # What `_put` comes to nearly always, without its calls (see benchmarks/log_call.py).
                number = self._accepted = self._accepted + 1
                tail.add(level, self.stamp(payload, number), 0)
                self.queued += 1
        except BaseException:
            self._undo()
            raise
        if self._set_aside or self._refused_aside:
            lost = [*(lost or ()), *self._take_in_what_was_set_aside()]
        return lost

    def _put(self, level: int, payload: Any, line: bytes | None) -> list[Entry] | None:
        number = self._accepted = self._accepted + 1
        payload = self.stamp(payload, number)
        journal = self.journal
        if journal is not None:
            position = journal.append(payload if line is None else self.stamp_line(line, number), level)
            if position is None:
                return self._put_unjournaled(level, payload, number, journal.refusal)
            if self._spilled.count or self.queued >= self.size:
                self._spill(number, position)
            else:
                self._keep(level, payload, number, position)
            self._position = position
            return None
        if self.queued >= self.size:
            return self._put_in_full(level, payload, number)
        self._keep(level, payload, number, 0)
        return None

    def _keep(self, level: int, payload: Any, number: int, position: int) -> None:
        tail = self._tail
        if tail is None or self._losses:
            tail = self._begin_batch(number)
        tail.add(level, payload, position)
        self.queued += 1

    def _begin_batch(self, number: int) -> Batch:
        losses, self._losses = self._losses, {}
        batch = self._tail = self._new_batch(number, losses, self._position)
        self._unjournaled_tail = None
        self._waiting.append(batch)
        return batch

    def _undo(self) -> None:
        """Take back an entry that an exception (of a stamp, or Ctrl-C) kept from being put anywhere."""
        self.queued = sum(map(len, self._waiting))
        in_flight = sum(map(len, self._in_flight.values()))
        settled = self._delivered + sum(self._dropped.values())
        self._accepted = settled + self.queued + in_flight + self._spilled.count + self._left_behind

    def _put_in_full(self, level: int, payload: Any, number: int) -> list[Entry]:
        if self._when_full is not WhenFull.DROP_OLDEST:
            self._lose("buffer_full", 1, self._losses)
            return [Entry(level, payload)]
        lost = []
        while self.queued >= self.size:
            lost += self._drop_oldest()
        self._keep_unjournaled(level, payload, number)
        return lost

    def _keep_unjournaled(self, level: int, payload: Any, number: int) -> None:
        """Keep it in a batch whose entries are all in memory only, so that the others are known to be safe."""
        if self.journal is None:
            self._keep(level, payload, number, 0)
            return
        self._tail = self._unjournaled_tail
        self._keep(level, payload, number, self._position)
        self._unjournaled_tail, self._tail = self._tail, None

    def _drop_oldest(self) -> list[Entry]:
        batch = self._waiting[0]
        lost = [Entry(*entry) for entry in batch.remove_first(1)]
        self.queued -= 1
        self._lose("buffer_full", 1, batch.losses)
        if not len(batch):
            self._waiting.popleft()
            self._close_tail(batch)
            merge(batch.losses, into=self._waiting[0].losses if self._waiting else self._losses)
        return lost

    def _put_unjournaled(self, level: int, payload: Any, number: int, why: Refusal | None) -> list[Entry] | None:
        refusal = (why or Refusal.UNAVAILABLE).value
        self._unjournaled[refusal] = self._unjournaled.get(refusal, 0) + 1
        if self._spilled.count:
            # Those that wait on disk come first, and it cannot wait with them.
            self._lose(refusal, 1, self._losses)
            return [Entry(level, payload)]
        if self.queued >= self.size:
            return self._put_in_full(level, payload, number)
        self._keep_unjournaled(level, payload, number)
        return None

    def _close_tail(self, batch: Batch) -> None:
        """Let nothing more be added to a batch."""
        if batch is self._tail:
            self._tail = None
        elif batch is self._unjournaled_tail:
            self._unjournaled_tail = None

    def _spill(self, number: int, position: int) -> None:
        if not self._spilled.count:
            self._tail = self._unjournaled_tail = None
        losses, self._losses = self._losses, {}
        self._spilled.add(number, self._position, position, losses)

    def refuse(self, reason: str) -> None:
        """Count something that was offered but could not be accepted, as accepted and lost."""
        if self.is_busy_here:
            self._refused_aside.append(reason)
            return
        with self._lock:
            self._accepted += 1
            self._lose(reason, 1, self._losses)

    @property
    def is_busy_here(self) -> bool:
        """Whether this thread is inside the outbox: the caller is a signal handler or a finaliser."""
        return self._lock._is_owned()  # type: ignore[attr-defined,no-any-return]  # see put

    def take(self, at_most: int | None = None) -> Batch | None:
        """Return the oldest entries that lie together, `at_most` so many; they are in flight until `settle`."""
        with self._lock:
            self._unsaid += self._take_in_what_was_set_aside()
            if self._waiting:
                batch = self._waiting[0]
                if at_most is not None and at_most < len(batch):
                    batch = batch.split(at_most)
                else:
                    self._waiting.popleft()
                    self._close_tail(batch)
                self.queued -= len(batch)
                self._in_flight[id(batch)] = batch
                _ring(self._room)
                return batch
            if not self._spilled.count:
                return None
        return self._read_back()

    def _take_in_what_was_set_aside(self) -> list[Entry]:
        lost: list[Entry] = []
        while self._refused_aside:
            self._accepted += 1
            self._lose(self._refused_aside.popleft(), 1, self._losses)
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
            frames = self._spilled.read(journal, self.size)
            with self._lock:
                if not frames:
                    # The journal has fewer than it took: somebody wrote into its file.
                    count = self._spilled.forget(self._losses)
                    self._lose("journal_damaged", count, self._losses)
                    return None
                batch = self._spilled.take(frames, self._new_batch, self.from_line)
                self._in_flight[id(batch)] = batch
                return batch
        finally:
            self._reading_back.release()

    def settle(self, batch: Batch, taken: int | None = None, lost: int = 0, reason: str = "") -> list[Entry]:
        """Say that the target took the first `taken` of a batch (by default all) and never will the `lost` next.

        The others go back to the head of the queue, where `take` finds them first. Returns the lost, and those that
        gave way since to entries set aside.
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
            hopeless += self._unsaid
            self._unsaid = []
            self._settled_to = max(self._settled_to, batch.ends_at)
            self._acknowledge()
        for bell in tuple(self._bells):
            _ring(bell)
        return hopeless

    def _wait_again(self, batch: Batch) -> None:
        # Among those of other workers that came back before: the journal is acknowledged up to the first that waits.
        newer = (place for place, other in enumerate(self._waiting) if other.first > batch.first)
        place = next(newer, len(self._waiting))
        if len(batch):
            self._waiting.insert(place, batch)
            self.queued += len(batch)
        else:
            following = self._waiting[place].losses if place < len(self._waiting) else self._losses
            merge(batch.losses, into=following)

    def _acknowledge(self) -> None:
        """Tell the journal up to where everything is settled."""
        if self.journal is None:
            return
        starts = [other.begins_after for other in self._in_flight.values()]
        if self._waiting:
            starts.append(self._waiting[0].begins_after)
        if self._spilled.count:
            starts.append(self._spilled.begins_after)
        if self._left_behind:
            starts.append(self._left_from)
        self.journal.acknowledge(min([self._settled_to, *starts]))

    def abandon(self, reason: str) -> list[Entry]:
        """Give up on everything that waits; return what is lost by it. What is in flight stays with its worker.

        What is in the journal is not lost: it is left there, for another process to deliver.
        """
        lost: list[Entry] = []
        nested = self.is_busy_here
        with self._lock:
            if not nested:
                lost += self._take_in_what_was_set_aside()
            hopeless: list[Entry] = []
            for batch in self._waiting:
                if self.journal is not None and batch.ends_at > batch.begins_after:
                    self._leave_behind(len(batch), batch.begins_after)
                else:
                    hopeless += [Entry(*entry) for entry in batch.remove_first(len(batch))]
            if hopeless:
                self._lose(reason, len(hopeless), self._losses)
            self._waiting.clear()
            self._tail = self._unjournaled_tail = None
            self.queued = 0
            if self._spilled.count:
                self._leave_behind(self._spilled.count, self._spilled.begins_after)
                self._spilled.forget(self._losses)
            lost += hopeless + self._unsaid
            self._unsaid = []
        _ring(self._room)
        for bell in tuple(self._bells):
            _ring(bell)
        return lost

    def _leave_behind(self, count: int, begins_after: int) -> None:
        self._left_from = min(begins_after, self._left_from) if self._left_behind else begins_after
        self._left_behind += count

    def wait_until_settled(self, number: int, deadline: float) -> bool:
        """Wait until no entry up to `number` is outstanding; false if the deadline came first."""
        bell = threading.Lock()
        self._bells.append(bell)
        rang = True
        try:
            while (oldest := self.oldest_outstanding()) is not None and oldest <= number:
                remaining = deadline - self._clock()
                if remaining <= 0 or not rang:
                    return False
                rang = bell.acquire(timeout=min(remaining, threading.TIMEOUT_MAX))
        finally:
            self._bells.remove(bell)
        return True

    def oldest_outstanding(self) -> int | None:
        """Return the number of the oldest entry not yet delivered or dropped; `None` when there is none."""
        nested = self.is_busy_here
        with self._lock:
            if not nested:
                self._unsaid += self._take_in_what_was_set_aside()
            numbers = [batch.first for batch in self._in_flight.values()]
            if self._waiting:
                numbers.append(self._waiting[0].first)
            if self._spilled.count:
                numbers.append(self._spilled.first)
            return min(numbers, default=None)

    @property
    def accepted(self) -> int:
        """How many entries were accepted: the number of the newest."""
        return self._accepted

    @property
    def settled(self) -> int:
        """How many entries are delivered or lost."""
        with self._lock:
            return self._delivered + sum(self._dropped.values())

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
                spilled=self._spilled.count + self._left_behind,
                unjournaled=dict(self._unjournaled),
            )

    def _lose(self, reason: str, count: int, missing: Losses) -> None:
        """Count a loss, and add it to what is missing ahead of some batch."""
        self._dropped[reason] = self._dropped.get(reason, 0) + count
        missing[reason] = missing.get(reason, 0) + count


def _ring(bell: Any) -> None:
    """Release a lock that somebody waits for; ringing twice is as good as once."""
    try:
        bell.release()
    except RuntimeError:
        return

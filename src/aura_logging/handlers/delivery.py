"""Offer what waits in an outbox to a target until it takes it, and what dead processes left, too."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from aura_logging.handlers.emergency import LastWords
from aura_logging.handlers.hearing import logging_inside
from aura_logging.handlers.losses import loss_record
from aura_logging.handlers.orphans import Recovered, deliver_orphans
from aura_logging.handlers.targets import DeliveryStopped, Target, TargetFailed
from aura_logging.resilience.batches import Batch
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.ledger import Entry
from aura_logging.resilience.outbox import Outbox

__all__ = ["Delivery"]

_RECOVER_EVERY_SECONDS = 5.0
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 5.0


class Delivery:
    """The half of a buffered handler that runs on its workers, or on whoever logs when there can be no worker.

    A target that fails is offered the same batch again after growing pauses; behind an open breaker it is not
    offered anything. An entry on which the target's own code fails is dropped, as `"target_error"`. What is lost
    at ERROR or above is handed to `last_words`. `jitter` lengthens each pause by a random share of up to it.

    Several threads may work at once, up to `workers`; each has its own batch. Nothing here logs.
    """

    def __init__(
        self,
        outbox: Outbox,
        target: Target,
        breaker: CircuitBreaker,
        *,
        workers: int = 1,
        idle_seconds: float = 1.0,
        last_words: LastWords | None = None,
        jitter: float = 0.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.outbox = outbox
        self.target = target
        self.breaker = breaker
        self._idle_seconds = idle_seconds
        self._last_words = last_words
        self._jitter = jitter
        self._clock = clock
        self._batch_size = target.batch_size(workers, outbox.size)
        self._plenty = max(1, outbox.size // 4)
        self.name: str | None = None
        """The handler's, for the notice of a loss."""
        self.filters: Iterable[Callable[[logging.LogRecord], object]] = ()
        """What puts context on such a notice; what they decide about it does not count."""
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Forget what the parent was at; its handler calls this, after the outbox's own."""
        self.stream = ""
        self.recovered = Recovered()
        self.failures_in_a_row = 0
        self.last_error = ""
        self.errors: dict[str, int] = {}
        self.emergencies = 0
        self._stopping = False
        self._recovering = threading.Lock()
        self._next_recovery = float("-inf")
        self._draining = threading.RLock()
        self._last_own_line = 0
        self._offered_at: dict[int, float] = {}

    def work(self) -> float:
        """Deliver what waits; return how many seconds there is nothing to do for unless somebody wakes us."""
        pause = 0.0
        while not pause and not self._stopping and (batch := self.outbox.take(self._batch_size)) is not None:
            pause = self._deliver(batch, lambda: not self._stopping)
            self._maintain_journal()
        if not pause and not self._stopping:
            self._recover_now_and_then()
        return pause or self._idle_seconds

    def drain(self, deadline: float, *, in_turn: bool, may_sleep: bool) -> bool:
        """Deliver on this thread what waits at this moment; return false if the target, or the time, does not allow it.

        If another thread drains already, wait for our turn, or else trust in those who come later. After a failure
        try again if we `may_sleep`. Does nothing on a thread that is inside the outbox: a signal handler, whose record
        is delivered by what it interrupted.
        """
        outbox = self.outbox
        if outbox.is_busy_here:
            return True
        goal = outbox.accepted
        patience = max(0.0, deadline - self._clock()) if in_turn else 0.0
        if not self._draining.acquire(timeout=min(patience, threading.TIMEOUT_MAX)):
            return not in_turn
        try:
            while (first := outbox.first_waiting()) is not None and first <= goal:
                if not self._drain_a_batch(deadline, may_sleep=may_sleep):
                    return False
        finally:
            self._draining.release()
        return True

    def _drain_a_batch(self, deadline: float, *, may_sleep: bool) -> bool:
        """Return whether to go on."""
        batch = self.outbox.take(self._batch_size)
        if batch is None:  # a worker was quicker
            return True
        pause = self._deliver(batch, lambda: self._clock() <= deadline)
        if pause and not may_sleep:
            return False
        if self._clock() + (pause and max(pause, self.breaker.retry_after_seconds)) > deadline:
            return self.outbox.first_waiting() is None
        time.sleep(pause)
        return True

    def stop(self) -> None:
        """Have every worker return from `work` after what it is at: a write, or a record."""
        self._stopping = True

    def stuck_seconds(self) -> float:
        """Return for how long the target has kept a worker waiting by now."""
        try:
            return max(0.0, self._clock() - min(self._offered_at.values()))
        except (ValueError, RuntimeError):  # none is waiting, or one has just returned
            return 0.0

    def note_error(self, error: BaseException) -> None:
        """Count an error for `health()`."""
        kind = type(error).__name__
        self.errors[kind] = self.errors.get(kind, 0) + 1
        self.last_error = f"{kind}: {error}"

    def note_own_line(self) -> None:
        """Remember that what was put last, the target had logged itself.

        It is delivered; what is logged while that happens is not, or it would go on for ever.
        """
        self._last_own_line = self.outbox.accepted

    def say_last_words(self, lost: Sequence[Entry]) -> None:
        """Put what is lost and serious where somebody may see it."""
        if self._last_words is None:
            return
        for level, payload in lost:
            if level >= logging.ERROR and self._last_words(payload):
                self.emergencies += 1

    def recover_now(self) -> Recovered:
        """Deliver what dead processes left, on this thread; return all that this process has recovered so far."""
        with self._recovering:
            self._recover(lambda: True)
        return self.recovered

    def _deliver(self, batch: Batch, go_on: Callable[[], bool]) -> float:
        """Offer a batch to the target; return how long to wait before the next, 0 after a success."""
        outbox = self.outbox
        if not self.breaker.allow():
            outbox.settle(batch, taken=0)
            return max(_FIRST_RETRY_SECONDS, min(self.breaker.retry_after_seconds, self._idle_seconds))
        me = threading.get_ident()
        self._offered_at[me] = self._clock()
        try:
            with logging_inside(allowed=batch.first > self._last_own_line):
                self.target.deliver(batch, self._notice(batch), go_on)
        except TargetFailed as failure:
            self.note_error(failure.cause)
            return self._after_failure(failure, batch)
        except DeliveryStopped as stopped:
            self.say_last_words(outbox.settle(batch, stopped.taken))
            self.breaker.record_success()
            return _FIRST_RETRY_SECONDS
        except BaseException:
            # SystemExit or Ctrl-C: somebody wants this thread to end, but nobody the batch to be lost.
            outbox.settle(batch, taken=0)
            self.breaker.record_failure()
            raise
        finally:
            self._offered_at.pop(me, None)
        self.say_last_words(outbox.settle(batch))
        self.breaker.record_success()
        self.failures_in_a_row = 0
        return 0.0

    def _after_failure(self, failure: TargetFailed, batch: Batch) -> float:
        if not failure.again:
            # Not the target but this record is at fault: without it the others can go on.
            self.breaker.record_success()
            self.say_last_words(self.outbox.settle(batch, failure.taken, lost=1, reason="target_error"))
            return 0.0
        self.say_last_words(self.outbox.settle(batch, failure.taken))
        self.breaker.record_failure()
        self.failures_in_a_row += 1
        pause = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(self.failures_in_a_row - 1, 10))
        return pause * (1.0 + self._jitter * random.random())  # noqa: S311  # no secret

    def _notice(self, batch: Batch) -> object:
        if not batch.losses:
            return None
        record = loss_record(batch.losses, self.name, self.stream)
        for add_context in self.filters:
            try:
                add_context(record)
            except Exception as error:  # noqa: BLE001  # a filter is anybody's code; the notice goes without
                self.note_error(error)
        return self.target.payload(record)

    def _maintain_journal(self) -> None:
        journal = self.outbox.journal
        if journal is not None:
            journal.maintain()
            journal.sync()

    def _recover_now_and_then(self) -> None:
        """Look for orphans, at most every few seconds; what is new comes first."""
        self._maintain_journal()
        now = self._clock()
        if self.outbox.journal is None or now < self._next_recovery or not self._recovering.acquire(blocking=False):
            return
        try:
            self._next_recovery = now + _RECOVER_EVERY_SECONDS
            self._recover(lambda: self.outbox.queued < self._plenty and not self._stopping)
            if self.recovered.interrupted:
                self._next_recovery = now
        finally:
            self._recovering.release()

    def _recover(self, go_on: Callable[[], bool]) -> None:
        journal = self.outbox.journal
        if journal is None:
            return
        with logging_inside(allowed=False):
            found = deliver_orphans(journal.directory, journal.name, self.target, self.breaker, go_on)
        self.recovered = self.recovered.followed_by(found)
        if found.error is not None:
            self.note_error(found.error)

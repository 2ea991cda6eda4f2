"""Take a record in microseconds, and have a thread deliver it."""

from __future__ import annotations

import logging
import secrets
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aura_logging import dictconfig
from aura_logging.handlers import emergency as last_words
from aura_logging.handlers.losses import loss_record
from aura_logging.handlers.targets import TargetFailed, is_delivering, target_for, wanted
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.outbox import Entry, Outbox, WhenFull
from aura_logging.resilience.worker import Worker

__all__ = ["AsyncBufferedHandler"]

HandlerReference = str | Mapping[str, Any] | logging.Handler

_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 5.0


class AsyncBufferedHandler(logging.Handler):
    """Puts records into a bounded buffer and lets a worker thread deliver them to `target` in batches.

    The logging thread encodes (arguments are what they were) and returns; it never waits for the target. The
    worker delivers when a quarter of `buffer_size` waits, and at least every `flush_interval` seconds.

    `target` is a handler's name in `LOGGING["handlers"]`, an inline handler dict, or a handler. Its level and
    filters are asked on the logging thread. A target that takes lines (`StructuredFileHandler`) gets whole
    batches of bytes; any other gets records whose message and traceback are text.

    `when_full` says what gives way when `buffer_size` records wait: `"drop_oldest"`, `"drop_newest"`, or `"block"`
    (the caller waits up to `block_seconds`, then the new one is dropped). As many again may be on their way.

    With `workers` over 1, for slow network targets, order holds within a batch only.

    A failing target is retried with growing pauses; after `failure_threshold` failures in a row the breaker opens,
    and one probe every `cooldown_seconds` finds out when it is well. A record on which the target's own code
    fails is dropped. What is lost at ERROR or above goes to `emergency`: `"stderr"` (never waited for), `None`,
    or a handler.

    Every loss is counted by reason in `health()`; every delivered record carries `stream` and `seq`, and a record
    of logger `aura.delivery` goes ahead of the first one after a gap. Safe under fork (a child starts empty),
    in signal handlers and finalisers. At exit `close` delivers for up to `shutdown_seconds`; the rest is counted
    as lost. A process that is killed loses what the last `flush_interval` seconds left in memory.
    """

    def __init__(
        self,
        target: HandlerReference,
        buffer_size: int = 1000,
        flush_interval: float = 1.0,
        workers: int = 1,
        when_full: str = "drop_oldest",
        *,
        emergency: HandlerReference | None = "stderr",
        block_seconds: float = 0.1,
        failure_threshold: int = 5,
        cooldown_seconds: float = 30.0,
        shutdown_seconds: float = 5.0,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
        stream: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        # Before our own registration with `logging`: at exit handlers close in reverse, and the target must outlive us.
        self._target = target_for(dictconfig.resolve(target, option="target"))
        self._emergency = (
            last_words.to_stderr
            if emergency == "stderr"
            else None
            if emergency is None
            else last_words.to_handler(dictconfig.resolve(emergency, option="emergency"))
        )
        super().__init__(level)
        _check_positive(
            buffer_size=buffer_size,
            flush_interval=flush_interval,
            workers=workers,
            block_seconds=block_seconds,
            shutdown_seconds=shutdown_seconds,
        )
        self.flush_interval = flush_interval
        self.shutdown_seconds = shutdown_seconds
        self._clock = clock
        self._new_stream = stream
        self._outbox: Outbox[Any] = Outbox(buffer_size, _when_full(when_full), block_seconds=block_seconds, clock=clock)
        self._wake_at = max(1, buffer_size // 4)
        self._yield_at = max(2, buffer_size // 2)
        self._breaker = CircuitBreaker(failure_threshold, cooldown_seconds, clock)
        self._workers = tuple(
            Worker(self._work, f"aura-{self._target.handler.name or 'delivery'}-{number}") for number in range(workers)
        )
        self._closed = False
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin a stream of its own; what waits in the parent is the parent's."""
        self._stream = self._new_stream()
        self._outbox.stamp = self._target.stamp(self._stream)
        self._failures_in_a_row = 0
        self._last_error = ""
        self._errors: dict[str, int] = {}
        self._emergencies = 0
        self._started = False
        self._draining = threading.RLock()

    # The logging thread -----------------------------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]  # bool before 3.12
        """Pass the record through the filters and accept it, without taking the handler's lock."""
        kept = wanted(self, record) if self.filters else record
        if kept is None:
            return False
        self.emit(kept)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        """Accept the record; never raises and, but for `when_full="block"`, never waits."""
        try:
            target = self._target
            kept = wanted(target.handler, record)
            if kept is None:
                return
            if is_delivering():
                # The target's own library logs about its work; delivering that would log again, for ever.
                self._outbox.refuse("logged_by_target")
                return
            lost = self._outbox.put(record.levelno, target.payload(kept))
            if lost:
                self._say_last_words(lost)
            waiting = len(self._outbox)
            if waiting >= self._wake_at or not self._started:
                self._hurry(waiting)
        except Exception as error:  # noqa: BLE001  # whatever happens here, the application goes on
            self._note_error(error)
            self._outbox.refuse("internal_error")

    def _hurry(self, waiting: int) -> None:
        if self._closed:
            self._drain(self._clock() + self.shutdown_seconds)
            return
        if not self._started:
            self._start()
        if waiting >= self._wake_at:
            for worker in self._workers:
                worker.wake()
            if waiting == self._yield_at:
                # The woken worker waits for the GIL; a tight loop of log calls would keep it for 5 ms, enough to
                # fill the buffer. This offers it once, and waits for nothing else.
                time.sleep(0)

    def _start(self) -> None:
        _at_exit_of_multiprocessing(self)
        running = [worker.start() for worker in self._workers]
        if all(running):
            self._started = True
        else:
            # The interpreter is exiting: nobody will come by later.
            self._drain(self._clock() + self.shutdown_seconds)

    def _say_last_words(self, lost: Sequence[Entry[Any]]) -> None:
        if self._emergency is None:
            return
        for _, level, payload in lost:
            if level >= logging.ERROR and self._emergency(payload):
                self._emergencies += 1

    # The worker's thread ----------------------------------------------------------------------------------------

    def _work(self) -> float:
        """Deliver what waits; return how long to sleep."""
        while True:
            batch = self._outbox.take(self._outbox.size)
            if not batch:
                return self.flush_interval
            pause = self._deliver(batch)
            if pause:
                return pause

    def _deliver(self, batch: list[Entry[Any]]) -> float:
        """Offer a batch to the target; return how long to wait before the next, 0 after a success."""
        outbox = self._outbox
        if not self._breaker.allow():
            outbox.settle(batch, taken=0)
            return max(_FIRST_RETRY_SECONDS, min(self._breaker.retry_after_seconds, self.flush_interval))
        payloads, notices = self._payloads(batch)
        try:
            self._target.deliver(payloads)
        except TargetFailed as failure:
            self._note_error(failure.cause)
            return self._after_failure(failure, batch, failure.taken - sum(at < failure.taken for at in notices))
        outbox.settle(batch)
        self._breaker.record_success()
        self._failures_in_a_row = 0
        return 0.0

    def _payloads(self, batch: list[Entry[Any]]) -> tuple[list[Any], list[int]]:
        """Return what to hand over, a notice ahead of each gap, and where the notices stand."""
        losses = self._outbox.losses_before(batch)
        if not losses:
            return [payload for _, _, payload in batch], []
        payloads: list[Any] = []
        notices: list[int] = []
        for number, _, payload in batch:
            if number in losses:
                notices.append(len(payloads))
                payloads.append(self._target.payload(loss_record(losses[number], self.name, self._stream)))
            payloads.append(payload)
        return payloads, notices

    def _after_failure(self, failure: TargetFailed, batch: list[Entry[Any]], taken: int) -> float:
        outbox = self._outbox
        if not failure.again:
            # Not the target but this record is at fault: without it the others can go on.
            self._breaker.record_success()
            self._say_last_words(outbox.settle(batch, taken, lost=1, reason="target_error"))
            return 0.0
        outbox.settle(batch, taken)
        self._breaker.record_failure()
        self._failures_in_a_row += 1
        return min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(self._failures_in_a_row - 1, 10))

    def _note_error(self, error: Exception) -> None:
        kind = type(error).__name__
        self._errors[kind] = self._errors.get(kind, 0) + 1
        self._last_error = f"{kind}: {error}"

    # Anybody ----------------------------------------------------------------------------------------------------

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # tells more
        """Wait until what was accepted before is delivered; false if it was not, or was lost, in `timeout` seconds.

        By default waits up to `shutdown_seconds`, and not at all while the breaker is open. On the worker's own
        thread, and from inside the target, it returns false at once.
        """
        if is_delivering() or any(worker.is_current for worker in self._workers):
            return False
        outbox = self._outbox
        goal = outbox.accepted
        lost_before = outbox.lost
        if outbox.oldest_outstanding() is None:
            return True
        if not self._started:
            self._hurry(len(outbox))
        if timeout is None and self._breaker.is_open:
            return False
        deadline = self._clock() + (self.shutdown_seconds if timeout is None else timeout)
        for worker in self._workers:
            worker.wake()
        return outbox.wait_until_settled(goal, deadline) and outbox.lost == lost_before

    def close(self) -> None:
        """Deliver what waits, for up to `shutdown_seconds`, and count the rest as lost; idempotent.

        A record that comes after is delivered on the thread that logs it.
        """
        if self._closed:
            return
        deadline = self._clock() + self.shutdown_seconds
        self.flush()
        self._closed = True
        self._started = False
        idle = [worker.stop(max(0.1, deadline - self._clock())) for worker in self._workers]
        if all(idle):
            self._drain(deadline)
        self._say_last_words(self._outbox.abandon("shutdown"))
        super().close()

    def _drain(self, deadline: float) -> None:
        """Deliver on this thread, for want of another, until nothing waits or the deadline comes."""
        if not self._draining.acquire(blocking=False):
            return
        try:
            while batch := self._outbox.take(self._outbox.size):
                pause = self._deliver(batch)
                if pause and self._clock() + pause > deadline:
                    return
                time.sleep(pause)
        finally:
            self._draining.release()

    def health(self) -> Health:
        """Tell the ledger, the breaker, and what went wrong last."""
        ledger = self._outbox.ledger()
        circuit_open = self._breaker.is_open
        if circuit_open:
            status, detail = Status.UNHEALTHY, f"the target fails: {self._last_error}"
        elif self._failures_in_a_row:
            status, detail = Status.DEGRADED, f"the target failed: {self._last_error}"
        elif any(worker.crashes for worker in self._workers):
            status, detail = Status.DEGRADED, f"a worker failed: {max(w.last_crash for w in self._workers)}"
        elif ledger.dropped:
            status, detail = Status.DEGRADED, "records were lost"
        else:
            status, detail = Status.HEALTHY, ""
        return Health(
            status,
            detail,
            accepted=ledger.accepted,
            delivered=ledger.delivered,
            dropped=ledger.dropped,
            queued=ledger.queued,
            circuit_open=circuit_open,
            facts={
                "in_flight": ledger.in_flight,
                "spilled": ledger.spilled,
                "stream": self._stream,
                "errors": dict(self._errors),
                "emergencies": self._emergencies,
            },
        )


def _at_exit_of_multiprocessing(handler: AsyncBufferedHandler) -> None:
    """Have a child of `multiprocessing` (or Celery's billiard) flush when it ends: it runs no `atexit` hooks."""
    reference = weakref.ref(handler)

    def flush() -> None:
        alive = reference()
        if alive is not None:
            alive.flush()

    for name in ("multiprocessing.util", "billiard.util"):
        module = sys.modules.get(name)
        if module is not None:
            module.Finalize(None, flush, exitpriority=10)


def _when_full(choice: str) -> WhenFull:
    try:
        return WhenFull(choice)
    except ValueError:
        raise OptionError(f"when_full={choice!r} is unknown. {nearest(str(choice), list(WhenFull))}") from None


def _check_positive(**options: float) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise OptionError(f"{name}={value!r} must be a number over 0.")

"""Take a record in microseconds, and have a thread deliver it."""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_args

from aura_logging import dictconfig
from aura_logging.handlers import emergency as last_words
from aura_logging.handlers.losses import loss_record
from aura_logging.handlers.orphans import deliver_orphans
from aura_logging.handlers.targets import TargetFailed, is_delivering, line_stamp, target_for, wanted
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.batches import Batch
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.journal import Fsync, Journal
from aura_logging.resilience.outbox import Entry, Outbox, WhenFull
from aura_logging.resilience.worker import Worker

__all__ = ["AsyncBufferedHandler"]

HandlerReference = str | Mapping[str, Any] | logging.Handler

_RECOVER_EVERY_SECONDS = 5.0
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

    `journal` is a directory on a local disk: each line lies in a memory-mapped file there before `emit` returns, so a
    process that is killed loses nothing; the worker of any live or later process of the service with a handler of the
    same name delivers it, marked `recovered: true`, at least once. What does not fit into memory waits there, up to
    `journal_max_bytes`. `fsync` is `"never"` (a power failure may lose the last seconds), `"batch"` or `"always"`.

    Every loss is counted by reason in `health()`; every delivered record carries `stream` and `seq`, and a record
    of logger `aura.delivery` goes ahead of the first one after a gap. Safe under fork (a child starts empty),
    in signal handlers and finalisers. At exit `close` delivers for up to `shutdown_seconds`; the rest is counted
    as lost. Without a journal, a process that is
    killed loses what lies in memory: up to `flush_interval` seconds' worth.
    """

    def __init__(
        self,
        target: HandlerReference,
        buffer_size: int = 1000,
        flush_interval: float = 1.0,
        workers: int = 1,
        when_full: str = "drop_oldest",
        journal: str | os.PathLike[str] | None = None,
        *,
        journal_max_bytes: int = 64 * 1024 * 1024,
        fsync: str = "never",
        emergency: HandlerReference | None = "stderr",
        block_seconds: float = 0.1,
        failure_threshold: int = 5,
        cooldown_seconds: float = 30.0,
        shutdown_seconds: float = 5.0,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
        stream: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        # All that may raise comes first: `logging` keeps a handler from `super().__init__` on, also one half made.
        _check_positive(
            buffer_size=buffer_size,
            flush_interval=flush_interval,
            workers=workers,
            block_seconds=block_seconds,
            shutdown_seconds=shutdown_seconds,
            journal_max_bytes=journal_max_bytes,
        )
        overflow = _when_full(when_full)
        if overflow is WhenFull.SPILL and journal is None:
            raise OptionError('when_full="spill" needs a journal to spill to; give journal="some/directory".')
        self._fsync: Fsync = _checked_fsync(fsync)
        self._breaker = CircuitBreaker(failure_threshold, cooldown_seconds, clock)
        self._emergency = _last_words(emergency)
        self._target = target_for(dictconfig.resolve(target, option="target"))
        # Behind the target's own: at exit handlers close in reverse, and the target must outlive us.
        super().__init__(level)
        self.flush_interval = flush_interval
        self.shutdown_seconds = shutdown_seconds
        self._clock = clock
        self._new_stream = stream
        self._journal_directory = journal
        self._journal_max_bytes = journal_max_bytes
        self._outbox = Outbox(
            buffer_size, overflow, new_batch=self._target.new_batch, block_seconds=block_seconds, clock=clock
        )
        self._outbox.from_line = self._target.from_line
        self._payload = self._target.payload
        self._journal_line = self._target.journal_line
        self._wake_at = max(1, buffer_size // 4)
        self._yield_at = max(2, buffer_size // 2)
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
        self._outbox.stamp_line = line_stamp(self._stream)
        self._recovering = threading.Lock()
        self._next_recovery = float("-inf")
        self._recovered = 0
        self._damaged = 0
        self._failures_in_a_row = 0
        self._last_error = ""
        self._errors: dict[str, int] = {}
        self._emergencies = 0
        self._started = False
        self._draining = threading.RLock()

    # The logging thread -----------------------------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]  # bool before 3.12
        """Pass the record through the filters and accept it, without taking the handler's lock.

        A record that a filter returns takes this one's place, on Python 3.11 too.
        """
        for filter_ in self.filters:
            kept = filter_.filter(record) if hasattr(filter_, "filter") else filter_(record)
            if not kept:
                return False
            if kept is not True and isinstance(kept, logging.LogRecord):
                record = kept
        self.emit(record)
        return record

    def emit(self, record: logging.LogRecord) -> None:
        """Accept the record; never raises and, but for `when_full="block"`, never waits.

        The hot path: straight-line code, each test one attribute (see benchmarks/log_call.py).
        """
        try:
            outbox = self._outbox
            handler = self._target.handler
            level = record.levelno
            if level < handler.level or handler.filters:
                kept = wanted(handler, record)
                if kept is None:
                    return
                record = kept
            if is_delivering():
                # The target's own library logs about its work; delivering that would log again, for ever.
                outbox.refuse("logged_by_target")
                return
            if not self._started:
                self._start()
            line = self._journal_line(record) if outbox.journal is not None else None
            lost = outbox.put(level, self._payload(record), line)
            if lost:
                self._say_last_words(lost)
            if outbox.queued >= self._wake_at or not self._started:
                self._hurry(outbox.queued)
        except Exception as error:  # noqa: BLE001  # whatever happens here, the application goes on
            self._note_error(error)
            self._outbox.refuse("internal_error")

    def _hurry(self, waiting: int) -> None:
        if not self._started:  # closed, or at interpreter exit: nobody will come by later
            self._drain(self._clock() + self.shutdown_seconds)
        elif waiting >= self._wake_at:
            for worker in self._workers:
                worker.wake()
            if waiting == self._yield_at:
                # The woken worker waits for the GIL; a tight loop of log calls would keep it for 5 ms, enough to
                # fill the buffer. This offers it once, and waits for nothing else.
                time.sleep(0)

    def _start(self) -> None:
        if self._closed:
            return
        if self._journal_directory is not None and self._outbox.journal is None:
            # Named after the handler, which dictConfig names after it has made it.
            self._outbox.journal = Journal(
                self._journal_directory,
                name=_journal_name(self.name),
                max_bytes=self._journal_max_bytes,
                fsync=self._fsync,
            )
        _at_exit_of_multiprocessing(self)
        running = [worker.start() for worker in self._workers]
        self._started = all(running)

    def _say_last_words(self, lost: Sequence[Entry]) -> None:
        if self._emergency is None:
            return
        for level, payload in lost:
            if level >= logging.ERROR and self._emergency(payload):
                self._emergencies += 1

    # The worker's thread ----------------------------------------------------------------------------------------

    def _work(self) -> float:
        """Deliver what waits; return how long to sleep."""
        pause = 0.0
        while not pause and (batch := self._outbox.take()) is not None:
            pause = self._deliver(batch)
        if not pause:
            pause = self._tend_journal()
        return pause or self.flush_interval

    def _deliver(self, batch: Batch) -> float:
        """Offer a batch to the target; return how long to wait before the next, 0 after a success."""
        outbox = self._outbox
        if not self._breaker.allow():
            outbox.settle(batch, taken=0)
            return max(_FIRST_RETRY_SECONDS, min(self._breaker.retry_after_seconds, self.flush_interval))
        notice = None
        if batch.losses:
            notice = self._target.payload(loss_record(batch.losses, self.name, self._stream))
        try:
            self._target.deliver(batch, notice)
        except TargetFailed as failure:
            self._note_error(failure.cause)
            return self._after_failure(failure, batch)
        outbox.settle(batch)
        self._breaker.record_success()
        self._failures_in_a_row = 0
        return 0.0

    def _after_failure(self, failure: TargetFailed, batch: Batch) -> float:
        outbox = self._outbox
        if not failure.again:
            # Not the target but this record is at fault: without it the others can go on.
            self._breaker.record_success()
            self._say_last_words(outbox.settle(batch, failure.taken, lost=1, reason="target_error"))
            return 0.0
        outbox.settle(batch, failure.taken)
        self._breaker.record_failure()
        self._failures_in_a_row += 1
        return min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(self._failures_in_a_row - 1, 10))

    def _tend_journal(self) -> float:
        """Between batches: make room ahead, and deliver what dead processes left; return a pause after a failure."""
        journal = self._outbox.journal
        if journal is None:
            return 0.0
        journal.maintain()
        journal.sync()
        now = self._clock()
        if now < self._next_recovery or not self._recovering.acquire(blocking=False):
            return 0.0
        try:
            self._next_recovery = now + _RECOVER_EVERY_SECONDS
            recovered = deliver_orphans(journal.directory, journal.name, self._target, self._breaker)
            self._recovered += recovered.frames
            self._damaged += recovered.damaged
            if recovered.error is not None:
                self._note_error(recovered.error)
        finally:
            self._recovering.release()
        return 0.0

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
            self._start()
            self._hurry(outbox.queued)
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
        if self._outbox.journal is not None and all(idle):
            self._outbox.journal.close()
        super().close()

    def _drain(self, deadline: float) -> None:
        """Deliver on this thread, for want of another, until nothing waits or the deadline comes."""
        if not self._draining.acquire(blocking=False):
            return
        try:
            while (batch := self._outbox.take()) is not None:
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
                "recovered": self._recovered,
                "damaged": self._damaged,
                "unjournaled": dict(ledger.unjournaled),
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


def _last_words(emergency: HandlerReference | None) -> last_words.LastWords | None:
    if emergency is None:
        return None
    if emergency == "stderr":
        return last_words.to_stderr
    return last_words.to_handler(dictconfig.resolve(emergency, option="emergency"))


def _journal_name(handler_name: str | None) -> str:
    """Return a name for the handler's files: only an heir of the same name delivers them."""
    return re.sub(r"[^A-Za-z0-9_]", "_", handler_name or "")[:48] or "async"


def _checked_fsync(choice: str) -> Fsync:
    if choice not in get_args(Fsync):
        raise OptionError(f"fsync={choice!r} is unknown. {nearest(str(choice), get_args(Fsync))}")
    return cast(Fsync, choice)  # it is one of them, as just seen


def _when_full(choice: str) -> WhenFull:
    try:
        return WhenFull(choice)
    except ValueError:
        raise OptionError(f"when_full={choice!r} is unknown. {nearest(str(choice), list(WhenFull))}") from None


def _check_positive(**options: float) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise OptionError(f"{name}={value!r} must be a number over 0.")

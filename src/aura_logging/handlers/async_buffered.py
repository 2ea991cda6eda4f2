"""Take a record in microseconds, and have a thread deliver it."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aura_logging import dictconfig
from aura_logging.handlers import emergency as last_words
from aura_logging.handlers.async_options import (
    JournalOptions,
    journal_name,
    when_full_of,
)
from aura_logging.handlers.delivery import Delivery
from aura_logging.handlers.delivery_health import delivery_health
from aura_logging.handlers.hearing import here, is_delivering, may_log_inside
from aura_logging.handlers.option_checks import check_counts, check_seconds
from aura_logging.handlers.orphans import Recovered
from aura_logging.handlers.targets import LineTarget, line_stamp, target_for, wanted
from aura_logging.handlers.wrapping import leave_alone
from aura_logging.health import Health
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import fork_guard, notice_fork, tell_after_fork
from aura_logging.resilience.outbox import Outbox
from aura_logging.resilience.process_exit import close_at_exit
from aura_logging.resilience.worker import Worker

__all__ = ["AsyncBufferedHandler"]

HandlerReference = str | Mapping[str, Any] | logging.Handler

_LAST_BATCH_SECONDS = 0.5
"""What `close` leaves a worker for the batch that it is at."""
_LEAST_WAIT_SECONDS = 0.1
_OFFER_SECONDS = 0.000_02
"""As short as a sleep can be: with Linux's timer slack it takes 0.07 ms. One of 0 gives the GIL back too soon."""
_MOST_OFFERS = 8


class AsyncBufferedHandler(logging.Handler):
    """Puts records into a bounded buffer and lets a worker thread deliver them to `target` in batches.

    The logging thread encodes (arguments are what they were) and returns; it never waits for the target. The
    worker delivers when a quarter of `buffer_size` waits, and at least every `flush_interval` seconds.

    `target` is a handler's name in `LOGGING["handlers"]`, an inline handler dict, or a handler. Its level and
    filters are asked on the logging thread. A target that takes lines (`StructuredFileHandler`) gets whole
    batches of bytes; any other gets records whose message and traceback are text.

    `when_full` says what gives way when `buffer_size` records wait: `"drop_oldest"`, `"drop_newest"`, or `"block"`
    (the caller waits up to `block_seconds`, then the new one is dropped). As many again may be on their way to each
    worker. With a journal nothing does, and nobody waits, until that is full; `"spill"` insists on one.

    With `workers` over 1, for slow network targets, order holds within a batch only, and the target is used by several
    threads at once, without its lock: SMTPHandler and HTTPHandler can take that. Handlers on a stream or a socket
    cannot, and are used by one at a time.

    A failing target is retried with growing pauses; after `failure_threshold` failures in a row the breaker opens,
    and one probe every `cooldown_seconds` finds out when it is well. `retry_jitter` (0 to 1) lengthens each pause by
    a random share, so that a fleet does not come back to a sick target all at once. A record on which the target's
    own code fails is dropped. What is lost at ERROR or above goes to `emergency`: `"stderr"` (never waited for),
    `None`, or a handler.

    `journal` is a directory on a local disk: each line lies in a memory-mapped file there before `emit` returns, so a
    process that is killed loses nothing; the worker of any live or later process of the service with a handler of the
    same name delivers it, marked `recovered: true`, at least once. What does not fit into memory waits there, up to
    `journal_max_bytes`. `fsync` is `"never"` (a power failure may lose the last seconds), `"batch"` or `"always"`.

    Every loss is counted by reason in `health()`; every delivered record carries `stream` and `seq`, and a record
    of logger `aura.delivery` goes ahead of the first one after a gap. Safe under fork (a child starts empty),
    in signal handlers and finalisers. At exit `close` delivers for up to `shutdown_seconds`; the rest stays in the
    journal, or is counted as lost. Without a journal, a process that is killed loses what lies in memory: up to
    `flush_interval` seconds' worth. What a target's own library logs while it delivers is delivered; what it logs
    about delivering that is not, and is counted as `ignored`.
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
        retry_jitter: float = 0.0,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
        stream: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        # All that may raise comes first: `logging` keeps a handler from `super().__init__` on, also one half made.
        check_counts(buffer_size=buffer_size, workers=workers, failure_threshold=failure_threshold)
        check_seconds(
            flush_interval=flush_interval,
            block_seconds=block_seconds,
            cooldown_seconds=cooldown_seconds,
            shutdown_seconds=shutdown_seconds,
        )
        overflow = when_full_of(when_full, has_journal=journal is not None)
        self._journal_options = None if journal is None else JournalOptions(journal, journal_max_bytes, fsync)
        breaker = CircuitBreaker(failure_threshold, cooldown_seconds, clock, jitter=retry_jitter)
        last_words = _last_words(emergency)
        self._target = target_for(dictconfig.resolve(target, option="target"), in_parallel=workers > 1)
        # Behind the target's own: at exit handlers close in reverse, and the target must outlive us.
        super().__init__(level)
        self.buffer_size = buffer_size
        self.flush_interval = flush_interval
        self.shutdown_seconds = shutdown_seconds
        self._clock = clock
        self._new_stream = stream
        self._outbox = Outbox(
            buffer_size, overflow, new_batch=self._target.new_batch, block_seconds=block_seconds, clock=clock
        )
        self._outbox.from_line = self._target.from_line
        self._delivery = Delivery(
            self._outbox,
            self._target,
            breaker,
            workers=workers,
            idle_seconds=flush_interval,
            last_words=last_words,
            jitter=retry_jitter,
            clock=clock,
        )
        self._payload = self._target.payload
        self._journal_line = self._target.journal_line
        self._wake_at = max(1, buffer_size // 4)
        self._wake_every = max(1, buffer_size // 8)
        self._offer_at = range(max(2, buffer_size // 2), buffer_size)
        self._workers = tuple(
            Worker(self._delivery.work, f"aura-{self._target.handler.name or 'delivery'}-{number}")
            for number in range(workers)
        )
        # Whether lines are plain JSON, and the handler and its formatter with which that was found.
        self._plain: tuple[bool, logging.Handler, object] = (False, self._target.handler, self)
        self._closed = False
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin a stream of its own; what waits in the parent is the parent's."""
        self._stream = self._new_stream()
        self._outbox.stamp = self._target.stamp(self._stream)
        self._outbox.stamp_line = line_stamp(self._stream)
        self._delivery.after_fork_in_child()
        self._delivery.stream = self._stream
        self._ignored: dict[str, int] = {}
        self._starting = threading.RLock()
        # One byte: whether this process's workers run. A fork clears it, even one that runs no Python hooks.
        self._running = fork_guard()
        self._running[0] = 0
        self._ends_known = False
        self._is_target_hung = False
        self._gave_up_at = -1

    # The logging thread -----------------------------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]  # bool before 3.12
        """Pass the record through the filters and accept it, without taking the handler's lock.

        A record that a filter returns takes this one's place, on Python 3.11 too.
        """
        filter_: object = None
        for filter_ in self.filters:
            kept = filter_.filter(record) if isinstance(filter_, logging.Filter) else _as_function(filter_)(record)
            if kept is True:
                continue
            if not kept:
                return False
            if isinstance(kept, logging.LogRecord):
                record = kept
        # The last filter may have encoded the record, and nobody can have changed it since.
        line_left: Callable[[logging.LogRecord], bytes | None] | None = getattr(filter_, "line_left", None)
        if line_left is not None and self._writes_plain_json():
            line = line_left(record)
            if line is not None and self.emit_line(record.levelno, line):
                return record
        self.emit(record)
        return record

    def _writes_plain_json(self) -> bool:
        if getattr(self.emit, "__func__", None) is not _OWN_EMIT:
            return False  # somebody wants to see the record
        is_plain, handler, formatter = self._plain
        if handler.formatter is not formatter:
            writer = self.plain_json_writer()
            is_plain, handler = writer is not None, writer or self._target.handler
            self._plain = (is_plain, handler, handler.formatter)
        return is_plain

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
            if here.handlers:
                self._emit_from_inside(record)
                return
            running = self._running[0]
            if not running:
                self._start()
                running = self._running[0]
            line = self._journal_line(record) if outbox.journal is not None else None
            lost = outbox.put(level, self._payload(record), line)
            if lost:
                self._delivery.say_last_words(lost)
            waiting = outbox.queued
            # At marks only: a worker that was woken and waits for the GIL need not be woken by each record.
            if (waiting >= self._wake_at and waiting % self._wake_every == 0) or not running:
                self._hurry(waiting)
        except Exception as error:  # noqa: BLE001  # whatever happens here, the application goes on
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        self._delivery.note_error(error)
        self._outbox.refuse("internal_error")

    def plain_json_writer(self) -> logging.Handler | None:
        """Return the handler whose formatter makes this one's lines, if they are `encoding.encode`'s own."""
        if not isinstance(self._target, LineTarget):
            return None
        ask: Callable[[], logging.Handler | None] = getattr(self._target.handler, "plain_json_writer", lambda: None)
        return ask()

    def emit_line(self, level: int, line: bytes) -> bool:
        """Do what `emit` would for a record of this level that is encoded already; false if that takes the record.

        Only for a handler with a `plain_json_writer`. Never raises. A line it says true to is accepted or counted.
        """
        try:
            handler = self._target.handler
            if not self._running[0] or level < handler.level or handler.filters or here.handlers:
                return False
            outbox = self._outbox
            lost = outbox.put(level, line)
            if lost:
                self._delivery.say_last_words(lost)
            waiting = outbox.queued
            if waiting >= self._wake_at and waiting % self._wake_every == 0:
                self._hurry(waiting)
        except Exception as error:  # noqa: BLE001  # as in `emit`
            self._refuse(error)
        return True

    def _hurry(self, waiting: int) -> None:
        if not self._running[0]:  # closed, or at interpreter exit: nobody will come by later
            self._deliver_here()
        elif waiting >= self._wake_at:
            for worker in self._workers:
                worker.wake()
            if waiting in self._offer_at:
                self._offer_the_gil(waiting)

    def _offer_the_gil(self, waiting: int) -> None:
        """Let the worker in, in an instant or two; wait for nothing else.

        It waits for the GIL, before a batch and after each system call of one; a tight loop of log calls would keep
        it for 5 ms each time, enough to fill the buffer. While the buffer is full, as with a target that hangs,
        nobody comes here.
        """
        for _ in range(_MOST_OFFERS):
            time.sleep(_OFFER_SECONDS)
            if self._outbox.queued < waiting:
                return

    def _emit_from_inside(self, record: logging.LogRecord) -> None:
        """Accept what is logged while this thread delivers: by a finaliser, by the target's own library.

        But not what the target logs about such a line: that would go on for ever.
        """
        if not may_log_inside():
            self._ignored["logged_by_target"] = self._ignored.get("logged_by_target", 0) + 1
            return
        outbox = self._outbox
        if not self._running[0]:
            self._start()
        line = self._journal_line(record) if outbox.journal is not None else None
        lost = outbox.put(record.levelno, self._payload(record), line, may_wait=False)
        self._delivery.note_own_line()
        if lost:
            self._delivery.say_last_words(lost)

    def _start(self) -> None:
        """Bring the journal and the workers to life, at the first record of this process."""
        notice_fork()
        # A signal handler that interrupts this goes on without.
        if self._closed or self._starting._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks
            return
        with self._starting:
            if self._running[0] or self._closed:
                return
            self._delivery.name = self.name
            self._delivery.filters = [_as_function(f) for f in (*self.filters, *self._target.handler.filters)]
            self._open_journal()
            if not self._ends_known:
                self._ends_known = True
                close_at_exit(self)
            running = [worker.start() for worker in self._workers]
            # A signal handler may have closed us meanwhile.
            self._running[0] = all(running) and not self._closed

    def _open_journal(self) -> None:
        if self._journal_options is not None and self._outbox.journal is None:
            # Named after the handler, which dictConfig names after it has made it.
            self._outbox.journal = self._journal_options.open(self.name)

    def _deliver_here(self) -> None:
        """Try once, on the thread that logs, for want of another; after `close` nothing is left waiting."""
        closed = self._closed
        deadline = self._clock() + self.shutdown_seconds
        if not self._is_target_hung and self._delivery.drain(deadline, in_turn=closed, may_sleep=False):
            return
        if closed:
            # Whoever hangs in it, one thread at most waited for it; those that come later do not.
            self._is_target_hung |= self._delivery.stuck_seconds() >= self.shutdown_seconds
            self._delivery.say_last_words(self._outbox.abandon("shutdown"))

    # Anybody ----------------------------------------------------------------------------------------------------

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # tells more
        """Wait until what was accepted before is delivered; false if it was not, or was lost, in `timeout` seconds.

        By default waits up to `shutdown_seconds`, and not at all while the breaker is open. On the worker's own
        thread, from inside the target, and from a signal handler that interrupted `emit`, it returns false at once.
        """
        outbox = self._outbox
        if is_delivering() or outbox.is_busy_here or any(worker.is_current for worker in self._workers):
            return False
        goal = outbox.accepted
        lost_before = outbox.lost
        if outbox.oldest_outstanding() is None:
            return True
        if not self._running[0]:
            self._start()
        if not self._running[0]:
            self._deliver_here()
        if timeout is None and self._delivery.breaker.is_open:
            return False
        deadline = self._clock() + (self.shutdown_seconds if timeout is None else timeout)
        for worker in self._workers:
            worker.wake()
        if outbox.wait_until_settled(goal, deadline):
            return outbox.lost == lost_before
        if timeout is None:
            self._gave_up_at = outbox.settled
        return False

    def recover(self) -> Recovered:
        """Deliver now what dead processes left in the journal, on this thread; see `deliver_orphans`.

        Returns all that this process has recovered so far. It happens by itself in any process that logs; this is
        for a person, or a script, that will not wait.
        """
        notice_fork()
        with self._starting:
            self._open_journal()
        return self._delivery.recover_now()

    @property
    def wrapped(self) -> tuple[logging.Handler, ...]:
        """The handlers that records are handed on to."""
        return (self._target.handler,)

    @property
    def fill(self) -> float:
        """How full the buffer is, from 0 to 1; with a journal, how full that is: until then nothing is lost."""
        journal, options = self._outbox.journal, self._journal_options
        if journal is None or options is None:
            return self._outbox.queued / self._outbox.size
        return journal.usage().unacknowledged_bytes / options.max_bytes

    @property
    def journal_directory(self) -> Path | None:
        """Where the journal lies."""
        return None if self._journal_options is None else self._journal_options.directory

    @property
    def journal_name(self) -> str:
        """What the files of this handler's journal are called after."""
        return journal_name(self.name)

    def close(self) -> None:
        """Deliver what waits, for up to `shutdown_seconds`, and count the rest as lost; idempotent.

        What is in the journal is left there instead, for another process. A record that comes after is offered to
        the target once, on the thread that logs it.
        """
        if self._closed:
            return
        outbox = self._outbox
        # `logging.shutdown` flushes before it closes; a target that hung then is not waited for again.
        patience = 0.0 if outbox.is_busy_here or outbox.settled == self._gave_up_at else self.shutdown_seconds
        deadline = self._clock() + patience
        if patience and not self._delivery.breaker.is_open:
            self.flush(patience - min(_LAST_BATCH_SECONDS, patience / 5))
        with self._starting:  # or a start under way on another thread would undo it
            self._closed = True
            self._running[0] = 0
        self._delivery.stop()
        idle = [worker.stop(max(_LEAST_WAIT_SECONDS, deadline - self._clock())) for worker in self._workers]
        self._is_target_hung = not all(idle)
        if self._is_target_hung:
            leave_alone(self._target.handler)
        if self._is_target_hung or not self._delivery.drain(deadline, in_turn=True, may_sleep=True):
            self._delivery.say_last_words(outbox.abandon("shutdown"))
        if outbox.journal is not None and not self._is_target_hung:
            outbox.journal.close()
        super().close()

    def health(self) -> Health:
        """Tell the ledger, the breaker, and what went wrong last."""
        crashed = [worker.last_crash for worker in self._workers if worker.crashes]
        health = delivery_health(self._outbox.ledger(), self._delivery, str(crashed[0]) if crashed else "")
        return replace(health, facts={**health.facts, "stream": self._stream, "ignored": dict(self._ignored)})


_OWN_EMIT = AsyncBufferedHandler.emit


def _last_words(emergency: HandlerReference | None) -> last_words.LastWords | None:
    if emergency is None:
        return None
    if emergency == "stderr":
        return last_words.to_stderr
    return last_words.to_handler(dictconfig.resolve(emergency, option="emergency"))


def _as_function(filter_: Any) -> Callable[[logging.LogRecord], object]:
    """Return a filter of either kind that `logging` knows as a function."""
    function: Callable[[logging.LogRecord], object] = getattr(filter_, "filter", filter_)
    return function

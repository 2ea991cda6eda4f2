"""Keep the debug lines of exactly the requests that failed."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aura_logging import dictconfig, encoding, records, units
from aura_logging.handlers.async_options import JournalOptions, journal_name
from aura_logging.handlers.option_checks import check_counts, level_number
from aura_logging.handlers.orphans import Recovered, deliver_orphans
from aura_logging.handlers.targets import record_of, target_for
from aura_logging.handlers.verdicts import Judge
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.held_lines import HeldLine, HeldLines, Verdict
from aura_logging.resilience.journal import AnyOrderJournal
from aura_logging.resilience.process_exit import close_at_exit
from aura_logging.resilience.waiting_lines import WaitingLines

__all__ = ["RequestBuffer"]

_OUTSIDE = ("pass", "discard")

_RECOVER_EVERY_SECONDS = 15.0
_FAILURES_BEFORE_A_PAUSE = 3

_PATIENCE_SECONDS = 1.0
"""A thread waits no longer for another one of its request: that one may wait for what this one holds."""


class RequestBuffer(logging.Handler):
    """Holds a request's records below `threshold` back, and hands them to `target` only if the request goes wrong.

    It goes wrong when a record at `trigger_level` (ERROR) or above is logged in it, when it ends with status
    `release_status` (500) or above, or when it was slow (`SLOW_REQUEST_THRESHOLD`, `AURA["PERFORMANCE"]`): then what
    waits is handed on in order, in front of the record that says so, and so is what comes after. Otherwise it vanishes
    and is counted. Records at `threshold` (INFO) or above are handed on at once; one that a filter of the target leaves
    out, such as a `SamplingFilter`, waits with the others.

    A request is what `PerformanceMonitoringMiddleware` measures, under WSGI and ASGI, with the threads and tasks that
    carry its context; a block of `propagation.unit_of_work` is one too, and goes wrong when an exception leaves
    it. Inside of another one, its errors are that one's as well, and what went well waits for the end of that. Outside
    of both nothing waits: such records are handed on at once, or, with `outside="discard"`, those below the threshold
    are discarded.

    Lines are encoded (so attach `request_context` and `security` here) and held as bytes: at most `max_request_bytes`
    for one request, of which the oldest give way, and `max_bytes` for all together, of which the oldest request's do.
    What is handed on later has `released: true`, and no `SamplingFilter` thins it out. That would be a flood when all
    requests go wrong: `releases_per_second` of them are told whole (ten seconds' worth at once), the lines that waited
    for others are counted as `held_down`. Loggers must let the debug records through, and a level on the target keeps
    them out.

    `journal` is a directory on a local disk: what waits lies there as well, so that a worker that is killed or
    timed out leaves what its request had been doing. The next process delivers it, marked `recovered: true`; so does
    `aura_logs recover`.

    Records are handed on by the thread that logs: let the target be an `AsyncBufferedHandler`. Never raises.
    """

    def __init__(
        self,
        target: str | Mapping[str, Any] | logging.Handler,
        threshold: int | str = "INFO",
        trigger_level: int | str = "ERROR",
        *,
        release_status: int = 500,
        outside: str = "pass",
        max_request_bytes: int = 64 * 1024,
        max_bytes: int = 8 * 1024 * 1024,
        releases_per_second: float | None = 50.0,
        journal: str | os.PathLike[str] | None = None,
        journal_max_bytes: int = 64 * 1024 * 1024,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
    ) -> None:
        check_counts(max_request_bytes=max_request_bytes, max_bytes=max_bytes, release_status=release_status)
        if max_bytes < max_request_bytes:
            raise OptionError(f"max_bytes={max_bytes!r} is less than max_request_bytes={max_request_bytes!r}.")
        if outside not in _OUTSIDE:
            raise OptionError(f"outside={outside!r} is unknown. {nearest(str(outside), _OUTSIDE)}")
        self._threshold = level_number("threshold", threshold)
        self._judgement = Judge(
            level_number("trigger_level", trigger_level), release_status, releases_per_second, clock
        )
        if self._judgement.trigger_level < self._threshold:
            raise OptionError(f"trigger_level={trigger_level!r} is below threshold={threshold!r}; nothing would wait.")
        self._journal_options = None if journal is None else JournalOptions(journal, journal_max_bytes, "never")
        self._target = dictconfig.resolve(target, option="target")
        # Behind the target's own: at exit handlers close in reverse, and the target must outlive us.
        super().__init__(level)
        self._passes_outside = outside == "pass"
        self._max_request_bytes = max_request_bytes
        self._max_bytes = max_bytes
        self._clock = clock
        self._breaker = CircuitBreaker(_FAILURES_BEFORE_A_PAUSE, _RECOVER_EVERY_SECONDS, clock)
        self._recovered = Recovered()
        self._chores = BackgroundJob(self._do_chores, "aura-request-buffer")
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Forget the requests of the parent; they are its own."""
        self._lock = threading.RLock()
        self._waiting = WaitingLines(self._max_request_bytes, self._max_bytes, self._clock)
        self._by_unit: weakref.WeakKeyDictionary[units.Unit, HeldLines] = weakref.WeakKeyDictionary()
        self._counts: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._error = ""
        self._is_started = False
        self._next_chores = 0.0

    # The logging thread -----------------------------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]  # bool before 3.12
        """Pass the record through the filters and take it, without the handler's lock."""
        kept: bool | logging.LogRecord = self.filter(record)
        if kept:
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        """Hold the record back or hand it on; never raises."""
        try:
            self._count("accepted")
            if not self._is_started:
                self._start()
            self._forget_abandoned()
            unit = units.current()
            if record.levelno < self._threshold:
                if unit is not None:
                    self._hold(record, unit)
                elif self._passes_outside or records.is_exempt(record):
                    self._hand_on(record)
                else:
                    self._count("discarded")
            elif unit is None:
                self._hand_on(record)
            else:
                self._pass(record, unit)
        except Exception as error:  # noqa: BLE001  # whatever happens here, the application goes on
            self._lose("internal_error", error=error)

    def _hold(self, record: logging.LogRecord, unit: units.Unit) -> None:
        if records.is_exempt(record):  # somebody asked to see it, whatever becomes of the request
            self._hand_on(record)
            return
        held = self._held_for(unit)
        # Now: arguments are what they are, and what is counted is what memory it takes.
        line = encoding.encode(record)
        if not held.lock.acquire(timeout=_PATIENCE_SECONDS):
            self._lose("busy")
            return
        try:
            verdict = held.verdict
            if verdict is Verdict.OPEN:
                for reason, number in self._waiting.hold(held, line, record.levelno).items():
                    self._lose(reason, number)
        finally:
            held.lock.release()
        if verdict is Verdict.RELEASED:
            records.exempt(record)
            self._hand_on(record)
        elif verdict is Verdict.HELD_DOWN:
            self._lose("held_down")
        elif verdict is Verdict.DISCARDED:
            self._count("discarded")
        if self._waiting.journal is not None:
            self._chores_now_and_then()

    def _pass(self, record: logging.LogRecord, unit: units.Unit) -> None:
        """Hand the record on, behind those that wait for it."""
        verdict = self._judgement.verdict_of(record)
        held = self._held_for(unit) if verdict is Verdict.RELEASED else self._by_unit.get(unit)
        if record.levelno >= self._judgement.trigger_level:
            self._release_around(unit)
        if held is not None and verdict is not None:
            self._judge(held, verdict, unit.outer)
        is_ordinary = record.levelno < self._judgement.trigger_level
        if held is not None and held.verdict is Verdict.RELEASED and is_ordinary:
            records.exempt(record)  # errors are not: those that say the same are to be folded
        can_wait = is_ordinary and verdict is None and not records.is_exempt(record)
        if not self._hand_on(record, can_wait=can_wait):
            self._hold(record, unit)

    def _held_for(self, unit: units.Unit) -> HeldLines:
        held = self._by_unit.get(unit)
        if held is not None:
            return held
        with self._lock:
            held = self._by_unit.get(unit)
            if held is not None:
                return held
            waiting = self._waiting
            own = self._by_unit[unit] = waiting.new_unit()
        # The unit may be collected without an end; then so is what it kept.
        collected = weakref.finalize(unit, waiting.abandon, own)
        collected.atexit = False
        outer = unit.outer

        def ended(failed: bool) -> None:
            collected.detach()
            if self._waiting is waiting:  # or else this is a forked child, and the lines are its parent's
                self._judge(own, Verdict.RELEASED if failed else Verdict.DISCARDED, outer)

        unit.when_ended(ended)
        return own

    def _forget_abandoned(self) -> None:
        for held in self._waiting.take_abandoned():
            self._judge(held, Verdict.DISCARDED)

    def _release_around(self, unit: units.Unit) -> None:
        """Release the units that this one is a part of, the outermost first: an error in it is one of theirs."""
        around = []
        while unit.outer is not None:
            unit = unit.outer
            around.append(unit)
        for each in reversed(around):
            self._judge(self._held_for(each), Verdict.RELEASED)

    def _judge(self, held: HeldLines, verdict: Verdict, outer: units.Unit | None = None) -> None:
        """Decide about a unit's lines; the first verdict counts, but that something went wrong later counts as well.

        What went well inside an `outer` unit that goes on waits for the end of that one.
        """
        if not held.lock.acquire(timeout=_PATIENCE_SECONDS):
            self._lose("busy", len(held))
            return
        try:
            if held.verdict in (verdict, Verdict.RELEASED, Verdict.HELD_DOWN):
                return
            verdict = held.verdict = self._judgement.tempered(verdict)
            lines = self._waiting.take_all(held)
            if verdict is Verdict.RELEASED:
                self._count("released_requests")
                self._release(lines)
            elif verdict is Verdict.HELD_DOWN:
                self._count("held_down_requests")
                self._lose("held_down", len(lines))
            elif outer is not None and outer.failed is None and lines:
                self._leave_to(outer, lines)
            else:
                self._count("discarded", len(lines))
            self._waiting.settle(lines)
        finally:
            held.lock.release()
        if self._waiting.journal is not None:
            self._chores_now_and_then()

    def _leave_to(self, outer: units.Unit, lines: list[HeldLine]) -> None:
        held = self._held_for(outer)
        if not held.lock.acquire(timeout=_PATIENCE_SECONDS):
            self._lose("busy", len(lines))
            return
        try:
            if held.verdict is Verdict.OPEN:
                for line in lines:
                    # What gives way to them, and they to each other, is what has ended well, mostly: no loss.
                    self._count("discarded", sum(self._waiting.hold(held, line.line, line.level).values()))
            elif held.verdict is Verdict.RELEASED:
                self._release(lines)
            else:
                self._count("discarded", len(lines))
        finally:
            held.lock.release()

    def _release(self, lines: Iterable[HeldLine]) -> None:
        for held in lines:
            record = record_of(held.line)
            record.released = True
            records.exempt(record)
            self._count("released")
            self._hand_on(record)

    def _hand_on(self, record: logging.LogRecord, *, can_wait: bool = False) -> bool:
        """Hand the record to the target; false if a filter of it left out what can wait."""
        target = self._target
        if record.levelno < target.level:
            self._count("unwanted")
            return True
        try:
            if target.handle(record) is False and can_wait:
                return False
            self._count("delivered")
        except Exception as error:  # noqa: BLE001  # a handler's own code, and its filters, may be anybody's
            self._lose("target_failed", error=error)
        return True

    # Chores -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._is_started:
                return
            self._is_started = True
            if self._journal_options is not None:
                self._waiting.journal = AnyOrderJournal(self._journal_options.open(self.name or "request_buffer"))
            close_at_exit(self)
        self._chores_now_and_then()

    def _chores_now_and_then(self) -> None:
        now = self._clock()
        if self._waiting.journal is not None and now >= self._next_chores:
            self._next_chores = now + _RECOVER_EVERY_SECONDS
            self._chores.wake()

    def _do_chores(self) -> None:
        journal = self._waiting.journal
        if journal is not None:
            self._waiting.renew()
            journal.journal.maintain()
            self.recover()

    def recover(self) -> Recovered:
        """Hand on what requests of dead processes had logged, now and here."""
        directory = self.journal_directory
        if directory is None:
            return Recovered()
        found = deliver_orphans(directory, self.journal_name, target_for(self._target), self._breaker)
        self._recovered = self._recovered.followed_by(found)
        return found

    @property
    def journal_directory(self) -> Path | None:
        """Where the journal lies; `None` without one."""
        return None if self._journal_options is None else self._journal_options.directory

    @property
    def journal_name(self) -> str:
        """What its files are called after; only a handler of the same name delivers them."""
        return journal_name(self.name or "request_buffer")

    @property
    def wrapped(self) -> tuple[logging.Handler, ...]:
        """The handler that records are handed on to."""
        return (self._target,)

    def flush(self) -> None:
        """Flush the target; what waits for its request's end goes on waiting."""
        self._target.flush()

    def close(self) -> None:
        """Leave what waits in the journal; without one, it is lost with the process, and counted."""
        self._chores.stop(0.0, 1.0)
        self._forget_abandoned()
        journal = self._waiting.journal
        if journal is not None:
            journal.journal.close()
        else:
            for held in self._waiting.units():
                self._judge(held, Verdict.DISCARDED)
        super().close()

    def health(self) -> Health:
        """Tell what waits, what was handed on, what vanished, and what gave way to the limits."""
        self._forget_abandoned()
        with self._lock:
            counts, lost = dict(self._counts), dict(self._lost)
        waiting = self._waiting.units()
        journal = self._waiting.journal
        facts: dict[str, object] = {
            "requests_waiting": len(waiting),
            "held_bytes": self._waiting.held_bytes,
            "released_requests": counts.get("released_requests", 0),
            "held_down_requests": counts.get("held_down_requests", 0),
            "released": counts.get("released", 0),
            "discarded": counts.get("discarded", 0),
            "unwanted": counts.get("unwanted", 0),
        }
        if journal is not None:
            usage = journal.journal.usage()
            facts |= {"journal_refused": usage.refused, "recovered": self._recovered.delivered}
        problem = lost.get("internal_error") or lost.get("target_failed")
        return Health(
            Status.DEGRADED if problem else Status.HEALTHY,
            self._error if problem else "",
            accepted=counts.get("accepted", 0),
            delivered=counts.get("delivered", 0),
            dropped=lost,
            queued=sum(map(len, waiting)),
            facts=facts,
        )

    def _count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self._counts[what] += number

    def _lose(self, reason: str, number: int = 1, error: Exception | None = None) -> None:
        with self._lock:
            self._lost[reason] += number
        if error is not None:
            self._error = f"{type(error).__name__}: {error}"

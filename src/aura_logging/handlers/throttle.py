"""Tell a person a few times, and then how often: what stands before e-mail, pagers and chat rooms."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from aura_logging import dictconfig
from aura_logging.handlers.digests import Digest
from aura_logging.handlers.hearing import emit_heard, hear_failures, is_delivering
from aura_logging.handlers.option_checks import check_counts, check_seconds
from aura_logging.handlers.targets import wanted
from aura_logging.handlers.wrapping import leave_alone
from aura_logging.health import Health, Status
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.process_exit import close_at_exit
from aura_logging.resilience.worker import Worker

__all__ = ["ThrottleHandler"]

_NOTHING_TO_DO_SECONDS = 3_600.0
_FIRST_RETRY_SECONDS = 5.0
_LAST_RETRY_SECONDS = 300.0
_CLOSE_SECONDS = 5.0


class ThrottleHandler(logging.Handler):
    """Hands at most `at_most` records to `target` in `window_seconds`, of those that say the same one, then a digest.

    `target` is a handler's name in `LOGGING["handlers"]`, an inline handler dict, or a handler: an AdminEmailHandler,
    an SMTPHandler, an HTTPHandler. A window begins with a record and ends `window_seconds` later. What came within and
    was not handed over, because the same was told already or because there was too much, is told at its end in one
    record on `aura.throttle`: how many of what, the most frequent first. A storm that lasts a day is one digest for
    each window, and at most `at_most` records beside it.

    Records say the same if logger, level, template, and the class and place of the exception are. At most
    `most_kinds` kinds are told apart in one window; the others are counted together.

    The target is called on the thread that logs, and for a digest on one of our own: put an `AsyncBufferedHandler` in
    front, as the preset's `critical_alerts` does, and no request ever waits for a mail server. With that in front, a
    failing target is retried there; without, its errors go to `handleError`, and what it did not take is in the digest.
    A digest that fails is tried again, with growing pauses, and counts grow meanwhile. At exit it is told at once, for
    up to `shutdown_seconds`; what is lost then is counted. A forked child begins with nothing to tell.
    """

    def __init__(
        self,
        target: str | Mapping[str, Any] | logging.Handler,
        at_most: int = 5,
        window_seconds: float = 300.0,
        *,
        most_kinds: int = 200,
        shutdown_seconds: float = _CLOSE_SECONDS,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
    ) -> None:
        check_counts(at_most=at_most, most_kinds=most_kinds)
        check_seconds(window_seconds=window_seconds, shutdown_seconds=shutdown_seconds)
        self._target = dictconfig.resolve(target, option="target")
        # Behind the target's own: at exit handlers close in reverse, and the target must outlive us.
        super().__init__(level)
        hear_failures(self._target)
        self._at_most = at_most
        self._window_seconds = window_seconds
        self._most_kinds = most_kinds
        self._shutdown_seconds = shutdown_seconds
        self._clock = clock
        self._worker = Worker(self._work, "aura-throttle")
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin with nothing to tell: that is the parent's."""
        # Reentrant: the target, or a signal handler, may log to us on the thread that is inside.
        self._books = threading.RLock()
        self._ending = threading.RLock()
        self._window = Digest(self._most_kinds)
        self._began_at = self._ends_at = 0.0
        self._is_open = False
        self._told = 0
        self._accepted = self._delivered = self._folded = self._held_back = self._digests = 0
        self._dropped: dict[str, int] = {}
        self._failures_in_a_row = 0
        self._last_error = ""
        self._is_end_known = False
        self._closed = False
        self._idle = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record to the target, or keep it for the digest."""
        try:
            kept = wanted(self._target, record)
        except Exception:  # a filter is anybody's code
            if is_delivering():
                raise  # whoever delivers to us tries again
            self.handleError(record)
            return
        if kept is None or not self._is_to_be_told(kept):
            return
        try:
            emit_heard(self._target, kept)
        except Exception:  # whatever the target raises
            if is_delivering():
                self._take_back(kept)
                raise  # as above
            with self._books:
                self._window.add(kept)
            self.handleError(kept)
        else:
            with self._books:
                self._delivered += 1

    def _is_to_be_told(self, record: logging.LogRecord) -> bool:
        with self._books:
            self._accepted += 1
            if not self._is_open:
                self._begin_window()
            is_known = self._window.knows(record)
            if is_known or self._told >= self._at_most:
                if self._closed:  # nobody will come by later
                    self._dropped["shutdown"] = self._dropped.get("shutdown", 0) + 1
                    return False
                self._window.add(record)
                self._folded += is_known
                self._held_back += not is_known
                return False
            self._told += 1
            self._window.tell(record)
            return True

    def _take_back(self, record: logging.LogRecord) -> None:
        with self._books:
            self._accepted -= 1
            self._told -= 1
            self._window.forget(record)

    def _begin_window(self) -> None:
        self._is_open = True
        self._began_at = self._clock()
        self._ends_at = self._began_at + self._window_seconds
        if not self._is_end_known:
            self._is_end_known = True
            close_at_exit(self)
        self._worker.start()
        self._worker.wake()

    def _work(self) -> float:
        with self._books:
            if not self._is_open:
                return _NOTHING_TO_DO_SECONDS
            remaining = self._ends_at - self._clock()
        return remaining if remaining > 0 else self.end_window()

    def end_window(self) -> float:
        """Tell what the window holds back, and end it; return after how many seconds to come again.

        A thread of ours calls it when the window is over; who comes meanwhile waits for it. If the target fails, what
        was held back is held on to.
        """
        with self._ending:
            return self._end_window()

    def _end_window(self) -> float:
        with self._books:
            digest, self._window = self._window, Digest(self._most_kinds)
            self._is_open = False
            self._told = 0
            record = digest.record(self._clock() - self._began_at) if digest.count else None
        pause = _NOTHING_TO_DO_SECONDS
        if record is not None:
            try:
                emit_heard(self._target, record)
            except Exception as error:  # noqa: BLE001  # whatever the target raises; it is tried again
                pause = self._hold_on(digest, error)
            else:
                with self._books:
                    self._failures_in_a_row = 0
                    self._digests += 1
                    self._delivered += digest.count
        self._idle.set()
        return pause

    def _hold_on(self, digest: Digest, error: Exception) -> float:
        with self._books:
            self._failures_in_a_row += 1
            self._last_error = f"{type(error).__name__}: {error}"
            self._window.absorb(digest)
            pause = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(self._failures_in_a_row - 1, 10))
            if not self._is_open:
                self._is_open = True
                self._told = self._at_most  # one mail that fails is enough for now
            self._ends_at = self._clock() + pause
            return pause

    @property
    def wrapped(self) -> tuple[logging.Handler, ...]:
        """The handlers that records are handed on to."""
        return (self._target,)

    def flush(self) -> None:
        """Flush the target; a digest waits for its window."""
        self._target.flush()

    def close(self) -> None:
        """Tell at once what is held back, waiting `shutdown_seconds` at most; idempotent."""
        if self._closed:
            return
        self._closed = True
        with self._books:
            is_held = self._is_open and self._window.count > 0
            self._ends_at = self._clock()
            self._idle.clear()
        thread = self._worker.thread
        if is_held and (thread is None or not thread.is_alive()):
            self.end_window()  # no thread can be started any more
        elif is_held:
            self._worker.wake()
            if not self._idle.wait(self._shutdown_seconds):
                leave_alone(self._target)
        self._worker.stop(0.0)
        with self._books:
            if self._window.count:
                self._dropped["shutdown"] = self._dropped.get("shutdown", 0) + self._window.count
        super().close()

    def health(self) -> Health:
        """Tell what was handed over one by one or in a digest, what waits for the next, and what went wrong last."""
        with self._books:
            failing = self._failures_in_a_row > 0
            return Health(
                Status.DEGRADED if failing or self._dropped else Status.HEALTHY,
                f"the digest could not be told: {self._last_error}" if failing else "",
                accepted=self._accepted,
                delivered=self._delivered,
                dropped=dict(self._dropped),
                queued=0 if self._closed else self._window.count,
                facts={"folded": self._folded, "held_back": self._held_back, "digests": self._digests},
            )

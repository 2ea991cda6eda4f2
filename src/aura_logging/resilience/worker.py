"""Run a piece of work on a thread of its own, now and then and when woken, through forks and to the end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from aura_logging.resilience.forks import tell_after_fork

__all__ = ["Worker"]

_AFTER_A_CRASH_SECONDS = 1.0


class Worker:
    """Calls `work` from one daemon thread; `work` returns how many seconds it may be left alone.

    The thread starts with the first `start`, never in the constructor: a thread does not survive a fork, so
    none may exist in a preloading master. A forked child begins without one. An error of `work`, also a SystemExit,
    is counted in `crashes`, described in `last_crash`, and the thread goes on.
    """

    def __init__(self, work: Callable[[], float], name: str) -> None:
        self._work = work
        self._name = name
        self.crashes = 0
        self.last_crash = ""
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin without a thread: the parent's did not come along."""
        self.thread: threading.Thread | None = None
        self._ident: int | None = None
        self._stopping = False
        # A lock used as an alarm: releasing one is atomic, so that a signal handler may do it at any moment,
        # which `threading.Event` does not allow.
        self._alarm = threading.Lock()
        self._alarm.acquire()
        self._starting = threading.Lock()

    def start(self) -> bool:
        """Start the thread if there is none; false when there can be none any more (the interpreter is exiting)."""
        if self.thread is not None:
            return True
        if self._stopping or not self._starting.acquire(blocking=False):
            return not self._stopping
        try:
            if self.thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self.thread = thread
        except RuntimeError:
            # From Python 3.12 on no thread starts at interpreter exit; anywhere, the system may have no more.
            return False
        finally:
            self._starting.release()
        return True

    def wake(self) -> None:
        """Have the work done soon; cheap, never waits, and safe in a signal handler."""
        try:
            self._alarm.release()
        except RuntimeError:  # it rings already
            return

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this very thread."""
        return self._ident == threading.get_ident()

    def stop(self, deadline_seconds: float) -> bool:
        """Ask the thread to finish and wait so long for it; false if it is at work still."""
        self._stopping = True
        self.wake()
        thread = self.thread
        if thread is None or self.is_current:
            return True
        thread.join(deadline_seconds)
        return not thread.is_alive()

    def _run(self) -> None:
        self._ident = threading.get_ident()
        try:
            self._work_until_stopped()
        finally:
            self._ident = None  # the system may give it to another thread

    def _work_until_stopped(self) -> None:
        alarm = self._alarm
        while not self._stopping:
            try:
                pause = self._work()
            except BaseException as error:  # noqa: BLE001  # a worker that dies delivers nothing ever after
                self.crashes += 1
                self.last_crash = f"{type(error).__name__}: {error}"
                pause = _AFTER_A_CRASH_SECONDS
            if sys.is_finalizing():
                return
            alarm.acquire(timeout=min(max(0.0, pause), threading.TIMEOUT_MAX))

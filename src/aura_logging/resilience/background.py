"""Run a job on a thread that exists only while there is something to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from aura_logging.resilience.forks import tell_after_fork

__all__ = ["BackgroundJob"]


class BackgroundJob:
    """At most one daemon thread, started by `wake` and gone when the job has nothing left.

    `run` is called with no lock held and must not raise; it looks at `is_stopping` between steps. No thread is
    started before the first `wake`, and a forked child starts with none.
    """

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._run = run
        self._name = name
        self._start_afresh()
        tell_after_fork(self)

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._stopping = False

    def after_fork_in_child(self) -> None:
        """Start in a forked child with no thread and nothing to do."""
        self._start_afresh()

    @property
    def is_stopping(self) -> bool:
        """Whether the job should leave off at the next point where it can."""
        return self._stopping

    def wake(self) -> bool:
        """See to it that the job runs once from its beginning; false if no thread can be started any more."""
        if self._pid != os.getpid():  # a fork that ran no Python hooks, as uWSGI's may
            self._start_afresh()
        with self._lock:
            if self._stopping:
                return False
            self._wanted = True
            if self._thread is not None and self._thread.is_alive():
                return True
            thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down, or the system has no thread left
                self._wanted = False
                return False
            self._thread = thread
            return True

    def stop(self, finish_seconds: float, abandon_seconds: float) -> bool:
        """Wait for a running job to finish, then ask it to leave off; false if it is running still."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(finish_seconds)
            self._stopping = True
            thread.join(abandon_seconds)
            return not thread.is_alive()
        self._stopping = True
        return True

    def _loop(self) -> None:
        while True:
            with self._lock:
                if self._stopping or not self._wanted:
                    self._thread = None
                    return
                self._wanted = False
            self._run()

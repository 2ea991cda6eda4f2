"""Do small jobs beside the caller: in order, on a thread that lives while there are any, bounded and counted."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from aura_logging.health import Health, Status
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["SideJobs"]

_EXIT_SECONDS = 2.0


class SideJobs:
    """Takes jobs that may wait for a disk or a network off a thread that must not, an event loop's above all.

    Each runs once, in the context of whoever asked for it. What does not fit into `at_most` is dropped, the newest
    first, and counted; so is a job that raises. Any thread may call it; no thread is started before the first job, and
    a forked child starts with nothing to do. At exit what is left is done within two seconds.
    """

    def __init__(self, name: str, at_most: int = 10_000) -> None:
        self._at_most = at_most
        self._job = BackgroundJob(self._run, name)
        self._start_afresh()
        self._dropped = 0
        self._failures: Counter[str] = Counter()
        tell_after_fork(self)
        atexit.register(_finish, weakref.ref(self))

    def _start_afresh(self) -> None:
        self._waiting: deque[tuple[contextvars.Context, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._idle = threading.Condition()
        self._running = 0

    def after_fork_in_child(self) -> None:
        """Leave the parent its jobs."""
        self._start_afresh()

    def do(self, job: Callable[..., Any], *arguments: Any) -> bool:
        """Have a job done soon; false if it was dropped."""
        if len(self._waiting) >= self._at_most:
            with self._idle:
                self._dropped += 1
            return False
        self._waiting.append((contextvars.copy_context(), job, arguments))
        if not self._job.wake():
            self._run()  # the interpreter is going down: nobody else will
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until everything asked for so far is done; false if the time runs out first."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._waiting and not self._running, seconds)

    def health(self) -> Health:
        """Tell how many jobs wait, and how many were dropped or failed."""
        with self._idle:
            dropped, failures = self._dropped, dict(self._failures)
        is_well = not dropped and not failures
        return Health(
            Status.HEALTHY if is_well else Status.DEGRADED,
            detail="" if is_well else f"{dropped} jobs dropped, {sum(failures.values())} failed",
            dropped={"queue_full": dropped} if dropped else {},
            queued=len(self._waiting),
            facts={"failures": failures},
        )

    def _run(self) -> None:
        with self._idle:
            self._running += 1
        try:
            while True:
                try:
                    where, job, arguments = self._waiting.popleft()
                except IndexError:
                    return
                try:
                    where.run(job, *arguments)
                except (Exception, SystemExit) as error:  # noqa: BLE001  # a job's own; the next ones have nothing to do with it
                    with self._idle:
                        self._failures[type(error).__name__] += 1
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _finish(self) -> None:
        deadline = time.monotonic() + _EXIT_SECONDS
        if not self._job.wake():
            self._run()
        self.wait(max(0.0, deadline - time.monotonic()))


def _finish(reference: weakref.ref[SideJobs]) -> None:
    jobs = reference()
    if jobs is not None and jobs._waiting:
        jobs._finish()

"""Keep account of what a piece of work asks of others: its HTTP calls, by host, and the tasks it enqueues."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from aura_logging.resilience.clock import Clock

__all__ = ["HostCalls", "OutgoingLog", "TimedCall", "begin", "current", "host_of", "observed_by"]

_MAX_HOSTS = 20
_MAX_TASKS = 20
_MOST_SHOWN = 5
_OTHERS = "(others)"
_SERVER_ERROR = 500


@dataclass(slots=True)
class HostCalls:
    """What was asked of one host; `errors` are calls without an answer, or with a status from 500 on."""

    host: str
    calls: int = 0
    errors: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"host": self.host, "calls": self.calls, "errors": self.errors, "seconds": round(self.seconds, 6)}


class OutgoingLog:
    """Counts HTTP calls and tasks; at most 20 hosts and 20 names of tasks are told apart. Any thread may add.

    Kept are host names and names of tasks: no path, no query, no argument. Calls made at the same time each count
    their whole time.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, HostCalls] = {}
        self.tasks: dict[str, int] = {}
        self._lock = threading.Lock()

    def add_call(self, host: str, seconds: float, is_error: bool) -> None:
        """Count one call that has been answered or has failed."""
        with self._lock:
            if host not in self.hosts and len(self.hosts) >= _MAX_HOSTS:
                host = _OTHERS
            known = self.hosts.setdefault(host, HostCalls(host))
            known.calls += 1
            known.errors += is_error
            known.seconds += seconds

    def add_task(self, name: str) -> None:
        """Count a task that was handed to a queue."""
        with self._lock:
            if name not in self.tasks and len(self.tasks) >= _MAX_TASKS:
                name = _OTHERS
            self.tasks[name] = self.tasks.get(name, 0) + 1

    def fields(self) -> dict[str, Any]:
        """Return the fields of the work's record; none for what was not done."""
        fields: dict[str, Any] = {}
        hosts = list(self.hosts.values())
        if hosts:
            fields["http_calls"] = sum(known.calls for known in hosts)
            fields["http_time"] = round(sum(known.seconds for known in hosts), 6)
            errors = sum(known.errors for known in hosts)
            if errors:
                fields["http_errors"] = errors
            slowest = sorted(hosts, key=lambda known: -known.seconds)[:_MOST_SHOWN]
            fields["http_hosts"] = [known.as_dict() for known in slowest]
        tasks = dict(self.tasks)
        if tasks:
            fields["tasks_enqueued"] = sum(tasks.values())
            commonest = sorted(tasks.items(), key=lambda task: -task[1])[:_MOST_SHOWN]
            fields["enqueued_tasks"] = [{"task": name, "count": count} for name, count in commonest]
        return fields


current: ContextVar[OutgoingLog | None] = ContextVar("aura_logging_outgoing", default=None)
"""The log of the work at hand."""

_observers: set[str] = set()


def observed_by(name: str) -> None:
    """Say that somebody adds to the current log from now on; before, no work is given one."""
    _observers.add(name)


def begin() -> OutgoingLog | None:
    """Give the work at hand a log of its own; `None` where nobody would add to it."""
    if not _observers:
        return None
    log = OutgoingLog()
    current.set(log)
    return log


def host_of(url: str) -> str:
    """Return the host that a URL names, without user, password and port; `unknown` for what is no URL."""
    try:
        return urlsplit(url).hostname or "unknown"
    except ValueError:
        return "unknown"


class TimedCall:
    """Counts the block as one HTTP call to `host`, in the log of the work at hand.

    A block that raises is an error; so is one that leaves a `status` from 500 on.
    """

    __slots__ = ("_began", "_clock", "_host", "_log", "status")

    def __init__(self, host: str, clock: Clock = time.perf_counter) -> None:
        self._host = host
        self._clock = clock
        self._log = current.get()
        self.status = 0
        self._began = 0.0

    def __enter__(self) -> TimedCall:
        self._began = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            is_error = kind is not None or self.status >= _SERVER_ERROR
            self._log.add_call(self._host, self._clock() - self._began, is_error)

"""Measure one request, and say what it came to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

from aura_logging.options import from_env
from aura_logging.performance.budgets import budgets_by_route
from aura_logging.performance.memory import resident_memory
from aura_logging.resilience.clock import Clock

__all__ = ["CLIENT_LEFT", "PerformanceOptions", "RequestProbe", "to_the_microsecond"]

CLIENT_LEFT = 499
"""The status of a request whose client closed the connection before it was answered, as nginx writes it."""


@dataclass(frozen=True, slots=True)
class PerformanceOptions:
    """`AURA["PERFORMANCE"]`: whether to measure requests, and from where on one is slow.

    `slow_request_seconds` may be `inf`: no request is slow then. `n_plus_one_threshold` is for how many rows one field
    must be loaded by one line of code to be reported. `explain_slow_queries` has the database explain a slow SELECT
    (never `ANALYZE`), a share `explain_sample_rate` (0 to 1) of them. `budgets` say what a route may cost:
    `{"books/<int:pk>/": {"queries": 5, "duplicates": 0}}`. `server_timing` sends the times to the browser: of staff
    and, with `DEBUG`, of everybody (`"staff"`), `"always"` or `"never"`. `allocation_sample_rate` is the share of
    requests whose allocations are traced, which slows them down.
    """

    enabled: bool = from_env("PERFORMANCE_MONITORING_ENABLED", default=True)
    slow_request_seconds: float = from_env("SLOW_REQUEST_THRESHOLD", 2.0)
    max_queries: int = from_env("DB_QUERY_THRESHOLD", 20)
    slow_query_seconds: float = 0.1
    long_transaction_seconds: float = 1.0
    n_plus_one_threshold: int = 2
    explain_slow_queries: bool = False
    explain_sample_rate: float = 0.1
    budgets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    server_timing: str = "staff"
    observe_caches: bool = True
    allocation_sample_rate: float = 0.0

    def __post_init__(self) -> None:
        # The variable is named because the value may have come from it; `fill` names the section.
        if not self.slow_request_seconds > 0:  # nor is what is not a number
            raise ValueError(
                f"slow_request_seconds (SLOW_REQUEST_THRESHOLD) is {self.slow_request_seconds!r}; "
                "it must be a number of seconds above 0."
            )
        if self.max_queries < 1:
            raise ValueError(f"max_queries (DB_QUERY_THRESHOLD) is {self.max_queries!r}; it must be 1 or more.")
        for name in ("slow_query_seconds", "long_transaction_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a number of seconds above 0.")
        for name in ("explain_sample_rate", "allocation_sample_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a share from 0 to 1.")
        if self.n_plus_one_threshold < 2:
            raise ValueError(f"n_plus_one_threshold is {self.n_plus_one_threshold!r}; it must be 2 or more.")
        if self.server_timing not in ("staff", "always", "never"):
            raise ValueError(f"server_timing is {self.server_timing!r}; it must be 'staff', 'always' or 'never'.")
        budgets_by_route(self.budgets)


def to_the_microsecond(seconds: float) -> float:
    """Return what `round(seconds, 6)` does, for a third of its price; halves go up."""
    return int(seconds * 1_000_000 + 0.5) / 1_000_000


class RequestProbe:
    """Measures from its making to `summary`; one request, one probe.

    `cpu_clock` counts the processor time of the thread that serves the request; leave it out where a thread
    serves many at once (an event loop). A request that ends on another thread than it began on has no such time.
    Not for several threads at a time.
    """

    # On the class until they change: most requests change none of them.
    exception_type: str | None = None
    is_disconnected = False
    response_bytes: int | None = None
    _first_byte: float | None = None

    def __init__(
        self,
        slow_request_seconds: float,
        clock: Clock = time.perf_counter,
        cpu_clock: Clock | None = None,
        memory: Callable[[float], int | None] = resident_memory.recent,
    ) -> None:
        self.slow_request_seconds = slow_request_seconds
        self._clock = clock
        self._memory = memory
        self._cpu_clock = cpu_clock
        if cpu_clock is not None:
            self._thread = get_ident()
            self._cpu_started = cpu_clock()
        self._started = started = clock()
        self._memory_started = memory(started)

    def sent(self, count: int) -> None:
        """Note that `count` bytes of the body went out."""
        if self._first_byte is None:
            self._first_byte = self._clock()
        self.response_bytes = (self.response_bytes or 0) + count

    def failed(self, kind: type[BaseException]) -> None:
        """Note what kind of exception the request ended in; the last one counts."""
        name = kind.__qualname__
        self.exception_type = name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"

    def elapsed(self) -> float:
        """Return the seconds since its making."""
        return self._clock() - self._started

    def summary(self, status_code: int) -> tuple[int, dict[str, Any]]:
        """Return the level of the request's record and its fields by now; what was not measured is left out.

        ERROR for a server error, WARNING for a client error or a slow request, else INFO.
        """
        now = self._clock()
        duration = now - self._started
        fields: dict[str, Any] = {
            "status_code": status_code,
            "request_duration": int(duration * 1_000_000 + 0.5) / 1_000_000,  # `to_the_microsecond`, without the call
            "security_event": False,
        }
        if self._first_byte is not None:
            fields["time_to_first_byte"] = to_the_microsecond(self._first_byte - self._started)
        self.add_costs(fields, now)
        if self.response_bytes is not None:
            fields["response_bytes"] = self.response_bytes
        level = logging.INFO
        if status_code >= 400:
            level = logging.WARNING if status_code < 500 else logging.ERROR
        if duration > self.slow_request_seconds:
            fields["slow"] = True
            level = max(level, logging.WARNING)
        if self.is_disconnected:
            fields["disconnected"] = True
        if self.exception_type is not None:
            fields["exception_type"] = self.exception_type
            level = logging.ERROR
        return level, fields

    def add_costs(self, fields: dict[str, Any], now: float | None = None) -> None:
        """Add `cpu_time` (seconds) and `memory_delta` (bytes) as far as known; `now` is what the clock says."""
        cpu_clock = self._cpu_clock
        if cpu_clock is not None and get_ident() == self._thread:
            fields["cpu_time"] = to_the_microsecond(cpu_clock() - self._cpu_started)
        memory = self._memory(self._clock() if now is None else now)
        if memory is not None and self._memory_started is not None:
            fields["memory_delta"] = memory - self._memory_started

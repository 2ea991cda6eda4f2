"""Silence a logger that has run wild, and find out by one short trial at a time whether it is itself again."""

from __future__ import annotations

from dataclasses import dataclass

from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock

__all__ = ["CircuitOptions", "LoggerCircuit"]

_WINDOW_SECONDS = 1.0
_LONGEST_COOLDOWNS = 6.0
"""A logger that is wild at every trial is tried less often, up to so many times the first cooldown apart."""


@dataclass(frozen=True, slots=True)
class CircuitOptions:
    """What a logger may log in a second, all levels together and before anything is dropped; `None` for no limit."""

    records_per_second: float | None = 10_000.0
    errors_per_second: float | None = None
    cooldown_seconds: float = 10.0


class LoggerCircuit:
    """Opens when a logger says more in a second than it may, and closes when a trial second was quiet.

    `note` hears what the logger said since the last time; while the circuit is open that changes nothing. After the
    cooldown the first `is_open(now)` begins a trial: records pass, and are judged at the end of a second, or as soon
    as there are too many. Not for several threads at once.
    """

    __slots__ = ("_began", "_breaker", "_errors", "_options", "_records", "_trying", "reason")

    def __init__(self, options: CircuitOptions, clock: Clock) -> None:
        self._options = options
        longest = options.cooldown_seconds * _LONGEST_COOLDOWNS
        self._breaker = CircuitBreaker(1, options.cooldown_seconds, clock, max_cooldown_seconds=longest)
        self._trying = False
        self._records = 0
        self._errors = 0
        self._began = clock()
        self.reason = ""
        """Why it opened last."""

    @property
    def is_closed(self) -> bool:
        """Whether the logger is trusted: neither open nor on trial."""
        return not self._breaker.is_open

    @property
    def times_opened(self) -> int:
        """How often it opened."""
        return self._breaker.times_opened

    def is_open(self, now: float) -> bool:
        """Tell whether nothing passes; begins a trial if it is time for one."""
        if self._trying or not self._breaker.is_open:
            return False
        if self._breaker.allow():
            self._trying = True
            self._begin_window(now)
            return False
        return True

    def note(self, records: int, errors: int, now: float) -> None:
        """Take in what the logger said since the last time."""
        if self._breaker.is_open and not self._trying:
            return
        self._records += records
        self._errors += errors
        seconds = max(_WINDOW_SECONDS, now - self._began)
        excess = self._excess(seconds)
        if excess:
            self._breaker.record_failure()
            self._trying = False
            self.reason = excess
            self._begin_window(now)
        elif now - self._began >= _WINDOW_SECONDS:
            if self._trying:
                self._trying = False
                self._breaker.record_success()
            self._begin_window(now)

    def _excess(self, seconds: float) -> str:
        options = self._options
        if options.records_per_second is not None and self._records > options.records_per_second * seconds:
            return f"more than {options.records_per_second:,g} records a second"
        if options.errors_per_second is not None and self._errors > options.errors_per_second * seconds:
            return f"more than {options.errors_per_second:,g} errors a second"
        return ""

    def _begin_window(self, now: float) -> None:
        self._began = now
        self._records = self._errors = 0

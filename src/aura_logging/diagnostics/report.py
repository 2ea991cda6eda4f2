"""Hold what is known of the system's health at a moment: plain data that every view of it is made from.

Everything here is frozen and free of behaviour but for `as_dict`, whose keys are the names of the fields. The schema
is documented in docs/health.md; `SCHEMA` counts up when a key changes its meaning or goes away, not when one is added.
Times are Unix seconds, durations seconds, shares 0 to 1 and percentages 0 to 100.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aura_logging.health import Status

__all__ = [
    "SCHEMA",
    "Condition",
    "Configuration",
    "Disk",
    "FilterState",
    "HandlerState",
    "HandlerTotals",
    "HealthReport",
    "JournalState",
    "LoggerState",
    "Metrics",
    "Outcome",
    "PartState",
    "Period",
    "Probe",
    "Recommendation",
    "System",
    "Threshold",
    "Traffic",
    "Worker",
    "as_plain",
]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something that is not as it should be, and what to do about it."""

    code: str
    """What kind of thing it is, for those who filter: `circuit_open`, or the id of a system check, `aura.W004`."""
    status: Status
    about: str
    """Which part it is: a handler's name, a logger, a worker, a route, a setting."""
    problem: str
    advice: str
    setting: str = ""
    """The setting to change, spelled as in the settings file; empty where none would help."""
    value: str = ""
    """What to set it to."""


@dataclass(frozen=True, slots=True)
class HandlerState:
    """One handler in one process, as it told itself; `status` is None for one that cannot tell."""

    name: str
    kind: str
    """Its class, with the module."""
    behind: str = ""
    """The name of the handler that hands records on to it."""
    status: Status | None = None
    detail: str = ""
    accepted: int | None = None
    delivered: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    queued: int | None = None
    circuit_open: bool = False
    has_breaker: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else it told, by name."""


@dataclass(frozen=True, slots=True)
class FilterState:
    """One filter in one process: what it dropped on purpose, or could not do."""

    kind: str
    handler: str
    status: Status | None = None
    detail: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartState:
    """Something in one process that is no handler, such as the audit trail, as it told itself."""

    name: str
    status: Status
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Condition(StrEnum):
    """What is known of a process."""

    ALIVE = "alive"
    SILENT = "silent"
    """It is there, and has not said anything for too long."""
    GONE = "gone"
    """It ended without saying so: it was killed, or crashed."""
    SELF = "self"
    """It is the process that made the report."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process, as it last told; one that ended in good order is not there."""

    worker: str
    host: str
    pid: int
    program: str
    condition: Condition
    told_seconds_ago: float
    up_seconds: float
    status: Status
    handlers: tuple[HandlerState, ...] = ()
    filters: tuple[FilterState, ...] = ()
    parts: tuple[PartState, ...] = ()


@dataclass(frozen=True, slots=True)
class HandlerTotals:
    """One handler over all processes that are there: the sums of their ledgers, and the worst of their states."""

    name: str
    kind: str
    behind: str
    status: Status | None
    detail: str
    workers: int
    """In how many processes it is at work."""
    affected: int
    """In how many of them it is in that state, if that is not a healthy one."""
    accepted: int | None
    delivered: int | None
    dropped: Mapping[str, int]
    queued: int | None
    circuit_open: bool
    """Whether it is in any of them."""
    circuits_open: int
    """In how many of them."""
    has_breaker: bool
    """Whether there is one to open."""


@dataclass(frozen=True, slots=True)
class LoggerState:
    """A logger that has handlers of its own, or a level, or does not propagate."""

    name: str
    level: str
    propagates: bool
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `LOGGING` is in effect in this process: read from the live loggers, not from a settings file."""

    loggers: tuple[LoggerState, ...]
    problems: int
    """How many of the recommendations are about it."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk on which some of our files lie."""

    path: str
    free_bytes: int
    total_bytes: int

    @property
    def free_percent(self) -> float:
        """How much is free."""
        return 100.0 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, slots=True)
class System:
    """The machine that the report was made on; what cannot be read is None."""

    host: str
    memory_percent: float | None
    cpu_percent: float | None
    system_load: float | None
    disks: tuple[Disk, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the requests of one kind ended: of a route, of a type of user."""

    name: str
    requests: int
    failed: int
    error_rate: float
    p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """How the requests of a stretch of time ended."""

    at: int
    seconds: int
    requests: int
    failed: int
    error_rate: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of the window."""

    requests: int
    per_second: float
    failed: int
    error_rate: float
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    p95_queries: float | None
    by_endpoint: tuple[Outcome, ...]
    by_user_type: tuple[Outcome, ...]
    by_period: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What all processes counted in the window; `error` says why nothing is known, and then the rest is empty."""

    store: str
    """What kind of store; `memory` knows one process only."""
    seconds: float
    error: str = ""
    traffic: Traffic | None = None
    security_events: Mapping[str, int] = field(default_factory=dict)
    security_countries: Mapping[str, int] = field(default_factory=dict)
    """Those whose country is known, by its code."""
    cache_hits: int = 0
    cache_misses: int = 0
    log_records: Mapping[str, int] = field(default_factory=dict)
    """By level."""
    log_records_per_second: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)
    """The most frequent, by type of exception."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Lost in the window, by `handler: reason`."""

    @property
    def cache_hit_rate(self) -> float | None:
        """The share of look-ups that found something; None without any."""
        asked = self.cache_hits + self.cache_misses
        return self.cache_hits / asked if asked else None


@dataclass(frozen=True, slots=True)
class Threshold:
    """One alert rule, measured now; `value` is None where there is nothing to measure."""

    rule: str
    summary: str
    value: float | None
    threshold: float
    is_exceeded: bool
    severity: str
    window_seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    unit: str = "number"
    """Of `value` and `threshold`: `number`, `share` (0 to 1) or `percent` (0 to 100)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of one synthetic record, in the process that made the report."""

    handler: str
    kind: str
    outcome: str
    """`delivered`, `accepted` (it cannot be read back), `checked` (nothing was sent, see `detail`), or `failed`."""
    detail: str
    latency_seconds: float
    """What the log call would have waited."""
    lag_seconds: float | None = None
    """Until the record lay at its destination."""
    is_read_back: bool | None = None
    is_scrubbed: bool | None = None
    """Whether the secret in the record was redacted where it arrived; None where that could not be seen."""
    dropped: int = 0
    circuit_open: bool = False


@dataclass(frozen=True, slots=True)
class JournalState:
    """What waits in a journal's directory."""

    handler: str
    directory: str
    lines: int
    """Of dead processes, not delivered yet."""
    dead: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Everything; `probes` and `thresholds` are None where they were not asked for."""

    at: float
    status: Status
    summary: str
    version: str
    system: System
    configuration: Configuration
    handlers: tuple[HandlerTotals, ...]
    workers: tuple[Worker, ...]
    metrics: Metrics
    journals: tuple[JournalState, ...]
    probes: tuple[Probe, ...] | None
    thresholds: tuple[Threshold, ...] | None
    recommendations: tuple[Recommendation, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether the command exits with 0: nothing is unhealthy, though something may be degraded."""
        return self.status is not Status.UNHEALTHY

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values. `handlers` is keyed by the handler's name; all else is as the fields are."""
        plain: dict[str, Any] = {"schema": SCHEMA, **as_plain(self)}
        plain["handlers"] = {each.pop("name"): each for each in plain["handlers"]}
        return plain


def as_plain(value: Any) -> Any:
    """Return a value of this module as JSON values: properties that are numbers are written like fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {each.name: as_plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        for name in _WRITTEN_PROPERTIES.get(type(value), ()):
            plain[name] = as_plain(getattr(value, name))
        return plain
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


_WRITTEN_PROPERTIES: Mapping[type[Any], tuple[str, ...]] = {
    Disk: ("free_percent",),
    Metrics: ("cache_hit_rate",),
}

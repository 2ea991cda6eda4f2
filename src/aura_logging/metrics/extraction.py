"""Read numbers off a log record: how many, how bad, how long, how often."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from aura_logging import records
from aura_logging.metrics import catalogue
from aura_logging.metrics.business import count_business
from aura_logging.metrics.cells import CounterCell, HistogramCell
from aura_logging.metrics.declaration import NO_VALUE
from aura_logging.metrics.model import OVERFLOW, Exemplar
from aura_logging.metrics.registry import Registry

__all__ = ["ALERTS_LOGGER", "REQUEST_LOGGER", "TASK_LOGGER", "TELLING_FIELDS", "Extraction", "is_one_of_many"]

REQUEST_LOGGER = "aura.request"
"""One record for each finished request, with the fields of `schema.py`."""

TASK_LOGGER = "aura.task"
"""One record for each run of a background task."""

ALERTS_LOGGER = "aura.alerts"
"""One record for each alert that fired or was resolved."""

TELLING_FIELDS = frozenset({"metric", "security_event"})
"""Fields of any record that have something counted beyond its being there."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_MOST_CACHED = 2_000
_LONGEST_TRACE_ID = 64
_INFINITY = float("inf")


def is_one_of_many(logger: str, level: int) -> bool:
    """Tell whether of such records, without `TELLING_FIELDS`, nothing is counted but how many there are."""
    return level < logging.ERROR and logger not in (REQUEST_LOGGER, TASK_LOGGER)


class _RequestCells(NamedTuple):
    """Where requests of one route, method, status and kind of user are counted."""

    requests: CounterCell
    responses: CounterCell | None
    duration: HistogramCell


class Extraction:
    """Counts records in a registry; any thread may call it.

    Fields are read with suspicion: what is not a finite number is not counted, and a missing label is `none`.
    A field that holds nonsense never raises. A `threat_type` that is none of `threat_types` counts as `other`; with
    `None`, any counts as it is.
    """

    def __init__(self, registry: Registry, threat_types: Collection[str] | None = None) -> None:
        self._threat_types = None if threat_types is None else frozenset(threat_types)
        counter, gauge, histogram = registry.counter, registry.gauge, registry.histogram
        self._registry = registry
        self._volume = counter(catalogue.LOG_RECORDS)
        self._volume_cells: dict[tuple[str, str], CounterCell] = {}
        self._errors = counter(catalogue.ERRORS)
        self._requests = counter(catalogue.REQUESTS)
        self._responses = counter(catalogue.RESPONSES)
        self._duration = histogram(catalogue.REQUEST_DURATION)
        self._db_queries = histogram(catalogue.REQUEST_DB_QUERIES)
        self._db_queries_gauge = gauge(catalogue.DB_QUERIES_PER_REQUEST).of()
        self._db_time = histogram(catalogue.REQUEST_DB_TIME)
        self._tasks = counter(catalogue.TASKS)
        self._task_duration = histogram(catalogue.TASK_DURATION)
        self._cache_hits = counter(catalogue.CACHE_HITS)
        self._cache_misses = counter(catalogue.CACHE_MISSES)
        self._memory_growth = histogram(catalogue.MEMORY_GROWTH)
        self._of_requests: dict[tuple[str, str, float | None, str], _RequestCells] = {}
        self._system = (
            ("memory_percent", gauge(catalogue.MEMORY_PERCENT).of()),
            ("cpu_percent", gauge(catalogue.CPU_PERCENT).of()),
            ("system_load", gauge(catalogue.SYSTEM_LOAD).of()),
        )
        self._security = counter(catalogue.SECURITY_EVENTS)
        self._security_by_country = counter(catalogue.SECURITY_EVENTS_BY_COUNTRY)
        self._rejected = counter(catalogue.METRICS_REJECTED)

    def __call__(self, record: logging.LogRecord) -> None:
        """Count what the record tells."""
        self.count(record.levelname, record.levelno, record.name, record.created, record.__dict__)

    def count(self, level_name: str, level: int, logger: str, created: float, fields: Mapping[str, Any]) -> None:
        """Count what a record with these fields tells, whether or not there is one; it may have others besides.

        `created` is in seconds since 1970.
        """
        self.count_one(level_name, logger)
        if logger == REQUEST_LOGGER:
            self._note_system(fields)
            # Whoever watches is no traffic: an open dashboard would be the busiest user of a quiet site.
            if fields.get("own") is not True:
                self._count_request(created, fields)
        elif (level or 0) >= logging.ERROR and logger != ALERTS_LOGGER:
            # Not for requests: one that failed was logged as an error by whoever saw it fail (`django.request`). Not
            # for alerts: that there are errors is no further error.
            kind = fields.get("exception_type") or records.type_name(fields.get("exc_info"))
            self._errors.of(logger, _label(fields.get("route")), _label(kind)).inc()
        if logger == TASK_LOGGER:
            self._count_task(created, fields)
        if fields.get("security_event") is True:
            self._count_security_event(logger, fields)
        if "metric" in fields:
            reason = count_business(self._registry, fields)
            if reason:
                self._rejected.of(_label(fields["metric"]) if reason == "value" else NO_VALUE, reason).inc()

    def count_one(self, level_name: str, logger: str) -> None:
        """Count that there was a record, and nothing else of it."""
        key = (level_name, logger)
        cell = self._volume_cells.get(key)
        if cell is None:
            cell = self._volume.of(*key)
            if len(self._volume_cells) < _MOST_CACHED:
                self._volume_cells[key] = cell
        cell.inc()

    def _count_security_event(self, logger: str, fields: Mapping[str, Any]) -> None:
        self._security.of(self._threat_type(fields.get("threat_type")), _source(logger)).inc()
        country = fields.get("country_code")
        # Two letters (ISO 3166-1): anything else would be a set without an end.
        if isinstance(country, str) and len(country) == 2 and country.isascii() and country.isalpha():
            self._security_by_country.of(country.upper(), _source(logger)).inc()

    def _threat_type(self, value: Any) -> str:
        label = _label(value)
        known = self._threat_types
        return label if known is None or label in known or label == NO_VALUE else "other"

    def _count_request(self, created: float, fields: Mapping[str, Any]) -> None:
        route = _label(fields.get("route"))
        method = _method(fields.get("method"))
        status = _number(fields.get("status_code"))
        kind = (route, method, status, _label(fields.get("user_type")))
        cells = self._of_requests.get(kind) or self._cells_of_requests(*kind)
        cells.requests.inc()
        if cells.responses is not None:
            cells.responses.inc()
        duration = _number(fields.get("request_duration"))
        if duration is not None:
            cells.duration.observe(duration, _exemplar(duration, fields, created))
        queries = _number(fields.get("db_queries"))
        if queries is not None and queries >= 0:
            self._db_queries.of(route).observe(queries)
            self._db_queries_gauge.set(queries)
        db_time = _number(fields.get("db_time"))
        if db_time is not None:
            self._db_time.of(route).observe(db_time)
        for name, counter in (("cache_hits", self._cache_hits), ("cache_misses", self._cache_misses)):
            number = _number(fields.get(name))
            if number:
                counter.of(route).inc(number)
        growth = _number(fields.get("memory_delta"))
        if growth is not None:
            self._memory_growth.of(route).observe(max(growth, 0.0))

    def _cells_of_requests(self, route: str, method: str, status: float | None, user_type: str) -> _RequestCells:
        cells = _RequestCells(
            self._requests.of(route, method, _status_class(status), user_type),
            None if status is None else self._responses.of(_status_text(status)),
            self._duration.of(route, method),
        )
        # What is over a metric's limit is counted as such each time.
        if len(self._of_requests) < _MOST_CACHED and not any(map(_is_overflow, cells)):
            self._of_requests[route, method, status, user_type] = cells
        return cells

    def _note_system(self, fields: Mapping[str, Any]) -> None:
        for name, cell in self._system:
            value = _number(fields.get(name))
            if value is not None:
                cell.set(value)

    def _count_task(self, created: float, fields: Mapping[str, Any]) -> None:
        task = _label(fields.get("task_name"))
        self._tasks.of(task, _label(fields.get("task_state")), _label(fields.get("task_queue"))).inc()
        duration = _number(fields.get("task_duration"))
        if duration is not None:
            self._task_duration.of(task).observe(duration, _exemplar(duration, fields, created))


def _is_overflow(cell: CounterCell | HistogramCell | None) -> bool:
    return cell is not None and any(value == OVERFLOW for _, value in cell.series.labels)


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value if -_INFINITY < value < _INFINITY else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if -_INFINITY < number < _INFINITY else None
    return None


def _label(value: Any) -> str:
    return value if isinstance(value, str) and value else NO_VALUE


def _method(value: Any) -> str:
    # Anybody may send a method of their own invention.
    return value if isinstance(value, str) and value in _METHODS else "other"


def _status_class(status: float | None) -> str:
    return f"{int(status) // 100}xx" if status is not None and 100 <= status < 600 else NO_VALUE


def _status_text(status: float) -> str:
    return str(int(status)) if 100 <= status < 600 else "other"


def _source(logger: str) -> str:
    return logger if logger in ("aura.request", "aura.security") else "other"


def _exemplar(value: float, fields: Mapping[str, Any], at: float) -> Exemplar | None:
    trace_id = fields.get("trace_id")
    if isinstance(trace_id, str) and trace_id.isascii() and trace_id.isalnum() and len(trace_id) <= _LONGEST_TRACE_ID:
        return Exemplar(value, trace_id, at)
    return None

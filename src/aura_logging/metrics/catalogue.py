"""Declare every metric of ours, once: what the handler counts, exposition writes and the dashboards show."""

from __future__ import annotations

from aura_logging.metrics.buckets import COUNTS, SIZES_BYTES
from aura_logging.metrics.declaration import Metric

__all__ = ["CATALOGUE", "declared"]

LOG_RECORDS = Metric("aura_log_records_total", "counter", "Log records by level and logger.", "", ("level", "logger"))
ERRORS = Metric(
    "aura_errors_total",
    "counter",
    "Records at ERROR and above, by logger, route and type of exception; not the requests' own summary records.",
    "",
    ("logger", "route", "type"),
    max_series=500,
)
REQUESTS = Metric(
    "aura_requests_total",
    "counter",
    "Finished requests by route, method, class of status (2xx) and type of user.",
    "",
    ("route", "method", "status", "user_type"),
    max_series=2_000,
)
RESPONSES = Metric("aura_responses_total", "counter", "Finished requests by status code.", "", ("status_code",))
REQUEST_DURATION = Metric(
    "aura_request_duration_seconds",
    "histogram",
    "Time from the request's arrival to the last byte of its response.",
    "seconds",
    ("route", "method"),
    max_series=500,
)
REQUEST_DB_QUERIES = Metric(
    "aura_request_db_queries", "histogram", "Database queries of a request.", "", ("route",), COUNTS, max_series=500
)
DB_QUERIES_PER_REQUEST = Metric(
    "aura_db_queries_per_request",
    "gauge",
    "Database queries of a request: the mean over all requests of the last five minutes, in all processes.",
    merge="mean",
)
REQUEST_DB_TIME = Metric(
    "aura_request_db_time_seconds", "histogram", "Time a request spent in the database.", "seconds", ("route",)
)
TASKS = Metric(
    "aura_tasks_total",
    "counter",
    "Runs of background tasks by name, state they ended in, and queue.",
    "",
    ("task", "state", "queue"),
    max_series=1_000,
)
TASK_DURATION = Metric(
    "aura_task_duration_seconds",
    "histogram",
    "Time a run of a background task took.",
    "seconds",
    ("task",),
    max_series=500,
)
CACHE_HITS = Metric("aura_cache_hits_total", "counter", "Cache look-ups that found something.", "", ("route",))
CACHE_MISSES = Metric("aura_cache_misses_total", "counter", "Cache look-ups that found nothing.", "", ("route",))
MEMORY_GROWTH = Metric(
    "aura_request_memory_growth_bytes",
    "histogram",
    "By how much the process grew during a request; one that shrank counts as 0.",
    "bytes",
    ("route",),
    SIZES_BYTES,
)
MEMORY_PERCENT = Metric("aura_memory_percent", "gauge", "Memory of the system in use, in percent.", "percent")
CPU_PERCENT = Metric("aura_cpu_percent", "gauge", "Processors of the system in use, in percent.", "percent")
SYSTEM_LOAD = Metric("aura_system_load", "gauge", "Load average of the system over one minute.")
SECURITY_EVENTS = Metric(
    "aura_security_events_total",
    "counter",
    "Records that carry a security event, by threat and by the logger that saw it; one event may be on two loggers.",
    "",
    ("threat_type", "logger"),
)
SECURITY_EVENTS_BY_COUNTRY = Metric(
    "aura_security_events_by_country_total",
    "counter",
    "Records that carry a security event and whose country is known, by country and by the logger that saw it.",
    "",
    ("country_code", "logger"),
)
PRIVACY_FINDINGS = Metric(
    "aura_privacy_findings_total",
    "counter",
    "Personal data and secrets that were redacted in log records, by detector.",
    "",
    ("detector",),
)
PRIVACY_FAILURES = Metric(
    "aura_privacy_failures_total",
    "counter",
    "Records that could not be scrubbed and were blanked, by type of error.",
    "",
    ("error",),
)
HANDLER_ACCEPTED = Metric(
    "aura_handler_accepted_total", "counter", "Records a handler took over for delivery.", "", ("handler",)
)
HANDLER_DELIVERED = Metric(
    "aura_handler_delivered_total", "counter", "Records a handler has delivered.", "", ("handler",)
)
HANDLER_DROPPED = Metric(
    "aura_handler_dropped_total", "counter", "Records a handler has lost, by reason.", "", ("handler", "reason")
)
RECORDS_LEFT_OUT = Metric(
    "aura_log_records_left_out_total",
    "counter",
    "Records that sampling did not keep, by reason; they are in aura_log_records_total.",
    "",
    ("filter", "reason"),
)
HANDLER_QUEUED = Metric(
    "aura_handler_queued",
    "gauge",
    "Records that wait in a handler, all processes together.",
    "",
    ("handler",),
    merge="sum",
)
HANDLER_CIRCUITS_OPEN = Metric(
    "aura_handler_circuits_open",
    "gauge",
    "Processes in which a handler's breaker is open.",
    "",
    ("handler",),
    merge="sum",
)
METRICS_REJECTED = Metric(
    "aura_metrics_rejected_total",
    "counter",
    "Values and metrics that could not be counted, by reason.",
    "",
    ("metric", "reason"),
)

CATALOGUE: tuple[Metric, ...] = (
    LOG_RECORDS,
    ERRORS,
    REQUESTS,
    RESPONSES,
    REQUEST_DURATION,
    REQUEST_DB_QUERIES,
    DB_QUERIES_PER_REQUEST,
    REQUEST_DB_TIME,
    TASKS,
    TASK_DURATION,
    CACHE_HITS,
    CACHE_MISSES,
    MEMORY_GROWTH,
    MEMORY_PERCENT,
    CPU_PERCENT,
    SYSTEM_LOAD,
    SECURITY_EVENTS,
    SECURITY_EVENTS_BY_COUNTRY,
    PRIVACY_FINDINGS,
    PRIVACY_FAILURES,
    HANDLER_ACCEPTED,
    HANDLER_DELIVERED,
    HANDLER_DROPPED,
    RECORDS_LEFT_OUT,
    HANDLER_QUEUED,
    HANDLER_CIRCUITS_OPEN,
    METRICS_REJECTED,
)
"""Labels hold closed sets. A label that has nothing to say is `none`, never empty."""

_BY_NAME = {metric.name: metric for metric in CATALOGUE}


def declared(name: str) -> Metric | None:
    """Return our declaration of a metric, if it is one of ours."""
    return _BY_NAME.get(name)

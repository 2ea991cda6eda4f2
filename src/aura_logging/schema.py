"""Name every field we write: its meaning, its type, and how ECS and OpenTelemetry spell it.

`aura` spelling is ours (flat snake_case). `ecs` follows the Elastic Common Schema 8 field reference, `otel` the
OpenTelemetry log data model and semantic conventions 1.27; both are written flat, with dotted names. A field
that a schema has no name for keeps ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["FIELDS", "SCHEMAS", "Field", "SchemaName", "Spelling", "spelling"]

SchemaName = Literal["aura", "ecs", "otel"]
Kind = Literal["keyword", "text", "ip", "long", "float", "boolean", "date"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a line: our name, its type in a search index, its meaning, and its names elsewhere."""

    name: str
    kind: Kind
    meaning: str
    ecs: str = ""
    otel: str = ""


FIELDS: tuple[Field, ...] = (
    Field("timestamp", "date", "when it was logged, ISO 8601, UTC, microseconds", "@timestamp", "timestamp"),
    Field("level", "keyword", "the level's name", "log.level", "severity_text"),
    Field("logger", "keyword", "the logger's name", "log.logger", "otel.scope.name"),
    Field("message", "text", "the message, its arguments filled in", "message", "body"),
    Field("correlation_id", "keyword", "joins the lines of one request", "http.request.id", "correlation_id"),
    Field("trace_id", "keyword", "W3C trace id, 32 hex digits", "trace.id", "trace_id"),
    Field("span_id", "keyword", "our span in that trace, 16 hex digits", "span.id", "span_id"),
    Field("parent_span_id", "keyword", "the caller's span, if it named one", "parent.id", "parent_span_id"),
    Field("user_id", "keyword", "primary key of the user", "user.id", "user.id"),
    Field("user_type", "keyword", "anonymous, authenticated, staff or superuser", "user.roles", "user.roles"),
    Field("auth_method", "keyword", "session, bearer, basic, …", "event.provider", "auth_method"),
    Field(
        "client_ip",
        "ip",
        "where the request came from: a valid address or absent",
        "client.ip",
        "client.address",
    ),
    Field("user_agent", "keyword", "the client's own description", "user_agent.original", "user_agent.original"),
    Field("country_code", "keyword", "ISO 3166-1 alpha-2", "client.geo.country_iso_code", "geo.country.iso_code"),
    Field("method", "keyword", "HTTP method", "http.request.method", "http.request.method"),
    Field("path", "keyword", "path of the URL, without the query", "url.path", "url.path"),
    Field("route", "keyword", "the URL pattern that matched: a closed set", "http.route", "http.route"),
    Field(
        "status_code",
        "long",
        "HTTP status; 499 when the client left",
        "http.response.status_code",
        "http.response.status_code",
    ),
    Field(
        "request_duration",
        "float",
        "seconds, to the last byte of the body",
        "event.duration",
        "request_duration",
    ),
    Field("time_to_first_byte", "float", "seconds until a streaming body began"),
    Field("cpu_time", "float", "seconds of processor time of the thread that served it; not under ASGI"),
    Field("slow", "boolean", "whether it took longer than a request should; absent where not"),
    Field("own", "boolean", "whether one of our pages answered it, which is not counted as traffic; absent where not"),
    Field("disconnected", "boolean", "whether the client left before the end; absent where not"),
    Field("response_bytes", "long", "size of the body", "http.response.body.bytes", "http.response.body.size"),
    Field("db_queries", "long", "database queries in the request"),
    Field("db_time", "float", "seconds in the database"),
    Field("db_writes", "long", "statements among them that change data"),
    Field("db_rows", "long", "rows read or changed, where the backend tells without effort"),
    Field("db_errors", "long", "queries that failed"),
    Field("db_transaction_statements", "long", "BEGIN, COMMIT, SAVEPOINT and the like; not among db_queries"),
    Field("db_aliases", "keyword", "which databases were asked, if not only the default one"),
    Field("db_uncounted", "long", "queries beyond what is kept of one request"),
    Field("sql", "text", "on `django.db.backends`: the statement, with `?` for every value"),
    Field("alias", "keyword", "which database it went to"),
    Field("duration", "float", "seconds it took"),
    Field("n_plus_one", "long", "loads of one field once per row"),
    Field("duplicate_queries", "long", "queries with the same SQL and parameters as an earlier one"),
    Field("slow_queries", "long", "queries over the threshold"),
    Field("hints", "text", "what to change, where, and how many queries that would leave"),
    Field("cache_hits", "long", "cache hits in the request"),
    Field("cache_misses", "long", "cache misses in the request"),
    Field("http_calls", "long", "HTTP calls to others, through observed clients"),
    Field("http_time", "float", "seconds in them, to the head of each answer"),
    Field("http_errors", "long", "those without an answer, or with a status from 500 on"),
    Field("tasks_enqueued", "long", "tasks handed to a queue"),
    Field("task_name", "keyword", "which task the line belongs to"),
    Field("task_id", "keyword", "which run of it, by the queue's own id"),
    Field("task_state", "keyword", "how the run ended, as the queue calls it"),
    Field("task_duration", "float", "seconds the run took"),
    Field("task_queue", "keyword", "which queue brought it"),
    Field("task_retries", "long", "how often it had been tried before"),
    Field("memory_delta", "long", "bytes the process grew by during the request"),
    Field("memory_percent", "float", "of the system's memory in use", "", "system.memory.utilization_percent"),
    Field("cpu_percent", "float", "of the system's processors in use", "", "system.cpu.utilization_percent"),
    Field("system_load", "float", "load average over one minute", "", "system.cpu.load_average.1m"),
    Field("security_event", "boolean", "whether a threat was seen"),
    Field("threat_type", "keyword", "which kind of threat"),
    Field("threats", "keyword", "all kinds of threat in the request"),
    Field("threat_score", "float", "how sure the rule is, 0.5 to 1"),
    Field("threat_rule", "keyword", "id of what matched", "rule.id"),
    Field("threat_location", "keyword", "the part of the request: path, query, body or a header's name"),
    Field("threat_evidence", "text", "the beginning of what matched, decoded, at most 120 characters"),
    Field("inspection_cut", "keyword", "parts of the request too long to be inspected whole; absent where none"),
    Field("account", "keyword", "the account somebody tried: a pseudonym, unless `THREATS.accounts` says otherwise"),
    Field("scope", "keyword", "what a threshold counted by: account, address, pair, network or pattern"),
    Field("count", "long", "how many there were: in the window, or so far of a storm"),
    Field("window_seconds", "float", "seconds in which they were counted"),
    Field("folded", "long", "events of the same storm that have no record of their own since the last"),
    Field("country_before", "keyword", "country of the user's last login, ISO 3166-1 alpha-2"),
    Field("distance_km", "long", "from there, along the great circle"),
    Field("speed_km_per_hour", "float", "that a journey from there would have taken"),
    Field(
        "environment",
        "keyword",
        "production, staging, …",
        "service.environment",
        "deployment.environment.name",
    ),
    Field("service_name", "keyword", "which service wrote the line", "service.name", "service.name"),
    Field("version", "keyword", "which version of it", "service.version", "service.version"),
    Field("file", "keyword", "source file of the log call", "log.origin.file.name", "code.file.path"),
    Field("line", "long", "its line", "log.origin.file.line", "code.line.number"),
    Field("function", "keyword", "its function", "log.origin.function", "code.function.name"),
    Field("pid", "long", "process id", "process.pid", "process.pid"),
    Field("thread_name", "keyword", "thread name", "process.thread.name", "thread.name"),
    Field("exception_type", "keyword", "class of the exception", "error.type", "exception.type"),
    Field("exception_message", "text", "what the exception says", "error.message", "exception.message"),
    Field(
        "exception",
        "text",
        "the traceback, chains, groups and notes",
        "error.stack_trace",
        "exception.stacktrace",
    ),
    Field("stack", "text", "the stack of the log call, where it was asked for", "", "code.stacktrace"),
    Field("context_error", "keyword", "class of the error that kept part of the context unknown"),
    Field("encoding_error", "text", "what was wrong with a record that was not whole"),
    Field(
        "sample_rate",
        "float",
        "the share of such records that is kept, over 0 to 1: the line stands for 1 / sample_rate of them",
    ),
    Field("suppressed", "long", "on `aura.sampling`: how many records this line stands for that were not written"),
    Field("suppressed_logger", "keyword", "whose records they were"),
    Field("suppressed_reason", "keyword", "why: folded, rate_limited, circuit_open or shed"),
    Field("suppressed_seconds", "float", "over how long"),
    Field("shed", "keyword", "which levels are not written for want of processors or of room in a buffer"),
    Field("stream", "keyword", "one handler of one process; sequence numbers count within it"),
    Field("seq", "long", "number of the record in its stream, from 1; a gap is a loss"),
    Field("released", "boolean", "waited in a RequestBuffer until its request went wrong"),
    Field("recovered", "boolean", "delivered after the process that logged it had died"),
    Field("synthetic", "boolean", "a health check's test record, of no other meaning; absent where not"),
)

_NANOSECONDS = 1_000_000_000


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANOSECONDS)


def _seconds(nanoseconds: float) -> float:
    return nanoseconds / _NANOSECONDS


Conversion = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one schema writes our fields: new names by ours, and conversions of numbers, there and back, by ours."""

    names: Mapping[str, str]
    conversions: Mapping[str, tuple[Conversion, Conversion]]

    def name(self, ours: str) -> str:
        """Return the schema's name for our field; ours where it has none."""
        return self.names.get(ours, ours)

    def value(self, ours: str, value: Any) -> Any:
        """Return the value as the schema counts it; what is no finite number is left as it is."""
        return self._converted(ours, value, 0)

    def ours(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields of this schema by our names and in our units."""
        own = {name: ours for ours, name in self.names.items()}
        return {own.get(name, name): self._converted(own.get(name, ""), value, 1) for name, value in fields.items()}

    def _converted(self, ours: str, value: Any, direction: int) -> Any:
        pair = self.conversions.get(ours)
        if pair is None or type(value) not in (int, float) or (type(value) is float and not math.isfinite(value)):
            return value
        return pair[direction](value)


SCHEMAS: Mapping[str, Spelling] = {
    "aura": Spelling({}, {}),
    # ECS counts event.duration in nanoseconds.
    "ecs": Spelling({f.name: f.ecs for f in FIELDS if f.ecs}, {"request_duration": (_nanoseconds, _seconds)}),
    "otel": Spelling({f.name: f.otel for f in FIELDS if f.otel}, {}),
}


def spelling(schema: str) -> Spelling:
    """Return a schema's spelling; `ValueError` names the schemas there are."""
    try:
        return SCHEMAS[schema]
    except KeyError:
        raise ValueError(f"schema={schema!r} is unknown; use one of {', '.join(map(repr, SCHEMAS))}.") from None

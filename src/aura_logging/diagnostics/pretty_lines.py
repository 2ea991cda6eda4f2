"""Show log lines to a person: one by one as the console does, or a request's together with what it did."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from aura_logging.diagnostics.log_reader.lines import LogLine, schema_of
from aura_logging.diagnostics.terminal_text import Paint, wrapped
from aura_logging.formatters import ConsoleFormatter, escape
from aura_logging.handlers.targets import record_of

__all__ = ["PrettyLines", "request_story"]

_REQUEST_LOGGER = "aura.request"
_TOLD_IN_THE_HEAD = frozenset(
    {"timestamp", "level", "logger", "message", "correlation_id", "method", "path", "route", "status_code"}
    | {"request_duration", "user_id", "user_type", "client_ip", "db_queries", "db_time", "hints", "db_busiest"}
    | {
        "timeline",
        "slow",
        "cpu_percent",
        "memory_percent",
        "system_load",
        "service_name",
        "environment",
        "version",
        "pid",
    }
    | {"file", "line", "function", "thread_name", "stream", "seq", "trace_id", "span_id", "user_agent"}
)
_LISTS = ("hints", "db_busiest", "db_n_plus_one", "db_duplicates", "db_slow", "queries", "timeline")


class PrettyLines:
    """Turns a line as it was written into the line a developer would have seen, without the fields in `hide`."""

    def __init__(self, *, colour: bool, hide: Collection[str] | None = None) -> None:
        self._formatter = (
            ConsoleFormatter(color=colour) if hide is None else ConsoleFormatter(color=colour, hide=frozenset(hide))
        )

    def __call__(self, raw: bytes) -> str:
        """Return the text, which may have several lines (a traceback), without control characters; never raises."""
        try:
            found = orjson.loads(raw)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return escape(raw.decode("utf-8", "backslashreplace"))
        return self._formatter.format(record_of(raw, schema_of(found)))


def request_story(lines: Sequence[LogLine], *, colour: bool) -> Iterator[str]:
    """Yield a request's lines in order, each with the seconds since the first, then what its own record tells.

    Its record is the one on `aura.request`: route, status, duration, queries with their hints, and the timeline.
    """
    paint = Paint(colour=colour)
    summary = next((line.fields for line in reversed(lines) if line.fields.get("logger") == _REQUEST_LOGGER), None)
    if summary is not None:
        yield from _head(summary, paint)
        yield ""
    pretty = PrettyLines(colour=colour, hide=_TOLD_IN_THE_HEAD if summary else None)
    first = lines[0].timestamp if lines else ""
    for line in lines:
        # The request's own record is told in full around the lines.
        show = PrettyLines(colour=colour, hide=line.fields) if line.fields is summary else pretty
        after = _seconds_between(first, line.timestamp)
        yield f"{paint(f'{after:>9}', 'quiet')} {show(line.raw)}"
    if summary is not None:
        yield from _details(summary, paint)


def _head(fields: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    status = fields.get("status_code")
    colour = "red" if isinstance(status, int) and status >= 500 else "green"
    what = escape(f"{fields.get('method', '')} {fields.get('path', '')}".strip())
    yield f"{paint(what, 'bold')}  {paint(escape(str(status)), 'bold', colour)}"
    told = [
        ("route", fields.get("route")),
        ("at", fields.get("timestamp")),
        ("took", _seconds(fields.get("request_duration"))),
        ("queries", _queries(fields)),
        ("user", fields.get("user_id") or fields.get("user_type")),
        ("from", fields.get("client_ip")),
    ]
    for name, value in told:
        if value not in (None, ""):
            yield f"  {paint(f'{name:<8}', 'quiet')} {escape(str(value))}"


def _details(fields: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    for name in _LISTS:
        items = fields.get(name)
        if isinstance(items, str):
            items = [items]
        if isinstance(items, list) and items:
            yield ""
            yield paint(name.replace("_", " ").replace("db ", "").capitalize(), "bold")
            for item in items:
                yield from wrapped(_item(item), "    ", "  · ")
    rest = {
        name: value
        for name, value in fields.items()
        if name not in _TOLD_IN_THE_HEAD and name not in _LISTS and name not in ("exception", "exception_message")
    }
    if rest:
        yield ""
        yield paint("Also", "bold")
        text = ", ".join(f"{name} {_item(value)}" for name, value in rest.items())
        yield from wrapped(text, "  ", "  ")


def _item(item: object) -> str:
    if isinstance(item, Mapping) and {"sql", "site", "count", "seconds"} <= item.keys():
        return f"{item['count']} in {_seconds(item['seconds'])} at {item['site']}: {item['sql']}"
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {_item(value)}" for name, value in item.items())
    if isinstance(item, float):
        return f"{item:.4g}"
    return item if isinstance(item, str) else orjson.dumps(item, default=str).decode()


def _queries(fields: Mapping[str, Any]) -> str | None:
    count = fields.get("db_queries")
    if count is None:
        return None
    took = _seconds(fields.get("db_time"))
    return f"{count} in {took}" if took else str(count)


def _seconds(value: object) -> str | None:
    return f"{value * 1000:.1f} ms" if isinstance(value, (int, float)) else None


def _seconds_between(first: str, then: str) -> str:
    try:
        seconds = (datetime.fromisoformat(then) - datetime.fromisoformat(first)).total_seconds()
    except ValueError:
        return ""
    return f"+{seconds:.3f} s"

"""Put what a request's own record says into words: a heading, how it ended, its facts, its most costly queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aura_logging.django.dashboard.wording import count, duration, size
from aura_logging.metrics.extraction import REQUEST_LOGGER

__all__ = ["BusyQuery", "beside", "busiest_queries", "ending", "facts", "heading"]

_WORDS: Mapping[str, Callable[[float], str] | None] = {
    "method": None, "path": None, "route": None, "status_code": None, "request_duration": duration,
    "view_time": duration, "template_time": duration, "cpu_time": duration, "db_queries": count, "db_time": duration,
    "n_plus_one": count, "duplicate_queries": count, "slow_queries": count, "cache_hits": count,
    "cache_misses": count, "http_calls": count, "http_time": duration, "memory_delta": size, "response_bytes": size,
    "user_id": None, "user_type": None, "client_ip": None, "country_code": None, "threat_type": None,
    "exception_type": None,
}  # fmt: skip
"""The fields that are shown above the lines, in this order, and how their numbers are said."""


@dataclass(frozen=True, slots=True)
class BusyQuery:
    """A statement that took much of the request; `words` say how often and how long, empty where that is not known."""

    sql: str
    words: str
    site: str


def heading(fields: Mapping[str, Any], correlation_id: str) -> str:
    """Return what was asked, `GET /orders/`; without that, the request's id."""
    return _asked(fields) or f"Request {correlation_id}"


def ending(fields: Mapping[str, Any]) -> str:
    """Return how it ended, how long it took and when that was, as far as it is known."""
    at = str(fields.get("timestamp", ""))
    known = [
        str(fields.get("status_code") or ""),
        _said("request_duration", fields.get("request_duration")),
        f"{at[:10]} {at[11:19]} UTC" if at else "",
    ]
    return " · ".join(each for each in known if each)


def beside(fields: Mapping[str, Any]) -> str:
    """Return what to know of a line in a list of many: of a request's own, how it went; of others, the route."""
    if fields.get("logger") != REQUEST_LOGGER:
        return str(fields.get("route") or "")
    known = (
        _asked(fields),
        str(fields.get("status_code") or ""),
        _said("request_duration", fields.get("request_duration")),
    )
    return " · ".join(each for each in known if each)


def facts(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what there is of the fields that matter, each with its name."""
    return [(name, _said(name, fields[name])) for name in _WORDS if fields.get(name) is not None]


def busiest_queries(fields: Mapping[str, Any]) -> Sequence[BusyQuery]:
    """Return the statements of `db_busiest`, whatever form another release gave them."""
    found = fields.get("db_busiest")
    return [_busy(each) for each in found] if isinstance(found, list) else []


def _asked(fields: Mapping[str, Any]) -> str:
    return " ".join(str(fields[name]) for name in ("method", "path") if fields.get(name))


def _busy(each: object) -> BusyQuery:
    if not isinstance(each, dict) or not each.get("sql"):
        return BusyQuery(str(each), "", "")
    times, seconds = each.get("count"), each.get("seconds")
    words = (
        f"{_number(times, count)} \N{MULTIPLICATION SIGN} in {_number(seconds, duration)}"
        if times and seconds is not None
        else ""
    )
    return BusyQuery(str(each["sql"]), words, str(each.get("site") or ""))


def _said(name: str, value: object) -> str:
    words = _WORDS[name]
    if value is None:
        return ""
    return str(value) if words is None else _number(value, words)


def _number(value: object, words: Callable[[float], str]) -> str:
    # A line may say anything: whoever wrote it is not asked.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return words(value) if is_number else str(value)  # type: ignore[arg-type]  # it is one

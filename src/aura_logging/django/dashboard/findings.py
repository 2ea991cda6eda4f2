"""Gather what the newest requests were told about their queries: each hint once, with the request that met it last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aura_logging.diagnostics.log_reader import Condition, LogFile, LogLine, Wanted
from aura_logging.django.dashboard.log_pages import Bounds, read_page
from aura_logging.metrics.extraction import REQUEST_LOGGER

__all__ = ["Finding", "Findings", "hints_of", "read_findings"]

_BOUNDS = Bounds(lines=400, seconds=0.15, bytes=48 << 20)
"""What a page may spend on them."""

_MOST = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """A hint, where it was met last, and how often in the lines that were looked through."""

    hint: str
    route: str
    times: int
    correlation_id: str
    timestamp: str
    queries: int | None
    duration: float | None


@dataclass(frozen=True, slots=True)
class Findings:
    """The newest first; `looked_back_to` says how far they were looked for, empty for all the way."""

    found: tuple[Finding, ...]
    looked_back_to: str
    more: int
    """How many other hints there are."""


def read_findings(files: Sequence[LogFile], route: str = "", bounds: Bounds = _BOUNDS) -> Findings:
    """Look through the newest lines, of one route or of all."""
    # The text is there so that lines without hints need not be parsed.
    wanted = Wanted(logger=REQUEST_LOGGER, route=route, text="hints", conditions=(Condition("hints", "~", ""),))
    page = read_page(files, wanted, bounds=bounds)
    found = _each_once(page.lines)
    return Findings(tuple(found[:_MOST]), page.looked_back_to, max(0, len(found) - _MOST))


def hints_of(line: LogLine) -> list[str]:
    """Return the hints that a request's own record has."""
    hints = line.fields.get("hints")
    if isinstance(hints, str):
        return [hints]
    return [str(each) for each in hints] if isinstance(hints, list) else []


def _each_once(lines: Iterable[LogLine]) -> list[Finding]:
    found: dict[tuple[str, str], Finding] = {}
    for line in lines:
        fields = line.fields
        route = str(fields.get("route", ""))
        for hint in hints_of(line):
            known = found.get((route, hint))
            found[route, hint] = Finding(
                hint,
                route,
                1 if known is None else known.times + 1,
                str(fields.get("correlation_id", "")) if known is None else known.correlation_id,
                line.timestamp if known is None else known.timestamp,
                _whole(fields.get("db_queries")) if known is None else known.queries,
                _number(fields.get("request_duration")) if known is None else known.duration,
            )
    return list(found.values())


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None

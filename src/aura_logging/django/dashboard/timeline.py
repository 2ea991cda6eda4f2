"""Lay a request's lines along its time: where each stands between its beginning and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aura_logging.diagnostics.log_reader import LogLine
from aura_logging.django.dashboard.wording import duration

__all__ = ["WIDTH", "Mark", "Part", "Timeline", "timeline"]

WIDTH = 1_000
"""Of the drawing, in its own units."""

_TICKS = 5

_PARTS = (("view", "view_time"), ("database", "db_time"), ("templates", "template_time"), ("calls", "http_time"))


@dataclass(frozen=True, slots=True)
class Mark:
    """One line: where it stands from 0 to `WIDTH`, how it looks, and what it says."""

    x: int
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """How much of the request went into one thing; `width` from 0 to `WIDTH`."""

    name: str
    width: int
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A request from its beginning to its end."""

    words: str
    marks: tuple[Mark, ...]
    parts: tuple[Part, ...]
    ticks: tuple[str, ...]
    """The times below the drawing, evenly spaced from its beginning to its end."""


def timeline(lines: Sequence[LogLine], summary: LogLine | None) -> Timeline | None:
    """Return the drawing; None where there are no times to draw.

    A request began its `request_duration` before its own record was written; without one, with its first line.
    """
    times = [at for line in lines if (at := _at(line.timestamp)) is not None]
    if not times:
        return None
    end = max(times)
    taken = 0.0 if summary is None else _number(summary.fields.get("request_duration"))
    ended = _at(summary.timestamp) if summary is not None else None
    begin = min(min(times), (ended or end) - taken)
    span = max(end - begin, 1e-6)
    marks = tuple(
        Mark(
            round((at - begin) / span * WIDTH),
            {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}.get(str(line.fields.get("level")), "accent"),
            f"+{duration(at - begin)}: {line.fields.get('message', '')}",
        )
        for line in lines
        if (at := _at(line.timestamp)) is not None
    )
    parts = (
        ()
        if summary is None
        else tuple(
            Part(name, min(WIDTH, max(2, round(seconds / max(taken, 1e-6) * WIDTH))), duration(seconds))
            for name, field in _PARTS
            if (seconds := _number(summary.fields.get(field))) > 0
        )
    )
    ticks = tuple(duration(span * n / (_TICKS - 1)) for n in range(_TICKS))
    return Timeline(duration(taken or span), marks, parts, ticks)


def _at(timestamp: str) -> float | None:
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0

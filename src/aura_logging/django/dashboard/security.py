"""Prepare what was seen of attacks: how often of each kind, and from which countries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.diagnostics.log_reader import Condition, LogFile, LogLine, Wanted
from aura_logging.django.dashboard.log_pages import Bounds, read_page
from aura_logging.metrics import catalogue
from aura_logging.metrics.window import Window

__all__ = ["SecurityView", "Tally", "kinds", "read_security"]

_BOUNDS = Bounds(lines=500, seconds=0.1, bytes=16 << 20)
_NEWEST = 5
_MOST_COUNTRIES = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of one kind, and what part of the most frequent kind that is: 0 to 100."""

    name: str
    number: int
    percent_of_most: int


@dataclass(frozen=True, slots=True)
class SecurityView:
    """Kinds are counted over the window; countries and the newest events come from the log's newest lines."""

    by_kind: tuple[Tally, ...]
    by_country: tuple[Tally, ...]
    newest: tuple[LogLine, ...]
    located: int
    """How many of the events that were read have a country."""
    read: int


def read_security(window: Window, files: Sequence[LogFile], since: float) -> SecurityView:
    """Return what the window counted, and what the newest events since then (Unix seconds) tell."""
    wanted = Wanted(since=since, text="security_event", conditions=(Condition("security_event", "=", "true"),))
    lines = read_page(files, wanted, bounds=_BOUNDS).lines
    countries = Counter(code for line in lines if (code := str(line.fields.get("country_code") or "")))
    return SecurityView(
        _tallies(kinds(window)),
        _tallies(dict(countries.most_common(_MOST_COUNTRIES))),
        tuple(lines[:_NEWEST]),
        countries.total(),
        len(lines),
    )


def kinds(window: Window) -> dict[str, float]:
    """Return how many events of each kind there were."""
    # The same event may be on the request's record and on aura.security: the greater count has them all.
    most: dict[str, dict[str, float]] = {}
    for series, amount in window.amounts.items():
        if series.name == catalogue.SECURITY_EVENTS.name and amount.sum:
            by_logger = most.setdefault(series.label("threat_type"), {})
            by_logger[series.label("logger")] = by_logger.get(series.label("logger"), 0.0) + amount.sum
    return {kind: max(by_logger.values()) for kind, by_logger in most.items()}


def _tallies(counts: dict[str, float] | dict[str, int]) -> tuple[Tally, ...]:
    most = max(counts.values(), default=0)
    return tuple(
        Tally(name, round(number), round(100 * number / most) if most else 0)
        for name, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )

"""Prepare what was seen of attacks: how often of each kind, and from which countries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aura_logging.diagnostics.log_reader import Condition, LogFile, LogLine, Wanted
from aura_logging.diagnostics.window import security_events
from aura_logging.django.dashboard.log_pages import Bounds, read_page
from aura_logging.metrics import catalogue
from aura_logging.metrics.window import Window

__all__ = ["SecurityView", "Tally", "read_security"]

_BOUNDS = Bounds(lines=5, seconds=0.1, bytes=16 << 20)
_MOST_COUNTRIES = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of one kind, and what part of the most frequent kind that is: 0 to 100."""

    name: str
    number: int
    percent_of_most: int


@dataclass(frozen=True, slots=True)
class SecurityView:
    """Kinds and countries are counted over the window; the newest events come from the log's newest lines."""

    by_kind: tuple[Tally, ...]
    by_country: tuple[Tally, ...]
    more_countries: int
    newest: tuple[LogLine, ...]


def read_security(window: Window, files: Sequence[LogFile], since: float) -> SecurityView:
    """Return what the window counted, and what the newest events since then (Unix seconds) tell."""
    wanted = Wanted(since=since, text="security_event", conditions=(Condition("security_event", "=", "true"),))
    lines = read_page(files, wanted, bounds=_BOUNDS).lines
    countries = _tallies(security_events(window, catalogue.SECURITY_EVENTS_BY_COUNTRY))
    return SecurityView(
        _tallies(security_events(window)),
        countries[:_MOST_COUNTRIES],
        max(0, len(countries) - _MOST_COUNTRIES),
        tuple(lines),
    )


def _tallies(counts: Mapping[str, int]) -> tuple[Tally, ...]:
    most = max(counts.values(), default=0)
    return tuple(
        Tally(name, number, round(100 * number / most) if most else 0)
        for name, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )

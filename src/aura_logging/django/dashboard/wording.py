"""Put numbers into words for people, always alike: `1.2 s`, `340 ms`, `0.4 %`, `12,300`, `3 min`."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TypeGuard

__all__ = [
    "NOTHING",
    "age",
    "clock_time",
    "count",
    "date_time",
    "duration",
    "measure",
    "number",
    "rate",
    "share",
    "size",
]

NOTHING = "\N{EN DASH}"
"""What stands where nothing is known."""

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def count(number: float | None) -> str:
    """Return a number of things; from ten thousand on in thousands."""
    if not _is_known(number):
        return NOTHING
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            scaled = number / {"G": 1e9, "M": 1e6, "k": 1e3}[letter]
            return f"{_three_digits(scaled)} {letter}"
    return f"{round(number):,}"


def number(value: float | None) -> str:
    """Return a number of whatever kind: with three digits that say something, and whole if it is."""
    if not _is_known(value):
        return NOTHING
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def measure(value: float | None, unit: str) -> str:
    """Return what an alert rule measures: `unit` is a share (0 to 1), percent (0 to 100) or a plain number."""
    if unit == "number" or value is None:
        return number(value)
    return share(value if unit == "share" else value / 100)


def rate(number: float | None) -> str:
    """Return how often, with a digit after the point where it is seldom."""
    if not _is_known(number):
        return NOTHING
    return _three_digits(number) if 0 < number < 100 else count(number)


def duration(seconds: float | None) -> str:
    """Return how long something took: in milliseconds below a second, then seconds, then minutes."""
    if not _is_known(seconds):
        return NOTHING
    if seconds <= 0:
        return "0 ms"
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1_000)} ms"
    return f"{_three_digits(seconds)} s" if seconds < 120 else f"{_three_digits(seconds / 60)} min"


def share(part: float | None) -> str:
    """Return a share (0 to 1) in percent."""
    percent = None if part is None else part * 100
    if not _is_known(percent):
        return NOTHING
    if 0 < percent < 0.01:
        return "< 0.01 %"
    return f"{_three_digits(percent)} %" if percent else "0 %"


def age(seconds: float | None) -> str:
    """Return how long ago or for how long, in one unit."""
    if not _is_known(seconds):
        return NOTHING
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def size(number: float | None) -> str:
    """Return a number of bytes."""
    if not _is_known(number):
        return NOTHING
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1_000 or unit == "GB":
            return f"{_three_digits(number)} {unit}"
        number /= 1_000
    return NOTHING


def clock_time(at: float, seconds: float = 0.0) -> str:
    """Return a Unix time in UTC: the time of day, or the day where the span of `seconds` has several."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when:%d %b}" if seconds > 2 * 86_400 else f"{when:%H:%M}"


def date_time(at: float) -> str:
    """Return a Unix time in UTC with its day and second."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _is_known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def _three_digits(number: float) -> str:
    if abs(number) >= 100 or number == round(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"

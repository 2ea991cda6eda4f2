"""Turn numbers over time into a drawing: paths, ticks and a table, all plain text that a template sets into SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from aura_logging.django.dashboard.wording import NOTHING, clock_time

__all__ = ["HEIGHT", "WIDTH", "Chart", "Curve", "Line", "draw", "nice_top"]

WIDTH, HEIGHT = 600, 160
"""Of the drawing, in its own units; the page stretches it, lines keep their width."""

_MOST_ROWS = 12
_TIMES_NAMED = 4
_LEAST = 1e-9
"""Below it numbers are nothing, or rounding."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be drawn: a value for each time, None where there is none. `kind` is how it looks: see aura.css."""

    name: str
    kind: str
    values: Sequence[float | None]
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A line as it is drawn: SVG paths, and its newest value in words.

    `dots` are the points of `path` that have no neighbour, to be drawn large enough to be seen. `area` and `dots` may
    be empty.
    """

    name: str
    kind: str
    path: str
    area: str
    dots: str
    newest: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A whole drawing. `levels` are the words at the left from top to bottom, `times` those below, both evenly spaced.

    `rows` say the same in at most a dozen lines of words, for who cannot see it: a time, then a value for each curve.
    """

    key: str
    title: str
    description: str
    curves: tuple[Curve, ...]
    levels: tuple[str, ...]
    times: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be seen."""
        return not any(curve.path for curve in self.curves)


def draw(
    key: str, title: str, times: Sequence[float], lines: Sequence[Line], words: Callable[[float | None], str]
) -> Chart:
    """Draw lines over the same evenly spaced `times` (Unix seconds); `words` says a value.

    The scale begins at 0 and ends at a round number; a value that is missing, or no finite number, is a gap. Where all
    is 0 there is nothing to be seen: a line along the ground would look like one that fell.
    """
    lines = [replace(line, values=[_known(value) for value in line.values]) for line in lines]
    if not any(value for line in lines for value in line.values):
        lines = [replace(line, values=(None,) * len(times)) for line in lines]
    top = nice_top(max((value for line in lines for value in line.values if value is not None), default=0.0))
    span = times[-1] - times[0] if times else 0.0
    curves = tuple(
        Curve(
            line.name,
            line.kind,
            _path(line.values, top),
            _area(line.values, top) if line.is_filled else "",
            " ".join(_stroke(points) for points in _points(line.values, top) if len(points) == 1),
            words(next((value for value in reversed(line.values) if value is not None), None)),
        )
        for line in lines
    )
    highest = [
        f"{line.name} up to {words(max(known))}"
        for line in lines
        if (known := [value for value in line.values if value is not None])
    ]
    return Chart(
        key,
        title,
        f"From {clock_time(times[0], span)} to {clock_time(times[-1], span)} UTC: {', '.join(highest)}."
        if times and highest
        else "No data.",
        curves,
        (words(top), words(top / 2), words(0.0)),
        tuple(clock_time(times[0] + span * n / (_TIMES_NAMED - 1), span) for n in range(_TIMES_NAMED)) if times else (),
        tuple(_rows(times, lines, words)),
    )


def nice_top(highest: float) -> float:
    """Return a round number that is not below the highest value, and whose half is round too; 1 for nothing."""
    if not _LEAST <= highest < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    top = next((factor * power for factor in (1, 2, 3, 4, 5, 6, 8) if factor * power >= highest), 10 * power)
    return top if math.isfinite(top) else highest


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _points(values: Sequence[float | None], top: float) -> Iterator[list[tuple[float, float]]]:
    """Yield the stretches without a gap, as points of the drawing."""
    step = WIDTH / max(1, len(values) - 1)
    stretch: list[tuple[float, float]] = []
    for place, value in enumerate(values):
        if value is None:
            if stretch:
                yield stretch
            stretch = []
        else:
            stretch.append((place * step, HEIGHT - HEIGHT * min(1.0, max(0.0, value / top))))
    if stretch:
        yield stretch


def _path(values: Sequence[float | None], top: float) -> str:
    return " ".join(_stroke(points) for points in _points(values, top))


def _stroke(points: Sequence[tuple[float, float]]) -> str:
    # One point alone is a dot: a line of no length with round ends.
    return f"M{_at(points[0])}{''.join(f'L{_at(point)}' for point in points[1:] or points)}"


def _area(values: Sequence[float | None], top: float) -> str:
    return " ".join(
        f"M{points[0][0]:.1f},{HEIGHT}{''.join(f'L{_at(point)}' for point in points)}L{points[-1][0]:.1f},{HEIGHT}Z"
        for points in _points(values, top)
    )


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _rows(
    times: Sequence[float], lines: Sequence[Line], words: Callable[[float | None], str]
) -> Iterator[tuple[str, ...]]:
    every = max(1, math.ceil(len(times) / _MOST_ROWS))
    span = times[-1] - times[0] if times else 0.0
    for place in range(0, len(times), every):
        values = (line.values[place] for line in lines)
        when = clock_time(times[place], span)
        yield (when, *(NOTHING if value is None else words(value) for value in values))

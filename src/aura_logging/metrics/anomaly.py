"""Notice that a series does not do what it usually does: seasonal medians, an EWMA level, and median deviations.

What is expected is the median of the same phase in earlier periods (yesterday at this hour, and the days before),
plus an exponentially weighted mean of how far the series has lately been from that. How far off is much is
measured in median absolute deviations, which a few wild values do not move. A value that is far off counts for
its judgement only as far as the limit, so an outage does not become the new usual, but a lasting change does.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

__all__ = ["AnomalyDetector", "AnomalyOptions", "Judgement", "judge"]

# For normally distributed values 1.4826 median absolute deviations are one standard deviation.
_DEVIATIONS_PER_MAD = 1.4826

_NEIGHBOURS = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """How to judge one kind of series.

    `period` is the number of steps after which it repeats (24 for hours of a day; 0 for none), of which `seasons`
    are remembered. Nothing is judged in the first `warm_up` steps, nor, with a period, in the first two periods.
    `threshold` is in robust standard deviations, which are never taken to be less than `least_deviation`.
    `logarithmic` judges ratios, not differences: for durations and volumes. `direction` is what matters: only
    `above`, or `both`.
    """

    period: int = 0
    seasons: int = 4
    warm_up: int = 30
    threshold: float = 6.0
    least_deviation: float = 0.05
    logarithmic: bool = False
    direction: Literal["above", "both"] = "above"
    level_weight: float = 0.1
    memory: int = 120

    def __post_init__(self) -> None:
        if self.period < 0 or self.seasons < 1 or self.warm_up < 2 or self.memory < 10:
            raise ValueError(
                f"period={self.period!r}, seasons={self.seasons!r}, warm_up={self.warm_up!r}, memory={self.memory!r}: "
                "give at least 0, 1, 2 and 10."
            )
        if not 0 < self.level_weight <= 1 or self.threshold <= 0 or self.least_deviation <= 0:
            raise ValueError(
                f"level_weight={self.level_weight!r}, threshold={self.threshold!r}, least_deviation="
                f"{self.least_deviation!r}: give a weight up to 1, and numbers above 0."
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one value was taken for: `score` is in robust standard deviations from what was `expected`."""

    value: float
    expected: float
    score: float
    is_anomaly: bool
    is_warming_up: bool


class AnomalyDetector:
    """Judges values that come at equal steps, each by those before it; for one thread."""

    def __init__(self, options: AnomalyOptions | None = None) -> None:
        self.options = options or AnomalyOptions()
        self._seen = 0
        self._level = 0.0
        self._past: deque[float] = deque(maxlen=max(1, self.options.period * self.options.seasons + 1))
        self._residuals: deque[float] = deque(maxlen=self.options.memory)

    def judge(self, value: float) -> Judgement:
        """Judge the next value and learn from it."""
        options = self.options
        x = math.log(max(value, 0.0) + _TINY) if options.logarithmic else value
        season = self._season()
        if self._seen == 0:
            self._level = x - season
        expected = season + self._level
        deviation = self._deviation()
        score = (x - expected) / deviation
        warming_up = self._seen < max(options.warm_up, 2 * options.period)
        off = score if options.direction == "above" else abs(score)
        is_anomaly = not warming_up and off > options.threshold
        self._learn(x if warming_up else self._limited(x, expected, deviation), season)
        shown = math.exp(expected) - _TINY if options.logarithmic else expected
        return Judgement(value, shown, score, is_anomaly, warming_up)

    def skip(self) -> None:
        """Let a step pass for which there is no value, such as the duration of no requests at all."""
        if self._seen:
            self._past.append(self._season() + self._level)
            self._seen += 1

    def _season(self) -> float:
        period, past = self.options.period, self._past
        if not period or len(past) < period:
            return 0.0
        alike = [
            past[-lag]
            for season in range(1, self.options.seasons + 1)
            for lag in (season * period + neighbour for neighbour in _NEIGHBOURS)
            if 0 < lag <= len(past)
        ]
        return median(alike)

    def _deviation(self) -> float:
        if len(self._residuals) < 2:
            return self.options.least_deviation
        spread = median(abs(residual) for residual in self._residuals)
        return max(_DEVIATIONS_PER_MAD * spread, self.options.least_deviation)

    def _limited(self, x: float, expected: float, deviation: float) -> float:
        most = self.options.threshold * deviation
        return min(max(x, expected - most), expected + most)

    def _learn(self, x: float, season: float) -> None:
        # The residual is against what was expected, before the level moves after it.
        self._residuals.append(x - season - self._level)
        # A plain mean at first: the first value alone may be far from the usual.
        weight = max(self.options.level_weight, 1.0 / (self._seen + 1))
        self._level += weight * (x - season - self._level)
        if self.options.period and self._seen + 1 == self.options.period:
            # From here on the season says where the series is; the level begins again as the difference from it.
            self._level = 0.0
            self._residuals.clear()
        self._past.append(x)
        self._seen += 1


_TINY = 1e-6
"""So that nothing at all has a logarithm; a microsecond, or a millionth of a request."""


def judge(values: Iterable[float | None], options: AnomalyOptions | None = None) -> list[Judgement | None]:
    """Judge a whole series, each value by those before it; None where there is no value."""
    detector = AnomalyDetector(options)
    judged: list[Judgement | None] = []
    for value in values:
        if value is None:
            detector.skip()
            judged.append(None)
        else:
            judged.append(detector.judge(value))
    return judged

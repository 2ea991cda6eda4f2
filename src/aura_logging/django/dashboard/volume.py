"""Prepare how much was logged, what of it was left out on purpose, and what was lost and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from aura_logging.diagnostics.report import Condition, Worker
from aura_logging.metrics import catalogue
from aura_logging.metrics.window import Window

__all__ = ["LeftOut", "LevelVolume", "Lost", "VolumeView", "volume"]

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_MOST_LOGGERS = 5
_BUFFER_FACTS = {"discarded": "request_went_well", "unwanted": "below_its_level"}
"""What a `RequestBuffer` tells of the lines it held and did not hand on, and the reason to show."""


@dataclass(frozen=True, slots=True)
class LevelVolume:
    """The lines of one level."""

    level: str
    number: float
    per_minute: float
    share: float


@dataclass(frozen=True, slots=True)
class Lost:
    """What a handler lost for one reason, in the window."""

    handler: str
    reason: str
    number: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was left out on purpose for one reason, since the processes that are there began.

    By a filter `before` a handler, or by a request buffer `in` which it was held: `place` says it in words.
    """

    place: str
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class VolumeView:
    """All of it, the most first."""

    levels: tuple[LevelVolume, ...]
    loggers: tuple[tuple[str, float], ...]
    lost: tuple[Lost, ...]
    left_out: tuple[LeftOut, ...]


def volume(window: Window, workers: Iterable[Worker]) -> VolumeView:
    """Return what the window counted, and what the workers' filters and request buffers tell."""
    by_level = {level: amount.sum for level, amount in window.by(catalogue.LOG_RECORDS.name, "level").items()}
    total = sum(by_level.values())
    order = {level: place for place, level in enumerate(_LEVELS)}
    levels = tuple(
        LevelVolume(level, number, number / window.seconds * 60, number / total)
        for level, number in sorted(by_level.items(), key=lambda pair: order.get(pair[0], len(order)))
        if number
    )
    loggers = tuple(window.top(catalogue.LOG_RECORDS.name, "logger", _MOST_LOGGERS))
    lost = [
        Lost(series.label("handler"), series.label("reason"), amount.sum)
        for series, amount in window.amounts.items()
        if series.name == catalogue.HANDLER_DROPPED.name and amount.sum
    ]
    return VolumeView(levels, loggers, tuple(sorted(lost, key=lambda each: -each.number)), _left_out(workers))


def _left_out(workers: Iterable[Worker]) -> tuple[LeftOut, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for worker in workers:
        if worker.condition is not Condition.GONE:
            for each in worker.filters:
                for reason, number in each.dropped.items():
                    counts[f"before {each.handler}", reason] += number
            for handler in worker.handlers:
                for fact, reason in _BUFFER_FACTS.items():
                    told = handler.facts.get(fact)
                    counts[f"in {handler.name}", reason] += told if isinstance(told, int) else 0
    found = (LeftOut(place, reason, number) for (place, reason), number in counts.items() if number)
    return tuple(sorted(found, key=lambda each: (-each.number, each.reason)))

"""Decide how finely time is kept, how long, and which fineness answers for a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "FINEST_SECONDS",
    "OUTLINE_BUCKETS",
    "TIERS",
    "Stretch",
    "Tier",
    "bucket_start",
    "span_of",
    "stretches",
    "tier_for",
]

_HOUR = 3_600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Tier:
    """Time cut into buckets of `step` seconds, each kept for `keep` seconds."""

    step: int
    keep: int


TIERS = (
    Tier(step=10, keep=_HOUR),
    Tier(step=60, keep=_DAY),
    Tier(step=_HOUR, keep=31 * _DAY),
    Tier(step=_DAY, keep=400 * _DAY),
)
"""Ten seconds for an hour, minutes for a day, hours for a month, days for a year and a month.

Every amount is written to all of them, so that none has to be computed later and a late flush is never lost. A
series that counts all the time costs at most 360 + 1,440 + 744 + 400 rows, whatever its rate.
"""

FINEST_SECONDS = TIERS[0].step

_MOST_BUCKETS = 400

OUTLINE_BUCKETS = 200
"""Enough for a drawing and for sums: an hour is then read in minutes, a week in hours, three months in days."""


def bucket_start(at: float, step: int) -> int:
    """Return the beginning of the bucket in which the moment `at` lies, in Unix seconds."""
    return int(at // step) * step


_SLACK_SECONDS = 1.0
"""Between the moment somebody asks for the last hour and the store's looking at its clock, time passes."""


def tier_for(since: float, until: float, now: float, most_buckets: int = _MOST_BUCKETS) -> Tier:
    """Return the finest tier that still has `since` and answers with so many buckets at most; else the coarsest."""
    for tier in TIERS:
        if now - since <= tier.keep + _SLACK_SECONDS and (until - since) / tier.step <= most_buckets:
            return tier
    return TIERS[-1]


class Stretch(NamedTuple):
    """The buckets of one tier that begin from `first` on and before `end`."""

    step: int
    first: int
    end: int


def span_of(since: float, until: float, step: int) -> Stretch:
    """Return the buckets of `step` seconds in which a span of time lies."""
    return Stretch(step, bucket_start(since, step), -bucket_start(-until, step))


def stretches(span: Stretch) -> list[Stretch]:
    """Cut a span into as few buckets as all tiers have for it: a week is six days and the hours around them.

    For sums, oldest first: every tier has all amounts, and the coarser ones keep them longer.
    """
    step, first, end = span
    for tier in reversed(TIERS):
        whole = Stretch(tier.step, -bucket_start(-first, tier.step), bucket_start(end, tier.step))
        if tier.step > step and whole.first < whole.end:
            before, after = Stretch(step, first, whole.first), Stretch(step, whole.end, end)
            return [*stretches(before), whole, *stretches(after)]
    return [span] if first < end else []

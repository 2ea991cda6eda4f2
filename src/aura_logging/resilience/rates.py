"""Move the share that is kept until what is kept comes at a chosen pace."""

from __future__ import annotations

import math

from aura_logging.options import OptionError

__all__ = ["AdaptiveRate"]

_RISE = 2.0
"""In one step a rate at most doubles: a flood that pauses for a second is not let in whole when it goes on."""

_FORGETS_AFTER_SECONDS = 3.0
"""What came longer ago hardly counts: a peak of one second moves the rate, and is forgotten in ten."""


class AdaptiveRate:
    """A share between `lowest` and `highest` that keeps about `target_per_second` of what is offered.

    `update` hears what was offered since the last time. The rate falls as fast as the offer grows, and rises back
    to `highest` in steps that at most double it. Pure arithmetic: no clock, no lock.
    """

    __slots__ = ("_highest", "_lowest", "_offered_per_second", "rate", "target_per_second")

    def __init__(self, target_per_second: float, highest: float = 1.0, lowest: float = 0.0001) -> None:
        if not (target_per_second > 0 and math.isfinite(target_per_second)):
            raise OptionError(f"target_per_second={target_per_second!r} must be a number over 0.")
        self.target_per_second = target_per_second
        self._highest = highest
        self._lowest = min(lowest, highest)
        self._offered_per_second = 0.0
        self.rate = highest

    @property
    def is_lowered(self) -> bool:
        """Whether less is kept than usual."""
        return self.rate < self._highest

    def update(self, offered: int, seconds: float) -> float:
        """Take in that so many were offered in the last `seconds` (over 0); return the rate from here on."""
        now_per_second = offered / seconds
        memory = math.exp(-seconds / _FORGETS_AFTER_SECONDS)
        smoothed = memory * self._offered_per_second + (1.0 - memory) * now_per_second
        # A flood counts at once: it would have filled the disk before an average had noticed.
        self._offered_per_second = max(smoothed, now_per_second)
        wanted = self._highest
        if self._offered_per_second * self._highest > self.target_per_second:
            wanted = self.target_per_second / self._offered_per_second
        self.rate = min(self._highest, max(self._lowest, min(wanted, self.rate * _RISE)))
        return self.rate

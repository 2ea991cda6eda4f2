"""Turn time by hand in a test."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """A clock that stands still until a test turns it; call it for the time in seconds.

    >>> clock = ManualClock(100.0)
    >>> clock.advance(2.5)
    >>> clock()
    102.5
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time it was turned to."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Turn the clock forward."""
        self.now += seconds

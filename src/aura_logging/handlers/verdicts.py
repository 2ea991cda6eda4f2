"""Tell by one record whether its request went well, and how many that went wrong may be told whole."""

from __future__ import annotations

import logging
import math

from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.held_lines import Verdict
from aura_logging.resilience.token_bucket import TokenBucket

__all__ = ["Judge"]

_SUMMARY_LOGGERS = ("aura.request", "aura.task")
"""On these, a unit of work's one wide record tells how it ended."""

_BURST_SECONDS = 10.0
"""So many seconds' releases may come at once."""


class Judge:
    """Reads the verdict on a unit of work from the records of it; any thread may ask."""

    def __init__(
        self, trigger_level: int, release_status: int, releases_per_second: float | None, clock: Clock
    ) -> None:
        if releases_per_second is not None and not 0 < releases_per_second < math.inf:
            raise OptionError(
                f"releases_per_second={releases_per_second!r} must be a number over 0; None for no limit."
            )
        self.trigger_level = trigger_level
        self._release_status = release_status
        self._releases: TokenBucket | None = None
        if releases_per_second is not None:
            burst = max(1.0, releases_per_second * _BURST_SECONDS)
            self._releases = TokenBucket(releases_per_second, burst, clock)

    def verdict_of(self, record: logging.LogRecord) -> Verdict | None:
        """Return what the record says about its unit: that it went wrong, that it ended well, or `None`, nothing."""
        if record.levelno >= self.trigger_level:
            return Verdict.RELEASED
        if record.name not in _SUMMARY_LOGGERS:
            return None
        fields = record.__dict__
        status = fields.get("status_code")
        is_bad = isinstance(status, int) and status >= self._release_status
        return Verdict.RELEASED if is_bad or fields.get("slow") is True else Verdict.DISCARDED

    def tempered(self, verdict: Verdict) -> Verdict:
        """Return the verdict as it can be carried out now: while everything goes wrong, not all of it is told."""
        if verdict is Verdict.RELEASED and self._releases is not None and not self._releases.take():
            return Verdict.HELD_DOWN
        return verdict

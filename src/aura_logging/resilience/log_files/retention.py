"""Decide which closed segments have to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aura_logging.resilience.log_files.segment_names import Segment

__all__ = ["RetentionPolicy"]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Keep the newest segments within a count, an age and a number of bytes; `None` switches a limit off.

    What is kept is always an unbroken run up to the newest: no segment goes while an older one stays.
    """

    max_count: int | None
    max_age_seconds: float | None = None
    max_total_bytes: int | None = None

    def expired(self, size_bytes: Mapping[Segment, int], now: float) -> list[Segment]:
        """Return the segments to remove, oldest first; `now` in seconds since 1970 UTC."""
        newest_first = sorted(size_bytes, reverse=True)
        kept, kept_bytes = 0, 0
        for segment in newest_first:
            kept_bytes += size_bytes[segment]
            if self.max_count is not None and kept >= self.max_count:
                break
            if self.max_age_seconds is not None and now - segment.closed_at > self.max_age_seconds:
                break
            if self.max_total_bytes is not None and kept_bytes > self.max_total_bytes:
                break
            kept += 1
        return newest_first[kept:][::-1]

    def without_bytes(self) -> RetentionPolicy:
        """Return the same policy without its limit of bytes, for use before segments are compressed."""
        return replace(self, max_total_bytes=None)

"""Decide when a live log file has to be closed and a new one begun."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RotationPolicy"]


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """Close a file before it outgrows a size, and at boundaries of time that are the same for every process.

    `None` switches a limit off. Boundaries are the multiples of `every_seconds` since 1970 UTC: 3600 closes at
    the full hour, 86400 at midnight UTC, whenever the process was started.
    """

    max_bytes: int | None
    every_seconds: int | None = None

    def interval(self, at: float) -> int:
        """Return the number of the interval that a moment (seconds since 1970 UTC) lies in."""
        return 0 if self.every_seconds is None else int(at // self.every_seconds)

    def is_due(self, size_bytes: int, incoming_bytes: int, interval: int, now: float) -> bool:
        """Say whether a file begun in `interval` must be closed before the incoming bytes are written.

        An empty file is never closed, so a single batch larger than the limit makes one larger file.
        """
        if size_bytes == 0:
            return False
        if self.max_bytes is not None and size_bytes + incoming_bytes > self.max_bytes:
            return True
        return self.every_seconds is not None and self.interval(now) > interval

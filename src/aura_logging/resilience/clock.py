"""Name the shape of a clock, so that time is a parameter everywhere."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Clock"]

Clock = Callable[[], float]
"""Returns seconds. Deadlines and intervals take a monotonic one, timestamps take wall time."""

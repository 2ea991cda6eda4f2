"""See what a sampled request allocated, and where: one request at a time, for tracing slows everything down."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

__all__ = ["AllocationSample", "sample"]

_MOST_LINES = 3
_busy = threading.Lock()


class AllocationSample:
    """Traces Python's allocations in the whole process until `fields` is called, or `cancel`; once only.

    What other threads allocate meanwhile is counted too: read it as a hint, in a quiet process as the truth.
    """

    def __init__(self) -> None:
        self._is_open = True
        tracemalloc.start(1)

    def fields(self) -> dict[str, Any]:
        """Stop, and return `memory_peak` (bytes above the start) and the lines whose memory is still in use."""
        if not self._is_open:
            return {}
        _, peak = tracemalloc.get_traced_memory()
        snapshot = tracemalloc.take_snapshot()
        self.cancel()
        own = tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__)
        lines = snapshot.filter_traces([own]).statistics("lineno")[:_MOST_LINES]
        return {
            "memory_peak": peak,
            "allocations": [
                {"site": f"{line.traceback[0].filename}:{line.traceback[0].lineno}", "bytes": line.size}
                for line in lines
            ],
        }

    def cancel(self) -> None:
        """Stop tracing."""
        if self._is_open:
            self._is_open = False
            tracemalloc.stop()
            _busy.release()


def sample(rate: float, draw: Callable[[], float] = random.random) -> AllocationSample | None:
    """Begin to trace for a share `rate` (0 to 1) of the calls; `None` for the others.

    Also `None` while another request is traced, or while somebody else uses `tracemalloc`.
    """
    if rate <= 0 or draw() >= rate or not _busy.acquire(blocking=False):
        return None
    if tracemalloc.is_tracing():
        _busy.release()
        return None
    return AllocationSample()

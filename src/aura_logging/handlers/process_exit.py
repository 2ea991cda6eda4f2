"""Flush a handler at the end of a process that runs no `atexit` hooks: a child of multiprocessing or billiard."""

from __future__ import annotations

import sys
import weakref
from typing import Protocol

__all__ = ["Flushable", "flush_at_exit"]

_MODULES = ("multiprocessing.util", "billiard.util")
_BEFORE_THE_QUEUES = 10
"""A finaliser's priority: those of multiprocessing's own queues and pools come after it."""


class Flushable(Protocol):
    """What can be flushed."""

    def flush(self) -> object:
        """Wait until what was accepted is delivered, with a deadline."""
        ...


def flush_at_exit(flushable: Flushable) -> None:
    """Have it flushed when this process ends by the hands of multiprocessing, or of Celery's copy of it.

    Both end a child by `os._exit` after their own finalisers. Holds the flushable weakly; call it once per process,
    in the process itself: a new child starts with none.
    """
    reference = weakref.ref(flushable)

    def flush() -> None:
        alive = reference()
        if alive is not None:
            alive.flush()

    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None:
            module.Finalize(None, flush, exitpriority=_BEFORE_THE_QUEUES)

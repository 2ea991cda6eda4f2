"""Close a handler at the end of a process that runs no `atexit` hooks: a child of multiprocessing or billiard."""

from __future__ import annotations

import multiprocessing.process
import sys
import weakref
from typing import Protocol

__all__ = ["Closable", "close_at_exit"]

_MODULES = ("multiprocessing.util", "billiard.util")
_BEFORE_THE_QUEUES = 10
"""A finaliser's priority: those of multiprocessing's own queues and pools come after it."""


class Closable(Protocol):
    """What can be closed, and goes on working for those who come later still."""

    def close(self) -> None:
        """Deliver what was accepted, with a deadline."""
        ...


def close_at_exit(closable: Closable) -> None:
    """Have it closed when this process ends by the hands of multiprocessing, or of Celery's copy of it.

    Both end a child by `os._exit` after their own finalisers. In a process that is nobody's child `logging.shutdown`
    comes by. Holds the closable weakly; call it once per process, in the process itself: a new child starts with none.
    """
    if multiprocessing.process.parent_process() is None and "billiard.util" not in sys.modules:
        return
    reference = weakref.ref(closable)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None:
            module.Finalize(None, close, exitpriority=_BEFORE_THE_QUEUES)

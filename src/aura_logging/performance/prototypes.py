"""Make records of our own cheaply: each a copy of the first one of its place."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Prototypes"]

_HAS_TASK_NAME = sys.version_info >= (3, 12)


class Prototypes:
    """Makes records without arguments as `logging` does, each as a copy of the first one of its place.

    For code that writes a record of its own again and again: it costs a third of what `logging.LogRecord` does, which
    cuts up the path and asks the system for the process each time. At most `most` places are known. What belongs to
    the process is copied too: whoever forks calls `forget` in the child. Any thread may call it.
    """

    def __init__(self, most: int = 2_000, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}

    def forget(self) -> None:
        """Begin anew: this is another process."""
        self._known = {}

    def record(
        self, logger: str, level: int, place: tuple[str, int, str], message: str, fields: Mapping[str, Any]
    ) -> logging.LogRecord:
        """Return a record of now and this thread; `place` is file, line and function.

        None of the fields may have the name of a standard attribute. The class is the one that `logging` is told to
        use; one of somebody else's is called for each record.
        """
        if logging.getLogRecordFactory() is not logging.LogRecord:
            made = _made(logger, level, place, message)
            made.__dict__.update(fields)
            return made
        key = (logger, level, place, message)
        first = self._known.get(key) or self._learn(key)
        attributes = first.copy()
        attributes.update(fields)
        created = attributes["created"] = self._clock()
        attributes["relativeCreated"] = first["relativeCreated"] + (created - first["created"]) * 1_000
        attributes["msecs"] = int(created % 1 * 1_000) + 0.0  # as `logging` has it: a float without a fraction
        if first["thread"] is not None:
            attributes["thread"] = threading.get_ident()
            attributes["threadName"] = threading.current_thread().name
        if _HAS_TASK_NAME:
            attributes["taskName"] = _task_name()
        record = _new_object(logging.LogRecord)
        record.__dict__ = attributes
        return record

    def _learn(self, key: tuple[str, int, tuple[str, int, str], str]) -> dict[str, Any]:
        if len(self._known) >= self._most:
            self._known = {}
        # A dict of its own: an object's shares its keys with others of its class, and is four times as slow to copy.
        first = self._known[key] = dict(_made(*key).__dict__.items())
        return first


_new_object = object.__new__


def _made(logger: str, level: int, place: tuple[str, int, str], message: str) -> logging.LogRecord:
    file, line, function = place
    return logging.getLogRecordFactory()(logger, level, file, line, message, (), None, function)


def _task_name() -> str | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not getattr(logging, "logAsyncioTasks", False):  # from Python 3.12 on
        return None
    try:
        name: str = asyncio.current_task().get_name()
    except Exception:  # noqa: BLE001  # no event loop, or no task of it; `logging` looks in the same way
        return None
    return name

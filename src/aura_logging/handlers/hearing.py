"""Hear a handler's failures while we deliver to it, and know on which thread that is.

A handler of the standard library swallows its own errors in `handleError`; whoever buffers in front of one, or
fails over from one, would never know.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import SocketHandler

__all__ = [
    "emit_heard",
    "emit_unlocked",
    "hear_failures",
    "here",
    "inside",
    "is_delivering",
    "is_inside",
    "logging_inside",
    "may_log_inside",
]


class _Here(threading.local):
    """What this thread is inside of."""

    handlers: tuple[logging.Handler, ...] = ()
    may_log = True


here = _Here()
"""What the functions below tell, for a hot path that cannot afford their call."""


def is_delivering() -> bool:
    """Tell whether this thread is inside a target right now: what is logged here, the target may log itself."""
    return bool(here.handlers)


def is_inside(handler: logging.Handler) -> bool:
    """Tell whether this thread is inside a delivery to this very handler."""
    return handler in here.handlers


def may_log_inside() -> bool:
    """Tell whether what is logged inside this delivery may be delivered: not what a target logs about its own lines."""
    return here.may_log


class inside:  # noqa: N801  # it reads as a function
    """A block in which this thread delivers to the handler."""

    __slots__ = ("_before", "_handler")

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler

    def __enter__(self) -> None:
        self._before = here.handlers
        here.handlers = (*self._before, self._handler)

    def __exit__(self, *exception: object) -> None:
        here.handlers = self._before


@contextmanager
def logging_inside(*, allowed: bool) -> Iterator[None]:
    """Say whether what is logged on this thread inside a delivery may be delivered in turn."""
    before, here.may_log = here.may_log, allowed
    try:
        yield
    finally:
        here.may_log = before


def emit_heard(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Emit under the handler's lock; what it would hand to `handleError` is raised here instead."""
    handler.acquire()
    try:
        emit_unlocked(handler, record)
    finally:
        handler.release()


def emit_unlocked(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Emit for several threads at once; what the handler would hand to `handleError` is raised here instead."""
    with inside(handler):
        handler.emit(record)
        if isinstance(handler, SocketHandler) and handler.sock is None:
            # It keeps quiet about a connection that it could not make, or that broke, and drops the record.
            raise ConnectionError(f"no connection to {handler.host}:{handler.port}")


def hear_failures(handler: logging.Handler) -> None:
    """Have the handler's `handleError` raise while we deliver to it; to everybody else it stays as it was.

    A handler may serve loggers directly beside us: there its errors must never reach the application.
    """
    swallow = handler.handleError
    if getattr(swallow, "_aura_hears", False):
        return

    def handle_error(record: logging.LogRecord) -> None:
        if is_inside(handler):
            raise  # handleError runs inside the `except` of the handler's emit
        swallow(record)

    handle_error._aura_hears = True  # type: ignore[attr-defined]  # a mark on a function
    handler.handleError = handle_error  # type: ignore[method-assign]  # on this one handler only

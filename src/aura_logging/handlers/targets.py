"""Hand a batch to any handler, and hear whether it took it.

A handler of the standard library swallows its own errors in `handleError`; whoever buffers in front of one, or
fails over from one, would never know. Here its errors come back as `TargetFailed`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aura_logging import records
from aura_logging.handlers.base import LineSink

__all__ = [
    "LineTarget",
    "RecordTarget",
    "Target",
    "TargetFailed",
    "emit_heard",
    "hear_failures",
    "is_delivering",
    "target_for",
    "wanted",
]

_here = threading.local()


class TargetFailed(Exception):  # noqa: N818  # it says what happened, like StopIteration
    """A target did not take a whole batch: only its first `taken` entries.

    `again` tells whether it makes sense to offer the next one again: an `OSError` may pass, an error in the
    target's own code on this very record will not.
    """

    def __init__(self, taken: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.taken = taken
        self.cause = cause
        self.again = isinstance(cause, OSError)


class Target(Protocol):
    """A handler as a delivering worker sees it."""

    handler: logging.Handler

    def payload(self, record: logging.LogRecord) -> Any:
        """Return what will be delivered, made on the thread that logs; it keeps nothing of the caller's alive."""
        ...

    def deliver(self, payloads: Sequence[Any]) -> None:
        """Hand over the payloads in order; raises `TargetFailed`."""
        ...

    def stamp(self, stream: str) -> Callable[[Any, int], Any]:
        """Return a function that writes the stream's name and a sequence number on a payload."""
        ...


class LineTarget:
    """A target that takes encoded lines, a whole batch at once."""

    def __init__(self, handler: logging.Handler, sink: LineSink) -> None:
        self.handler = handler
        self.payload = sink.line
        self._write_lines = sink.write_lines

    def deliver(self, payloads: Sequence[bytes]) -> None:
        """Write the lines; on failure none counts as taken, so some may be written twice."""
        _here.delivering = True
        try:
            self._write_lines(payloads)
        except Exception as error:
            raise TargetFailed(0, error) from error
        finally:
            _here.delivering = False

    def stamp(self, stream: str) -> Callable[[bytes, int], bytes]:
        """Return a function that splices `stream` and `seq` into a JSON line; another line is left as it is."""
        fields = b',"stream":"%b","seq":' % stream.encode()

        def stamp(line: bytes, number: int) -> bytes:
            return b"%b%b%d}\n" % (line[:-2], fields, number) if line[-2:] == b"}\n" else line

        return stamp


class RecordTarget:
    """A target that takes records, one after the other."""

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        hear_failures(handler)

    def payload(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record with its message and traceback as text."""
        return records.detach(record)

    def deliver(self, payloads: Sequence[logging.LogRecord]) -> None:
        """Emit the records; the target's filters have been asked on the thread that logged."""
        handler = self.handler
        for taken, record in enumerate(payloads):
            try:
                emit_heard(handler, record)
            except Exception as error:
                raise TargetFailed(taken, error) from error

    def stamp(self, stream: str) -> Callable[[logging.LogRecord, int], logging.LogRecord]:
        """Return a function that sets `stream` and `seq` on a record."""

        def stamp(record: logging.LogRecord, number: int) -> logging.LogRecord:
            record.stream = stream
            record.seq = number
            return record

        return stamp


def target_for(handler: logging.Handler) -> Target:
    """Return the handler as a target, by what it can take.

    A handler that wraps others may take lines or not, depending on them; it says so in `takes_lines`.
    """
    if isinstance(handler, LineSink) and getattr(handler, "takes_lines", True):
        return LineTarget(handler, handler)
    return RecordTarget(handler)


def wanted(handler: logging.Handler, record: logging.LogRecord) -> logging.LogRecord | None:
    """Return what the handler's level and filters leave of the record: it, another in its place, or nothing."""
    if record.levelno < handler.level:
        return None
    if not handler.filters:
        return record
    kept: object = handler.filter(record)
    if not kept:
        return None
    return kept if isinstance(kept, logging.LogRecord) else record


def is_delivering() -> bool:
    """Tell whether this thread is inside a target right now: what is logged here, the target logged itself."""
    return getattr(_here, "delivering", False)


def emit_heard(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Emit under the handler's lock; what it would hand to `handleError` is raised here instead."""
    _here.delivering = True
    try:
        handler.acquire()
        try:
            handler.emit(record)
        finally:
            handler.release()
    finally:
        _here.delivering = False


def hear_failures(handler: logging.Handler) -> None:
    """Have the handler's `handleError` raise while we deliver to it; to everybody else it stays as it was.

    A handler may serve loggers directly beside us: there its errors must never reach the application.
    """
    swallow = handler.handleError
    if getattr(swallow, "_aura_hears", False):
        return

    def handle_error(record: logging.LogRecord) -> None:
        if is_delivering():
            raise  # handleError runs inside the `except` of the handler's emit
        swallow(record)

    handle_error._aura_hears = True  # type: ignore[attr-defined]  # a mark on a function
    handler.handleError = handle_error  # type: ignore[method-assign]  # on this one handler only

"""Know the handlers that a finished line may be given to, as if they had made it of a record themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aura_logging.encoding import decode
from aura_logging.fast_lane.delivered import as_delivered, steps_of
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler
from aura_logging.resilience.forks import notice_fork

__all__ = ["Writer", "writer_for"]


@dataclass(frozen=True, slots=True)
class Writer:
    """How handlers of one class write lines.

    `formatted_by(handler)` returns the handler whose formatter makes the lines, if they are `encode`'s own;
    `is_as_delivered()` tells whether a record would pass nothing of anybody else's; `emit_line(handler, level, line)`
    does what `emit` would for a record of that line, failures included, or returns false if that takes the record.
    """

    formatted_by: Callable[[Any], logging.Handler | None]
    is_as_delivered: Callable[[], bool]
    emit_line: Callable[[Any, int, bytes], bool]


def writer_for(handler: logging.Handler) -> Writer | None:
    """Return how a handler of exactly this class writes; `None` for all others, for a subclass may do anything."""
    return _WRITERS.get(type(handler))


# What is ours, people patch in tests.
_BUFFERED = (AsyncBufferedHandler.handle, AsyncBufferedHandler.emit, AsyncBufferedHandler.emit_line)
_SHARED_FILE = (StructuredFileHandler.emit, StructuredFileHandler.emit_line, StructuredFileHandler.line)
_FORMAT_JSON = JsonFormatter.format

_HANDLING = ("handle", "filter", "format", "acquire", "release", "handleError")
_steps_to_handle = steps_of(_HANDLING)
_steps_to_stream = steps_of((*_HANDLING, "emit", "flush"))
_HANDLES = tuple(as_delivered(logging.Handler, name) for name in _HANDLING)
_EMIT_TO_STREAM = as_delivered(logging.StreamHandler, "emit")
_FLUSH = as_delivered(logging.StreamHandler, "flush")
_STREAMS = (*_HANDLES, _EMIT_TO_STREAM, _FLUSH)
_OPENS = (*_HANDLES, as_delivered(logging.FileHandler, "emit"), _FLUSH)


def _buffers_as_delivered() -> bool:
    kind = AsyncBufferedHandler
    return kind.handle is _BUFFERED[0] and kind.emit is _BUFFERED[1] and kind.emit_line is _BUFFERED[2]


def _shares_as_delivered() -> bool:
    # Lines show the process; an `AsyncBufferedHandler` notices by itself a fork that ran no hooks.
    notice_fork()
    kind = StructuredFileHandler
    return _steps_to_handle(kind) == _HANDLES and (kind.emit, kind.emit_line, kind.line) == _SHARED_FILE


def _streams_as_delivered() -> bool:
    notice_fork()
    return _steps_to_stream(logging.StreamHandler) == _STREAMS and JsonFormatter.format is _FORMAT_JSON


def _opens_as_delivered() -> bool:
    notice_fork()
    return (
        _steps_to_stream(logging.FileHandler) == _OPENS
        and logging.StreamHandler.emit is _EMIT_TO_STREAM
        and JsonFormatter.format is _FORMAT_JSON
    )


def _with_plain_json(handler: logging.StreamHandler[Any]) -> logging.Handler | None:
    return handler if type(handler.formatter) is JsonFormatter else None


def _emit_to_stream(handler: logging.StreamHandler[Any], level: int, line: bytes) -> bool:
    """Do what `StreamHandler.handle` does: write and flush under the handler's lock, and tell of a failure."""
    text = line.decode()
    with handler.lock:  # type: ignore[union-attr]  # without one: an error, and the ordinary way
        stream = handler.stream
        # A `FileHandler` that was told to delay, or was closed, opens its file itself.
        if not stream or handler.terminator != "\n" or handler.formatter.schema != "aura":  # type: ignore[union-attr]  # a JsonFormatter, or nobody comes here
            return False
        write, flush = stream.write, stream.flush  # without one: an error, while nothing is written
        try:
            write(text)
            flush()
        except RecursionError:
            # `logging` lets the caller have it. Its own way is deeper still, and ends so before it writes.
            return False
        except Exception:  # noqa: BLE001  # `logging`'s own rule for whatever a stream raises
            handler.handleError(decode(line))
    return True


_WRITERS: dict[type[logging.Handler], Writer] = {
    AsyncBufferedHandler: Writer(
        AsyncBufferedHandler.plain_json_writer, _buffers_as_delivered, AsyncBufferedHandler.emit_line
    ),
    StructuredFileHandler: Writer(
        StructuredFileHandler.plain_json_writer, _shares_as_delivered, StructuredFileHandler.emit_line
    ),
    logging.StreamHandler: Writer(_with_plain_json, _streams_as_delivered, _emit_to_stream),
    logging.FileHandler: Writer(_with_plain_json, _opens_as_delivered, _emit_to_stream),
}

"""Say what would otherwise be lost on standard error, without ever waiting for it."""

from __future__ import annotations

import logging
import os
import select
import sys
from collections.abc import Callable

from aura_logging import encoding
from aura_logging.handlers.base import LineSink

__all__ = ["LastWords", "to_handler", "to_stderr"]

LastWords = Callable[[bytes | logging.LogRecord], bool]

# A pipe takes so much at once or not at all (POSIX: PIPE_BUF is at least 512, Linux has 4,096).
_ATOMIC_BYTES = 4_096
_STDERR = 2


def to_stderr(payload: bytes | logging.LogRecord) -> bool:
    """Write one line to the process's standard error; false if it would have to wait or is closed.

    A line longer than a pipe takes at once is cut: half of it could block the caller for ever.
    """
    if sys.__stderr__ is None:
        # Closed before Python started, as by a daemon; descriptor 2 may be anything by now, also a database's.
        return False
    line = payload if isinstance(payload, bytes) else encoding.encode(payload)
    if len(line) > _ATOMIC_BYTES:
        line = line[: _ATOMIC_BYTES - 4] + "…\n".encode()
    try:
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)
        if not any(events & select.POLLOUT for _, events in poll.poll(0)):
            return False
        return os.write(_STDERR, line) == len(line)
    except OSError:
        return False


def to_handler(handler: logging.Handler) -> LastWords:
    """Return last words that go to a handler instead; false if it failed."""

    def write(payload: bytes | logging.LogRecord) -> bool:
        try:
            if not isinstance(payload, bytes):
                handler.handle(payload)
            elif isinstance(handler, LineSink):
                handler.write_lines([payload])
            else:
                handler.handle(encoding.decode(payload))
        except Exception:  # noqa: BLE001  # a last resort that fails has nobody left to tell; the caller counts it
            return False
        return True

    return write

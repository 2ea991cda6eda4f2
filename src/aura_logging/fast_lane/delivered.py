"""Know whether `logging` still works as it was delivered, or somebody has put something of theirs in between."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["LOGGING_FILE", "LOGGING_STEPS", "as_delivered", "logs_as_delivered"]

LOGGING_FILE = logging.addLevelName.__code__.co_filename
"""What tells a frame of `logging`'s own, there as here."""

LOGGING_STEPS = frozenset(("_log", "findCaller", "makeRecord", "handle", "filter", "callHandlers"))
"""The methods of a logger that a call goes through and that others are known to patch."""


def as_delivered(owner: type, name: str) -> Any:
    """Return a function of `logging`'s own; what somebody had patched before we came is found nowhere ever after."""
    function = getattr(owner, name)
    code = getattr(function, "__code__", None)
    return function if getattr(code, "co_filename", None) == LOGGING_FILE else object()


_LOG = as_delivered(logging.Logger, "_log")
_FIND_CALLER = as_delivered(logging.Logger, "findCaller")
_MAKE_RECORD = as_delivered(logging.Logger, "makeRecord")
_HANDLE = as_delivered(logging.Logger, "handle")
_FILTER = as_delivered(logging.Logger, "filter")
_CALL_HANDLERS = as_delivered(logging.Logger, "callHandlers")
_INIT_RECORD = as_delivered(logging.LogRecord, "__init__")


def logs_as_delivered(kind: type[logging.Logger]) -> bool:
    """Tell whether a logger of this class makes records, and hands them on, as `logging` does. The hot path."""
    return (
        kind.callHandlers is _CALL_HANDLERS
        and kind.handle is _HANDLE
        and kind.filter is _FILTER
        and kind.makeRecord is _MAKE_RECORD
        and kind.findCaller is _FIND_CALLER
        and logging.Logger._log is _LOG
        and logging.LogRecord.__init__ is _INIT_RECORD
        and logging.getLogRecordFactory() is logging.LogRecord
        and logging.logThreads
        and logging.logProcesses
        and logging._srcfile is not None  # set to None, it switches callers off
    )

"""Know whether `logging` still works as it was delivered, or somebody has put something of theirs in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

__all__ = ["LOGGING_FILE", "LOGGING_STEPS", "as_delivered", "logs_as_delivered", "steps_of"]

LOGGING_FILE = logging.addLevelName.__code__.co_filename
"""What tells a frame of `logging`'s own, there as here."""

LOGGING_STEPS = frozenset(("_log", "findCaller", "makeRecord", "handle", "filter", "callHandlers"))
"""The methods of a logger that a call goes through and that others are known to patch."""


def as_delivered(owner: type, name: str) -> Any:
    """Return a function of `logging`'s own; what somebody had patched before we came is found nowhere ever after."""
    function = getattr(owner, name)
    code = getattr(function, "__code__", None)
    return function if getattr(code, "co_filename", None) == LOGGING_FILE else object()


def steps_of(names: Iterable[str]) -> Callable[[Any], Any]:
    """Return what looks several attributes up, dotted ones too, in one step of C."""
    return attrgetter(*names)


_HANDING_ON = ("callHandlers", "handle", "filter", "makeRecord", "findCaller")
_hands_on = steps_of(_HANDING_ON)
_HANDS_ON = tuple(as_delivered(logging.Logger, name) for name in _HANDING_ON)

# What is switched off there is not on any line; `_srcfile`, set to None, switches callers off.
_makes_records = steps_of(
    ("Logger._log", "LogRecord.__init__", "_logRecordFactory", "logThreads", "logProcesses", "_srcfile")
)
_MAKES_RECORDS = (
    as_delivered(logging.Logger, "_log"), as_delivered(logging.LogRecord, "__init__"), logging.LogRecord, True, True,
    logging._srcfile or object(),
)  # fmt: skip


def logs_as_delivered(kind: type[logging.Logger]) -> bool:
    """Tell whether a logger of this class makes records, and hands them on, as `logging` does. The hot path."""
    return bool(_hands_on(kind) == _HANDS_ON and _makes_records(logging) == _MAKES_RECORDS)

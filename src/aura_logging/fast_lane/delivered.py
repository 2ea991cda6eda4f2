"""Know whether `logging` still works as it was delivered, or somebody has put something of theirs in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

__all__ = [
    "HANDS_ON",
    "LOGGING_FILE",
    "LOGGING_STEPS",
    "MAKES_RECORDS",
    "as_delivered",
    "hands_on",
    "makes_records",
    "steps_of",
]

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
hands_on = steps_of(_HANDING_ON)
"""Asked of a logger's class: `HANDS_ON`, if it hands records on as `logging` does."""
HANDS_ON = tuple(as_delivered(logging.Logger, name) for name in _HANDING_ON)

# What is switched off there is not on any line; `_srcfile`, set to None, switches callers off.
makes_records = steps_of(
    ("Logger._log", "LogRecord.__init__", "_logRecordFactory", "logThreads", "logProcesses", "_srcfile")
)
"""Asked of `logging`: `MAKES_RECORDS`, if records are made as it makes them."""
MAKES_RECORDS = (
    as_delivered(logging.Logger, "_log"), as_delivered(logging.LogRecord, "__init__"), logging.LogRecord, True, True,
    logging._srcfile or object(),
)  # fmt: skip

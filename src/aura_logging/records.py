"""Know what is inside a LogRecord, so that nothing else has to.

What we remember about a record (its encoded line, decisions taken once) lies in one attribute, `_aura`. The
leading underscore keeps it out of the lines of other packages' JSON formatters.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = [
    "STANDARD_ATTRIBUTES",
    "attribute_name",
    "detach",
    "extras",
    "forget_line",
    "line_of",
    "once",
    "remember_line",
]

Decision = TypeVar("Decision")

_MEMORY = "_aura"

# `taskName` is there from Python 3.12 on; a record from a queue may bring it to an older one. The others are
# set by formatters, or by us.
_LATER = ("taskName", "message", "asctime", _MEMORY)

STANDARD_ATTRIBUTES = frozenset((*logging.LogRecord("", 0, "", 0, "", (), None).__dict__, *_LATER))
"""Attributes that `logging` owns, and our memory: never a user's field."""


class _Memory:
    """What we know about one record. Not copied into a pickle: another process need not have this package."""

    # Unset until known: an __init__ that sets them would cost as much as the rest of a log call's bookkeeping.
    __slots__ = ("args", "decisions", "exc_text", "extras", "line", "msg", "schema")

    decisions: dict[str, Any]
    # The line, its schema, and what it was made of.
    line: bytes
    schema: str
    msg: object
    args: object
    exc_text: str | None
    extras: Mapping[str, Any]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        return dict, ()


def _memory(record: logging.LogRecord) -> _Memory:
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is not _Memory:
        memory = record.__dict__[_MEMORY] = _Memory()
    return memory


def attribute_name(field: str) -> str:
    """Return the attribute a field may have on a record: its own name, or one with `_` behind it if that is taken."""
    return f"{field}_" if field in STANDARD_ATTRIBUTES else field


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was added to the record beyond what `logging` puts there: extra fields and context.

    `request`, which Django attaches to some records, is left out unless it is plain data: it holds the whole
    request, and writing it down would read from it.
    """
    rest = record.__dict__.copy()
    try:
        # Written out: a third of what a comprehension over all attributes costs, two thirds of a loop.
        del rest["name"], rest["msg"], rest["args"], rest["levelname"], rest["levelno"], rest["pathname"]
        del rest["filename"], rest["module"], rest["exc_info"], rest["exc_text"], rest["stack_info"]
        del rest["lineno"], rest["funcName"], rest["created"], rest["msecs"], rest["relativeCreated"]
        del rest["thread"], rest["threadName"], rest["processName"], rest["process"]
    except KeyError:
        return {key: value for key, value in record.__dict__.items() if _is_extra(key, value)}
    for name in _LATER:
        if name in rest:
            del rest[name]
    if "request" in rest and not _is_extra("request", rest["request"]):
        del rest["request"]
    return rest


def _is_extra(key: str, value: object) -> bool:
    if key == "request":
        return isinstance(value, (str, int, float, dict, list, tuple, type(None)))
    return key not in STANDARD_ATTRIBUTES


def once(record: logging.LogRecord, question: str, decide: Callable[[logging.LogRecord], Decision]) -> Decision:
    """Return the decision about this record, taken at the first asking, whichever handler asks."""
    memory = _memory(record)
    try:
        decisions = memory.decisions
    except AttributeError:
        decisions = memory.decisions = {}
    if question not in decisions:
        decisions[question] = decide(record)
    answer: Decision = decisions[question]
    return answer


def remember_line(record: logging.LogRecord, schema: str, line: bytes, extras: Mapping[str, Any]) -> None:
    """Keep the record's encoded line, and the extras it was made of, for the next handler."""
    memory = _memory(record)
    memory.msg = record.msg
    memory.args = record.args
    memory.exc_text = record.exc_text
    memory.extras = extras
    memory.schema = schema
    memory.line = line


def line_of(record: logging.LogRecord, schema: str) -> bytes | None:
    """Return the line that was kept, unless the message, the traceback's text or a field was set since.

    A change inside a dict or list that hangs on the record is not seen; whoever makes one calls `forget_line`.
    """
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is not _Memory or not hasattr(memory, "line") or memory.schema != schema:
        return None
    if memory.msg is not record.msg or memory.args is not record.args or memory.exc_text is not record.exc_text:
        return None
    then, now = memory.extras, extras(record)
    if len(then) != len(now) or not all(map(operator.is_, then.values(), now.values())):
        return None
    return memory.line


def forget_line(record: logging.LogRecord) -> None:
    """Have the record encoded anew at the next asking."""
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is _Memory and hasattr(memory, "line"):
        del memory.line


def detach(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy that another thread may format later, holding on to nothing of the caller's.

    The message is formatted now, while its arguments are what they were; the traceback becomes text, so that
    no frame is kept alive; `request` is left behind.
    """
    copy = logging.makeLogRecord({})
    attributes = copy.__dict__
    attributes.update(record.__dict__)
    attributes.pop(_MEMORY, None)
    attributes.pop("request", None)
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001  # any argument's __str__ may raise anything
        message = describe_bad_message(record, error)
    attributes.update(msg=message, message=message, args=None)
    if record.exc_info:
        if not record.exc_text:
            attributes["exc_text"] = logging.Formatter().formatException(record.exc_info)
        # A later formatter reads exc_text; the type alone keeps no frame alive.
        attributes["exc_info"] = None
        attributes["exception_type"] = exception_type(record)
    return copy


def exception_type(record: logging.LogRecord) -> str | None:
    """Return the name of the class of the record's exception."""
    info = record.exc_info
    if not info or not isinstance(info, tuple) or info[0] is None:
        return None
    kind = info[0]
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def describe_bad_message(record: logging.LogRecord, error: Exception) -> str:
    """Return a message for a record whose arguments do not fit its template: both, and what was wrong."""
    return (
        f"{_quoted(record.msg)} % {_quoted(record.args)} [format error: {type(error).__name__}: {_quoted(error, str)}]"
    )


def _quoted(value: object, how: Callable[[object], str] = repr) -> str:
    try:
        return how(value)
    except Exception as error:  # noqa: BLE001  # repr is the user's code
        return f"<{type(value).__name__}: {how.__name__} raised {type(error).__name__}>"

"""Know what is inside a LogRecord, so that nothing else has to.

What we remember about a record (its encoded line, decisions taken once) lies in one attribute, `_aura`, and that it is
exempt in another. The leading underscore keeps them out of the lines of other packages' JSON formatters.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from operator import is_
from typing import Any, TypeAlias, TypeVar

__all__ = [
    "EXEMPT",
    "Memory",
    "Parts",
    "STANDARD_ATTRIBUTES",
    "attribute_name",
    "detach",
    "exempt",
    "extras",
    "forget_line",
    "is_exempt",
    "kept",
    "kept_line",
    "line_of",
    "merged",
    "message_of",
    "once",
    "remember_line",
    "template_of",
    "type_name",
]

Decision = TypeVar("Decision")

_MEMORY = "_aura"

EXEMPT = "_aura_exempt"
"""The attribute that `exempt` sets: one of its own, so that a hot path may look for it at the cost of a look."""

# `taskName` is there from Python 3.12 on; a record from a queue may bring it to an older one. The others are
# set by formatters, or by us.
_LATER = ("taskName", "asctime", _MEMORY, EXEMPT)

STANDARD_ATTRIBUTES = frozenset((*logging.LogRecord("", 0, "", 0, "", (), None).__dict__, *_LATER, "message"))
"""Attributes that `logging` owns, and our memory: never a user's field."""

# What a record may have and most do not, and what is an extra only if it is plain data.
_SELDOM = (*_LATER, "message", "request")

_SHOWN = (
    "created", "levelname", "name", "msg", "args", "pathname", "lineno", "funcName", "process", "threadName",
    "exc_info", "exc_text", "stack_info",
)  # fmt: skip

_HAS_TASK_NAME = sys.version_info >= (3, 12)

_NOT_SCANNED = (None, b"")

Parts: TypeAlias = tuple[bytes, bytes, bytes]
"""Of a line as `encoding.filled` writes it: the call site's template, the message, and the further fields."""


class Memory:
    """What we know about one record. Not copied into a pickle: another process need not have this package.

    `made` is the line, its schema, the attributes it was made of and, if they stand in it as they are, its parts;
    one tuple, because `copy.copy` gives a copy of the record, which another thread may be encoding, the same memory.
    `clean` is the scan that found the line beside it clean. `template` is there of a record whose message is
    formatted already: what it was before.
    """

    # Unset until known: an __init__ that sets them would cost as much as the rest of a log call's bookkeeping.
    __slots__ = ("clean", "decisions", "made", "template")

    decisions: dict[str, Any]
    template: Any
    made: tuple[bytes, str, dict[str, Any], Parts | None]
    clean: tuple[object, bytes]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        return dict, ()


def _memory(record: logging.LogRecord) -> Memory:
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is not Memory:
        memory = record.__dict__[_MEMORY] = Memory()
    return memory


def attribute_name(field: str) -> str:
    """Return the attribute a field may have on a record: its own name, or one with `_` behind it if that is taken."""
    return f"{field}_" if field in STANDARD_ATTRIBUTES else field


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was added to the record beyond what `logging` puts there: extra fields and context.

    `request`, which Django attaches to some records, is left out unless it is plain data: it holds the whole
    request, and writing it down would read from it.
    """
    fields = record.__dict__.copy()
    try:
        # Written out: copying a dict and this cost half of what a comprehension over all attributes costs.
        del fields["name"], fields["msg"], fields["args"], fields["levelname"], fields["levelno"]
        del fields["pathname"], fields["filename"], fields["module"], fields["exc_info"], fields["exc_text"]
        del fields["stack_info"], fields["lineno"], fields["funcName"], fields["created"], fields["msecs"]
        del fields["relativeCreated"], fields["thread"], fields["threadName"], fields["processName"]
        del fields["process"]
        if _HAS_TASK_NAME:
            del fields["taskName"]
    except KeyError:
        # Somebody took an attribute of logging's away, or brought the record from another Python.
        return _extras_of(record.__dict__)
    if not fields.keys().isdisjoint(_SELDOM):
        for name in _SELDOM:
            if name in fields and not _is_extra(name, fields[name]):
                del fields[name]
    return fields


def _extras_of(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if _is_extra(name, value)}


def merged(own: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
    """Return fields of ours with extras behind them; `own` may be used up.

    An extra with the name of one of ours is written under that name with `_` behind it: no field can pose as ours.
    """
    if own.keys().isdisjoint(extras):
        return own | extras
    for name, value in extras.items():
        while name in own:
            name = f"{name}_"  # until nobody has it
        own[name] = value
    return own


def _is_extra(key: str, value: object) -> bool:
    if key == "request":
        # The type, not isinstance: that asks a lazy object for its class, which makes it look itself up.
        return issubclass(type(value), (str, int, float, dict, list, tuple, type(None)))
    return key not in STANDARD_ATTRIBUTES


def once(record: logging.LogRecord, question: str, decide: Callable[[logging.LogRecord], Decision]) -> Decision:
    """Return the decision about this record, taken at the first asking, whichever handler asks."""
    memory = _memory(record)
    decisions = getattr(memory, "decisions", None)  # an AttributeError to catch would cost three times as much
    if decisions is None:
        decisions = memory.decisions = {}
    if question not in decisions:
        decisions[question] = decide(record)
    answer: Decision = decisions[question]
    return answer


def exempt(record: logging.LogRecord) -> None:
    """Have whatever thins out records keep this one: a person asked for it, or the failure that it explains."""
    record.__dict__[EXEMPT] = True


def is_exempt(record: logging.LogRecord) -> bool:
    """Tell whether `exempt` was said of the record."""
    return EXEMPT in record.__dict__


def remember_line(record: logging.LogRecord, schema: str, line: bytes, parts: Parts | None = None) -> None:
    """Keep the record's encoded line for the next handler, with its parts if they stand in it as they are."""
    attributes = record.__dict__
    memory = attributes.get(_MEMORY)
    if type(memory) is not Memory:
        memory = attributes[_MEMORY] = Memory()
    then = attributes.copy()
    then[_MEMORY] = None  # no circle: a record is to be gone as soon as nobody holds it
    memory.clean = _NOT_SCANNED
    memory.made = (line, schema, then, parts)


def kept_line(record: logging.LogRecord) -> bytes | None:
    """Return the line that was kept, whatever has happened since; for who knows that nothing has. In our spelling."""
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is not Memory or not hasattr(memory, "made"):
        return None
    line, schema, _, _ = memory.made
    return line if schema == "aura" else None


def kept(record: logging.LogRecord) -> Memory | None:
    """Return what is known about the record, if a line is: `made` and `clean` are there."""
    memory = record.__dict__.get(_MEMORY)
    return memory if type(memory) is Memory and hasattr(memory, "made") else None


def line_of(record: logging.LogRecord, schema: str) -> bytes | None:
    """Return the line that was kept, unless an attribute that it shows was set, added or removed since.

    A change inside a dict or list that hangs on the record is not seen; whoever makes one calls `forget_line`.
    """
    now = record.__dict__
    memory = now.get(_MEMORY)
    if memory is None or type(memory) is not Memory or not hasattr(memory, "made"):
        return None
    line, of_schema, then, _ = memory.made
    if of_schema != schema:
        return None
    # By identity: an equal value may read differently (1 and True), and asking is the user's code. Our memory alone is
    # another. As two lists the names are compared in half the time that it takes as keys.
    if [*now] == [*then] and sum(map(is_, now.values(), then.values())) == len(then) - 1:
        return line
    return line if _shows_the_same(now, then) else None


def _shows_the_same(now: dict[str, Any], then: dict[str, Any]) -> bool:
    """Tell whether attributes differ at most in what no line shows, such as a formatter's `message`, or in order."""
    if not all(map(is_, _shown(now), _shown(then))):
        return False
    extras, before = _extras_of(now), _extras_of(then)
    return extras.keys() == before.keys() and all(value is before[name] for name, value in extras.items())


def _shown(attributes: dict[str, Any]) -> tuple[object, ...]:
    """Return the attributes of `logging`'s that a line shows."""
    return tuple(attributes.get(name, attributes) for name in _SHOWN)


def forget_line(record: logging.LogRecord) -> None:
    """Have the record encoded anew at the next asking."""
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is Memory and hasattr(memory, "made"):
        del memory.made


def detach(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy that another thread may format later; never raises.

    The message is formatted now, while its arguments are what they were; the traceback becomes text, so that
    no frame is kept alive; `request` is left behind. Extra fields go along as they are: they may be any object.
    """
    copy = logging.makeLogRecord({})
    attributes = copy.__dict__
    attributes.update(record.__dict__)
    attributes.pop(_MEMORY, None)
    attributes.pop("request", None)
    template = template_of(record)
    if record.args or template is not record.msg:
        _memory(copy).template = template
    message = message_of(record)
    attributes.update(msg=message, message=message, args=None)
    if record.exc_info:
        if not record.exc_text:
            attributes["exc_text"] = _formatted(record.exc_info)
        # A later formatter reads exc_text; the type alone keeps no frame alive.
        attributes["exc_info"] = None
        attributes["exception_type"] = exception_type(record)
    return copy


def message_of(record: logging.LogRecord) -> str:
    """Return the record's message; of one whose arguments do not fit, both and what was wrong."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # any argument's __str__ may raise anything
        return describe_bad_message(record, error)


def template_of(record: logging.LogRecord) -> object:
    """Return what the log call gave as message, without its arguments; also of a detached record."""
    return getattr(record.__dict__.get(_MEMORY), "template", record.msg)


def _formatted(info: Any) -> str:
    try:
        return logging.Formatter().formatException(info)
    except Exception as error:  # noqa: BLE001  # an exception's methods are the user's code
        return f"<its traceback raised {type(error).__name__}>"


def exception_type(record: logging.LogRecord) -> str | None:
    """Return the name of the class of the record's exception."""
    return type_name(record.exc_info)


def type_name(exc_info: object) -> str | None:
    """Return the name of the class of an exception, of what `sys.exc_info` returns; `None` of anything else."""
    if not exc_info or not isinstance(exc_info, tuple) or exc_info[0] is None:
        return None
    kind = exc_info[0]
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

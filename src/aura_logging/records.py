"""Know what is inside a LogRecord, so that nothing else has to.

What we remember about a record (its encoded line, decisions taken once) lies in one attribute, `_aura`. The
leading underscore keeps it out of the lines of other packages' JSON formatters.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from itertools import repeat
from operator import is_
from typing import Any, TypeVar

__all__ = [
    "STANDARD_ATTRIBUTES",
    "Prototypes",
    "attribute_name",
    "detach",
    "exempt",
    "extras",
    "forget_line",
    "is_exempt",
    "kept_line",
    "line_of",
    "merged",
    "message_of",
    "once",
    "remember_line",
    "template_of",
]

Decision = TypeVar("Decision")

_MEMORY = "_aura"

# `taskName` is there from Python 3.12 on; a record from a queue may bring it to an older one. The others are
# set by formatters, or by us.
_LATER = ("taskName", "asctime", _MEMORY)

STANDARD_ATTRIBUTES = frozenset((*logging.LogRecord("", 0, "", 0, "", (), None).__dict__, *_LATER, "message"))
"""Attributes that `logging` owns, and our memory: never a user's field."""

# What a record may have and most do not, and what is an extra only if it is plain data.
_SELDOM = (*_LATER, "message", "request")

_HAS_TASK_NAME = sys.version_info >= (3, 12)

_ABSENT = object()

_EXEMPTION = "exempt"


class _Memory:
    """What we know about one record. Not copied into a pickle: another process need not have this package."""

    # Unset until known: an __init__ that sets them would cost as much as the rest of a log call's bookkeeping.
    __slots__ = ("decisions", "made", "template")

    decisions: dict[str, Any]
    # Of a record whose message is formatted already: what it was before.
    template: Any
    # The line, its schema, and what it was made of; one tuple, because `copy.copy` gives a copy of the record, which
    # another thread may be encoding, the same memory.
    made: tuple[bytes, str, Mapping[str, Any], tuple[object, ...]]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        return dict, ()


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
        return {name: value for name, value in record.__dict__.items() if _is_extra(name, value)}
    if not fields.keys().isdisjoint(_SELDOM):
        for name in _SELDOM:
            if name in fields and not _is_extra(name, fields[name]):
                del fields[name]
    return fields


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


exempting = False
"""Whether `exempt` was ever said in this process: until then nobody on a hot path need ask."""


def exempt(record: logging.LogRecord) -> None:
    """Have whatever thins out records keep this one: a person asked for it, or the failure that it explains."""
    global exempting
    exempting = True
    once(record, _EXEMPTION, lambda _: True)


def is_exempt(record: logging.LogRecord) -> bool:
    """Tell whether `exempt` was said of the record."""
    memory = record.__dict__.get(_MEMORY)
    return type(memory) is _Memory and _EXEMPTION in getattr(memory, "decisions", ())


def remember_line(record: logging.LogRecord, schema: str, line: bytes, extras: Mapping[str, Any]) -> None:
    """Keep the record's encoded line, and the `extras` it was made of, for the next handler.

    The mapping itself is kept, so it must not change any more.
    """
    attributes = record.__dict__
    memory = attributes.get(_MEMORY)
    if type(memory) is not _Memory:
        memory = attributes[_MEMORY] = _Memory()
    memory.made = (line, schema, extras, _shown(record))


def kept_line(record: logging.LogRecord, schema: str) -> bytes | None:
    """Return the line that was kept, whatever has happened since; for who knows that nothing has."""
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is not _Memory or not hasattr(memory, "made") or memory.made[1] != schema:
        return None
    return memory.made[0]


def line_of(record: logging.LogRecord, schema: str) -> bytes | None:
    """Return the line that was kept, unless an attribute that it shows was set, added or removed since.

    A change inside a dict or list that hangs on the record is not seen; whoever makes one calls `forget_line`.
    """
    memory = record.__dict__.get(_MEMORY)
    if memory is None or type(memory) is not _Memory or not hasattr(memory, "made"):
        return None
    line, of_schema, then, shown = memory.made
    # By identity: an equal value may read differently (1 and True), and asking is the user's code.
    if of_schema != schema or not all(map(is_, shown, _shown(record))):
        return None
    now = extras(record)
    if len(now) == len(then) and all(map(is_, map(then.get, now, repeat(_ABSENT)), now.values())):
        return line
    return None


def _shown(record: logging.LogRecord) -> tuple[object, ...]:
    """Return the attributes of `logging`'s that a line shows."""
    return (
        record.created, record.levelname, record.name, record.msg, record.args, record.pathname, record.lineno,
        record.funcName, record.process, record.threadName, record.exc_info, record.exc_text, record.stack_info,
    )  # fmt: skip


def forget_line(record: logging.LogRecord) -> None:
    """Have the record encoded anew at the next asking."""
    memory = record.__dict__.get(_MEMORY)
    if type(memory) is _Memory and hasattr(memory, "made"):
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

"""Turn a record into one line of JSON, once, whatever the record holds.

The fast way is one `orjson.dumps` of a flat dict. What that refuses (lone surrogates, cycles, integers beyond
64 bits, keys that are not strings) or what comes out too long or too deep takes the slow way, which bounds
every value and leaves a marker that says what was cut. Both ways end in valid UTF-8 JSON with no line break
and no control character in it, so no value can forge a line or drive a terminal.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

import orjson

from aura_logging import records
from aura_logging.schema import Spelling, spelling

__all__ = ["MAX_DEPTH", "MAX_LINE_BYTES", "decode", "encode", "exception_text", "message_of", "plain_text", "timestamp"]

MAX_LINE_BYTES = 65_536
"""A longer line is cut. Half of what Fluent Bit's and a quarter of what Vector's readers take by default."""

MAX_DEPTH = 12
"""Deeper nesting is cut. Elasticsearch refuses a document beyond 20 levels; real log lines use three."""

_MAX_TRACEBACK = 32_768
_OBJECT_TEXT = 4_096

# Each round leaves less of every text and container until the line fits.
_ROUNDS = ((16_384, 1_000), (2_048, 100), (256, 20))

# Text that JSON may carry raw but that a terminal obeys (C1 controls), a reader splits lines at (NEL, U+2028,
# U+2029) or that makes text read in another order than it stands in (bidirectional overrides).
_TREACHEROUS = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")

_PLAIN_TYPES = (str, int, float, bool, type(None))


def encode(record: logging.LogRecord, schema: str = "aura") -> bytes:
    """Return the record as one line of JSON, newline included, in UTF-8; never raises.

    The line is kept on the record, so that the next handler, and the privacy scan, get these very bytes; it is
    made anew when an attribute of the record has changed. At most `MAX_LINE_BYTES` long and `MAX_DEPTH` deep.
    `ValueError` for an unknown schema is the only error, and comes from `aura_logging.schema`.
    """
    kept = records.line_of(record, schema)
    if kept is not None:
        return kept
    fields = records.with_extras(_own_fields(record), record)
    line = _encode(fields if schema == "aura" else _respelled(fields, spelling(schema)))
    records.remember_line(record, schema, line, fields)
    return line


def decode(line: bytes, schema: str = "aura") -> logging.LogRecord:
    """Make a record from a line that `encode` wrote, for a handler that wants records.

    The message is filled in, the traceback is text, the other fields are attributes. `ValueError` for a line
    that is not a JSON object.
    """
    fields = orjson.loads(line)
    if not isinstance(fields, dict):
        raise ValueError(f"not a JSON object: {line[:40]!r}")  # noqa: TRY004  # what json itself raises
    if schema != "aura":
        ours = {name: own for own, name in spelling(schema).names.items()}
        fields = {ours.get(name, name): value for name, value in fields.items()}
    level = str(fields.pop("level", "NOTSET"))
    record = logging.makeLogRecord(
        {
            "name": fields.pop("logger", "root"),
            "levelname": level,
            "levelno": logging.getLevelNamesMapping().get(level, logging.INFO),
            "msg": fields.pop("message", ""),
            "args": None,
            "pathname": fields.pop("file", ""),
            "lineno": fields.pop("line", 0),
            "funcName": fields.pop("function", None),
            "process": fields.pop("pid", None),
            "threadName": fields.pop("thread_name", None),
            "exc_text": fields.pop("exception", None),
            "stack_info": fields.pop("stack", None),
        }
    )
    written = fields.pop("timestamp", None)
    try:
        record.created = datetime.fromisoformat(str(written)).timestamp()
    except ValueError:
        record.logged_at = written  # a time out of the calendar's range is written as a bare number
    record.msecs = record.created % 1 * 1_000
    record.__dict__.update({records.attribute_name(name): value for name, value in fields.items()})
    return record


def _encode(fields: dict[str, Any]) -> bytes:
    try:
        line: bytes = orjson.dumps(fields, _plain, orjson.OPT_APPEND_NEWLINE)
    except Exception:  # noqa: BLE001  # whatever it was, the slow way writes the record down
        return _encode_bounded(fields)
    if len(line) > MAX_LINE_BYTES:
        return _encode_bounded(fields)
    # Looking for any nesting costs half of counting it, and most lines have none.
    if (line.find(b"{", 1) >= 0 or line.find(b"[") >= 0) and line.count(b"{") + line.count(b"[") > MAX_DEPTH:
        return _encode_bounded(fields)
    return line if line.isascii() else _TREACHEROUS.sub(_escaped, line)


def _own_fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "timestamp": timestamp(record.created),
        "level": record.levelname,
        "logger": record.name,
        "message": message_of(record),
        "file": record.pathname,
        "line": record.lineno,
        "function": record.funcName,
        "pid": record.process,
        "thread_name": record.threadName,
    }
    if record.exc_info or record.exc_text:
        _add_exception(fields, record)
    if record.stack_info:
        fields["stack"] = record.stack_info
    return fields


def _respelled(fields: Mapping[str, Any], spelled: Spelling) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for ours, value in fields.items():
        convert = spelled.conversions.get(ours)
        name = spelled.name(ours)
        line[f"{name}_" if name in line else name] = (
            convert(value) if convert and isinstance(value, (int, float)) else value
        )
    return line


_cached_second: tuple[int, str] = (-1, "")


def timestamp(seconds: float) -> str:
    """Return wall time in seconds since the epoch as `2026-11-23T05:32:16.123456Z`.

    The part down to the second is kept from call to call: formatting it anew is most of the cost.
    """
    global _cached_second
    whole = int(seconds)
    second, text = _cached_second
    if whole != second:
        try:
            text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole))
        except (ValueError, OverflowError, OSError):
            return repr(seconds)
        _cached_second = (whole, text)
    return "%s%06dZ" % (text, (seconds - whole) * 1_000_000)  # noqa: UP031  # a third cheaper than an f-string


def message_of(record: logging.LogRecord) -> str:
    """Return the record's message; where its arguments do not fit the template, both and the reason."""
    try:
        if type(record.msg) is str:
            # What getMessage does, without its call: this is the path of almost every record.
            return record.msg % record.args if record.args else record.msg
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # any argument's __str__ may raise anything
        return records.describe_bad_message(record, error)


ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def exception_text(info: ExcInfo) -> str:
    """Return the traceback with causes, contexts, groups and notes; never raises.

    Of one too long the middle is cut: the first frames tell who called, the last lines what broke.
    """
    try:
        text = "".join(traceback.format_exception(*info)).rstrip("\n")
    except Exception as error:  # noqa: BLE001  # __str__, __notes__ and __cause__ are the user's code
        return f"<{getattr(info[0], '__name__', info[0])}: its traceback raised {type(error).__name__}>"
    if len(text) > _MAX_TRACEBACK:
        half = _MAX_TRACEBACK // 2
        text = f"{text[:half]}\n{_cut(len(text) - 2 * half)}\n{text[-half:]}"
    return text


def _add_exception(fields: dict[str, Any], record: logging.LogRecord) -> None:
    info = record.exc_info
    if isinstance(info, tuple) and info[0] is not None:
        fields["exception_type"] = records.exception_type(record)
        # exc_text may have been made where the traceback still was, or scrubbed: it wins.
        fields["exception"] = record.exc_text or exception_text(info)
    elif record.exc_text:
        fields["exception"] = record.exc_text


def _plain(value: object) -> object:
    """Give `orjson` something it can write for an object of a type that it does not know."""
    if isinstance(value, (set, frozenset, Mapping)):
        return dict(value) if isinstance(value, Mapping) else list(value)
    return plain_text(value)


def plain_text(value: object) -> str:
    """Return an object's text; never raises, and never makes it ask a database for it."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[:_OBJECT_TEXT]).decode("utf-8", "backslashreplace")
    if _is_unread(value):
        return f"<{type(value).__name__}: not evaluated>"
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001  # the user's __str__
        return f"<{type(value).__name__}: str() raised {type(error).__name__}>"
    return text if len(text) <= _OBJECT_TEXT else text[:_OBJECT_TEXT] + _cut(len(text) - _OBJECT_TEXT)


def _is_unread(value: object) -> bool:
    """Tell a query that has not run or a lazy object that has not been looked at: writing it down would run it.

    Known by shape, for this room does not import Django: a QuerySet without `_result_cache`, a LazyObject
    whose `_wrapped` is still the bare `object()` that stands for "empty".
    """
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return False
    if "_result_cache" in attributes:
        return attributes["_result_cache"] is None
    return "_setupfunc" in attributes and type(attributes.get("_wrapped")) is object


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode())


def _cut(characters: int) -> str:
    return f"… [{characters:,} characters cut]"


def _encode_bounded(fields: Mapping[str, Any]) -> bytes:
    line = b""
    for max_text, max_items in _ROUNDS:
        bounds = _Bounds(max_text, max_items)
        line = orjson.dumps(bounds.mapping(fields, 0), None, orjson.OPT_APPEND_NEWLINE)
        line = _TREACHEROUS.sub(_escaped, line)
        if len(line) <= MAX_LINE_BYTES:
            return line
    # Thousands of fields, each small: keep those that come first, ours among them.
    kept = dict(list(bounds.mapping(fields, 0).items())[: _ROUNDS[-1][1]])
    kept["truncated"] = f"{len(fields) - len(kept):,} fields cut"
    return _TREACHEROUS.sub(_escaped, orjson.dumps(kept, None, orjson.OPT_APPEND_NEWLINE))


@dataclass(slots=True)
class _Bounds:
    """Copy any value as plain JSON data within limits, leaving a marker where something was cut."""

    max_text: int
    max_items: int
    _above: set[int] = field(default_factory=set)

    def value(self, value: object, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, _PLAIN_TYPES):
            if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
                return self.text(_digits(value))
            return value
        if isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return self.container(value, depth)
        try:
            return orjson.loads(orjson.dumps(value))
        except Exception:  # noqa: BLE001  # not one of the types that orjson knows
            return self.text(plain_text(value))

    def text(self, text: str) -> str:
        if len(text) > self.max_text:
            text = text[: self.max_text] + _cut(len(text) - self.max_text)
        # Half of a surrogate pair is no character; show which half it was.
        return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else str(text)

    def container(self, value: Any, depth: int) -> Any:
        if id(value) in self._above:
            return "[cycle]"
        if depth >= MAX_DEPTH:
            return f"[cut: nested deeper than {MAX_DEPTH}]"
        self._above.add(id(value))
        try:
            return self.mapping(value, depth) if isinstance(value, Mapping) else self.items(value, depth)
        except Exception as error:  # noqa: BLE001  # a Mapping's methods may be the user's code
            return f"<{type(value).__name__}: reading it raised {type(error).__name__}>"
        finally:
            self._above.discard(id(value))

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for number, (key, inner) in enumerate(value.items()):
            if number >= self.max_items:
                kept["…"] = f"{len(value) - number:,} more cut"
                break
            kept[self.text(key if isinstance(key, str) else plain_text(key))] = self.value(inner, depth + 1)
        return kept

    def items(self, value: Any, depth: int) -> list[Any]:
        kept = []
        for number, inner in enumerate(value):
            if number >= self.max_items:
                kept.append(f"… {len(value) - number:,} more cut")
                break
            kept.append(self.value(inner, depth + 1))
        return kept


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python converts
        return f"<int of {number.bit_length():,} bits>"

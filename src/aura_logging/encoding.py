"""Turn a record into one line of JSON, once, whatever the record holds.

The fast way is one `orjson.dumps` of a flat dict, or of that part of it which is not the same on every line from
one place. What that refuses (lone surrogates, cycles, integers beyond 64 bits, keys that are not strings) or what
comes out too long or too deep takes the slow way, which bounds every value and leaves a marker that says what was
cut. All end in valid UTF-8 JSON with no line break and no control character in it, so no value can forge a line or
drive a terminal.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import orjson

from aura_logging import records
from aura_logging.call_sites import OWN_NAMES, CallSites
from aura_logging.levels import level_number
from aura_logging.plain_data import MAX_DEPTH, MAX_LINE_BYTES, bounded_line, cut_marker, inert, plain, plain_text
from aura_logging.schema import FIELDS, Spelling, spelling

__all__ = [
    "decode",
    "encode",
    "exception_text",
    "filled",
    "json_fields",
    "message_of",
    "timestamp",
]

_MAX_TRACEBACK = 32_768

_OURS = frozenset(name for field in FIELDS for name in (field.name, field.ecs, field.otel))


def encode(record: logging.LogRecord, schema: str = "aura") -> bytes:
    """Return the record as one line of JSON, newline included, in UTF-8; never raises.

    The line is kept on the record, so that the next handler, and the privacy scan, get these very bytes; it is
    made anew when an attribute of the record has changed. At most `MAX_LINE_BYTES` long and `MAX_DEPTH` deep.
    `ValueError` for an unknown schema is the only error, and comes from `aura_logging.schema`.
    """
    try:
        kept = records.line_of(record, schema)
        if kept is not None:
            return kept
        extras = records.extras(record)
        line, parts = _filled_template(record, extras) if schema == "aura" else _NOT_FILLED
        if line is None:
            fields = records.merged(_own_fields(record), extras)
            line = _encode(fields if schema == "aura" else _respelled(fields, spelling(schema)))
        records.remember_line(record, schema, line, parts)
    except Exception as error:  # noqa: BLE001  # a filter may take anything from a record, or put anything there
        records.forget_line(record)  # an older one, of when it was whole
        return _encode_remains(record, spelling(schema), error)
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
        fields = spelling(schema).ours(fields)
    level = str(fields.pop("level", "NOTSET"))
    number = level_number(level)
    record = logging.makeLogRecord(
        {
            "name": fields.pop("logger", "root"),
            "levelname": level,
            "levelno": logging.INFO if number is None else number,
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
    written = fields.pop("timestamp", "")
    try:
        # The nearest float may lie just below the microsecond that is meant, and `timestamp` cuts.
        record.created = datetime.fromisoformat(str(written)).timestamp() + 0.000_000_3
    except (ValueError, OverflowError):
        record.logged_at = written  # a time out of the calendar's range is written as a bare number
    record.msecs = record.created % 1 * 1_000
    record.__dict__.update({records.attribute_name(name): value for name, value in fields.items()})
    return record


def _encode(fields: dict[str, Any]) -> bytes:
    try:
        line: bytes = orjson.dumps(fields, plain, orjson.OPT_APPEND_NEWLINE)
    except Exception:  # noqa: BLE001  # whatever it was, the slow way writes the record down
        return bounded_line(fields, _OURS)
    if len(line) > MAX_LINE_BYTES:
        return bounded_line(fields, _OURS)
    # Looking for any nesting costs half of counting it, and most lines have none.
    if (line.find(b"{", 1) >= 0 or line.find(b"[") >= 0) and line.count(b"{") + line.count(b"[") > MAX_DEPTH:
        return bounded_line(fields, _OURS)
    # A byte is looked for ten times faster as a number.
    return line if line.isascii() and 0x7F not in line else inert(line)


_call_sites = CallSites()

# A name of this module is found in one step, one of orjson's in two.
_dumps = orjson.dumps
_WITH_NEWLINE = orjson.OPT_APPEND_NEWLINE


_NOT_FILLED: tuple[None, None] = (None, None)


def _filled_template(
    record: logging.LogRecord, extras: dict[str, Any]
) -> tuple[bytes, records.Parts | None] | tuple[None, None]:
    """Return what `_encode` makes of an ordinary record, and its parts; no line of one that takes more than a template.

    The hot path, straight-line: a template of all that a call site repeats spares merging our fields with the
    extras and writing them anew, a fifth of what encoding costs (see benchmarks/log_call.py).
    """
    if record.exc_info or record.exc_text or record.stack_info or not extras or not OWN_NAMES.isdisjoint(extras):
        return _NOT_FILLED
    try:
        msg = record.msg
        message = _dumps((msg % record.args if record.args else msg) if type(msg) is str else message_of(record))
        fields = _dumps(extras, plain, _WITH_NEWLINE)
        template = _call_sites.template(record)
        line = filled(template, record.created, message, fields)
    except Exception:  # noqa: BLE001  # whatever it was, the other way finds out and copes
        return _NOT_FILLED
    if line is None:
        return _NOT_FILLED
    # Where something is escaped, the parts are not in the line as they are.
    return line, (template, message, fields) if line.isascii() else None


def filled(template: bytes, created: float, message: bytes, fields: bytes) -> bytes | None:
    """Return a call site's template as a line; `None` where it takes more than a template.

    `message` is JSON, `fields` a JSON object with a newline behind it.
    """
    global _cached_second
    whole = int(created)
    second, text = _cached_second
    if whole != second:
        if not 0 < whole < _YEAR_10000:
            return None
        text = _to_the_second(whole)
        _cached_second = (whole, text)
    rest = fields[1:]
    # A float would be written at twice the cost of the whole template.
    line = template % (text, int((created - whole) * 1_000_000), message, rest)
    if len(line) > MAX_LINE_BYTES:
        return None
    # A byte is looked for ten times faster as a number.
    if (0x7B in rest or 0x5B in rest) and fields.count(b"{") + fields.count(b"[") > MAX_DEPTH:
        return None
    return line if line.isascii() and 0x7F not in line else inert(line)


def json_fields(values: Mapping[str, Any]) -> bytes:
    """Return fields as the JSON object, newline behind it, that `filled` takes; raises what `orjson` does."""
    return _dumps(values, plain, _WITH_NEWLINE)


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


def _encode_remains(record: logging.LogRecord, spelled: Spelling, error: Exception) -> bytes:
    """Write down what is left of a record that is not whole, and what was wrong with it."""
    left = record.__dict__
    fields = {
        "timestamp": timestamp(left.get("created", float("nan"))),
        "level": left.get("levelname"),
        "logger": left.get("name"),
        "message": left.get("msg"),
        "correlation_id": left.get("correlation_id"),
        "encoding_error": f"{type(error).__name__}: {plain_text(error)}",
    }
    return bounded_line(_respelled(fields, spelled), _OURS)


def _respelled(fields: Mapping[str, Any], spelled: Spelling) -> dict[str, Any]:
    taken = {spelled.name(ours) for ours in fields if ours in spelled.names}
    line: dict[str, Any] = {}
    for ours, value in fields.items():
        name = spelled.name(ours)
        if ours not in spelled.names:
            # No field can pose as one of ours in this spelling either.
            while name in taken or name in line:
                name = f"{name}_"
        line[name] = spelled.value(ours, value)
    return line


_YEAR_10000 = 253_402_300_800
_cached_second: tuple[int | None, bytes] = (None, b"")


def timestamp(seconds: float) -> str:
    """Return wall time in seconds since the epoch as `2026-11-23T05:32:16.123456Z`.

    The part down to the second is kept from call to call: formatting it anew is most of the cost. What is no time
    from 1970 to 9999 is returned as its text.
    """
    global _cached_second
    try:
        whole = int(seconds)
        second, text = _cached_second
        if whole != second:
            if not 0 < whole < _YEAR_10000:
                return plain_text(seconds)
            text = _to_the_second(whole)
            _cached_second = (whole, text)
    except Exception:  # noqa: BLE001  # `created` may be anything that a record was unpickled with
        return plain_text(seconds)
    return (b"%b%06dZ" % (text, (seconds - whole) * 1_000_000)).decode()


def _to_the_second(whole: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole)).encode()


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
        text = f"{text[:half]}\n{cut_marker(len(text) - 2 * half)}\n{text[-half:]}"
    return text


def _add_exception(fields: dict[str, Any], record: logging.LogRecord) -> None:
    info = record.exc_info
    if isinstance(info, tuple) and info[0] is not None:
        fields["exception_type"] = records.exception_type(record)
        # exc_text may have been made where the traceback still was, or scrubbed: it wins.
        fields["exception"] = record.exc_text or exception_text(info)
    elif record.exc_text:
        fields["exception"] = record.exc_text

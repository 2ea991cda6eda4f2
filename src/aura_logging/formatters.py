"""Write a record as JSON for machines or as one coloured line for people."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial

from aura_logging import encoding, records
from aura_logging.plain_data import plain_text
from aura_logging.schema import spelling

__all__ = ["ConsoleFormatter", "JsonFormatter"]


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in our spelling, ECS's or OpenTelemetry's.

    `schema` is `"aura"`, `"ecs"` or `"otel"`; `ValueError` for another. Whatever the record holds, `format`
    returns valid JSON without a line break and never raises; see `aura_logging.encoding` for the bounds.
    """

    def __init__(self, schema: str = "aura") -> None:
        super().__init__()
        spelling(schema)
        self.schema = schema

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its line break."""
        return encoding.encode(record, self.schema)[:-1].decode()

    def encode(self, record: logging.LogRecord) -> bytes:
        """Return the line as bytes, line break included: what is written to a file."""
        return encoding.encode(record, self.schema)

    def line_encoder(self) -> Callable[[logging.LogRecord], bytes] | None:
        """Return what `encode` comes to, for a hot path: it never raises and returns whole lines.

        `None` in a subclass, which may encode otherwise.
        """
        if type(self) is not JsonFormatter:
            return None
        return encoding.encode if self.schema == "aura" else partial(encoding.encode, schema=self.schema)


_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_COLOURS = {
    "DEBUG": "\x1b[36m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
}

# C0 and C1 controls, line and paragraph separators, all bidirectional controls, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a value might end and a field of its own making begin.
_AMBIGUOUS = re.compile('[\\s="]')
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}

# On every line of one service; a person at a terminal knows them already.
_AMBIENT = frozenset(
    {
        "service_name",
        "environment",
        "version",
        "memory_percent",
        "cpu_percent",
        "system_load",
        "trace_id",
        "span_id",
        "parent_span_id",
        "user_agent",
        "stream",
        "seq",
    }
)


class ConsoleFormatter(logging.Formatter):
    """One readable line a record: time, level, logger, message, then the fields; a traceback is indented below.

    `color` is `True`, `False`, or `None`: then standard error must be a terminal, `NO_COLOR` unset or empty
    (no-color.org) and `TERM` not `dumb`. `hide` names fields that are left out, by default those that are the
    same on every line. Control characters are shown as escapes, so that no value starts a line of its own or
    drives the terminal.
    """

    def __init__(
        self,
        color: bool | None = None,
        hide: frozenset[str] | tuple[str, ...] | list[str] = _AMBIENT,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__()
        self._color = _wants_color(environ) if color is None else color
        self._hidden = frozenset(hide)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text without a trailing line break; never raises."""
        try:
            return self._format(record)
        except Exception:  # noqa: BLE001  # a filter may take anything from a record, or put anything there
            return escape(encoding.encode(record).decode().rstrip())

    def _format(self, record: logging.LogRecord) -> str:
        level = f"{escape(record.levelname):<8}"
        time = encoding.timestamp(record.created)[11:23]
        message = escape(encoding.message_of(record))
        fields = " ".join(
            f"{_value(name)}={_value(value)}"
            for name, value in records.extras(record).items()
            if value is not None and name not in self._hidden
        )
        logger = escape(record.name)
        if self._color:
            colour = _COLOURS.get(record.levelname, "")
            head = f"{_DIM}{time}{_RESET} {colour}{level}{_RESET} {_DIM}{logger}{_RESET} {_BOLD}{message}{_RESET}"
            text = f"{head} {_DIM}{fields}{_RESET}" if fields else head
        else:
            text = f"{time} {level} {logger} {message}" + (f" {fields}" if fields else "")
        for below in (_exception(record), record.stack_info):
            if below:
                text += "\n" + "\n".join(f"    {escape(line)}" for line in below.split("\n"))
        return text

    def encode(self, record: logging.LogRecord) -> bytes:
        """Return the text as bytes, line break included."""
        return self.format(record).encode() + b"\n"


def escape(text: str) -> str:
    r"""Show control characters instead of sending them: `\n`, `\e`, `\x07`, `\u2028`."""
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub(_name, text)


def _name(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _NAMES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _value(value: object) -> str:
    if type(value) is float and abs(value) < 10_000:
        return f"{value:.4g}"
    text = escape(plain_text(value))
    if text and not _AMBIGUOUS.search(text):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _exception(record: logging.LogRecord) -> str | None:
    if record.exc_text:
        return record.exc_text
    info = record.exc_info
    return encoding.exception_text(info) if isinstance(info, tuple) and info[0] is not None else None


def _wants_color(environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # no standard error, or a closed one
        return False

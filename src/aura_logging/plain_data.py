"""Make plain JSON data of any value, within bounds, with a marker wherever something was cut; never raise.

And know which characters may stand in a line as they are: none that forges a line or drives a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

__all__ = ["MAX_DEPTH", "MAX_LINE_BYTES", "bounded_line", "cut_marker", "inert", "plain", "plain_text"]

MAX_LINE_BYTES = 65_536
"""A longer line is cut. Half of what Fluent Bit's and a quarter of what Vector's readers take by default."""

MAX_DEPTH = 12
"""Deeper nesting is cut. Elasticsearch refuses a document beyond 20 levels; real log lines use three."""

_OBJECT_TEXT = 4_096

# Characters of a text, items of a container, and characters of a line: each round leaves less until the line fits.
# The first cuts only what could not fit. After the last it does: a character takes at most 7 bytes.
_ROUNDS = (
    (MAX_LINE_BYTES, MAX_LINE_BYTES, MAX_LINE_BYTES),
    (16_384, 1_000, MAX_LINE_BYTES),
    (2_048, 100, MAX_LINE_BYTES // 2),
    (256, 20, MAX_LINE_BYTES // 8),
)

# Quotes, colon, comma and brackets about one value.
_PUNCTUATION = 8

# Text that JSON may carry raw but that a terminal obeys (DEL, C1 controls), a reader splits lines at (NEL, U+2028,
# U+2029) or that makes text read in another order than it stands in (all that Unicode calls Bidi_Control).
_TREACHEROUS = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")

_CONTAINERS = (Mapping, list, tuple, set, frozenset)


def inert(line: bytes) -> bytes:
    """Return JSON with every character escaped that a terminal or a reader of lines would obey."""
    return _TREACHEROUS.sub(_escaped, line)


def plain(value: object) -> object:
    """Give `orjson` something it can write for an object of a type that it does not know."""
    if issubclass(type(value), (*_CONTAINERS, float)):
        return _Bounds(*_ROUNDS[0]).value(value, 1)
    return plain_text(value)


def plain_text(value: object) -> str:
    """Return an object's text; never raises, and never makes it ask a database for it."""
    # Its type is asked, here and below, not isinstance: that asks a lazy object for its class, which evaluates it.
    try:
        if issubclass(type(value), (bytes, bytearray, memoryview)):
            return bytes(value[:_OBJECT_TEXT]).decode("utf-8", "backslashreplace")  # type: ignore[index]  # just seen
        if _is_unread(value):
            return f"<{type(value).__name__}: not evaluated>"
        text = str.__str__(str(value))  # a subclass of str may be anything
    except Exception as error:  # noqa: BLE001  # the user's __str__
        return f"<{type(value).__name__}: str() raised {type(error).__name__}>"
    return text if len(text) <= _OBJECT_TEXT else text[:_OBJECT_TEXT] + cut_marker(len(text) - _OBJECT_TEXT)


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


def cut_marker(characters: int) -> str:
    """Return what is written where text was cut."""
    return f"… [{characters:,} characters cut]"


def bounded_line(fields: Mapping[str, Any], first: Collection[str]) -> bytes:
    """Return the fields as a line of JSON of at most `MAX_LINE_BYTES`; those named `first` are the last to be cut."""
    ordered = dict(sorted(fields.items(), key=lambda item: item[0] not in first))
    line = b""
    for max_text, max_items, room in _ROUNDS:
        bounds = _Bounds(max_text, max_items, room)
        data = bounds.mapping(ordered, 0)
        if bounds.room >= 0 or room < MAX_LINE_BYTES:
            line = inert(orjson.dumps(data, None, orjson.OPT_APPEND_NEWLINE))
            if len(line) <= MAX_LINE_BYTES:
                break
    return line


@dataclass(slots=True)
class _Bounds:
    """Copy any value as plain JSON data within limits, leaving a marker where something was cut; never raises."""

    max_text: int
    max_items: int
    room: int
    _above: set[int] = field(default_factory=set)

    def value(self, value: Any, depth: int) -> Any:
        self.room -= _PUNCTUATION
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, str):
            return self.text(str.__str__(value))
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, int):
            number = int.__int__(value)
            return number if -(2**63) <= number < 2**64 else self.text(_digits(number))
        if issubclass(kind, _CONTAINERS):
            return self.container(value, depth)
        try:
            data = orjson.loads(orjson.dumps(value))
        except Exception:  # noqa: BLE001  # not one of the types that orjson knows
            return self.text(plain_text(value))
        return self.value(data, depth)

    def text(self, text: str) -> str:
        if len(text) > self.max_text:
            text = text[: self.max_text] + cut_marker(len(text) - self.max_text)
        self.room -= len(text)
        # Half of a surrogate pair is no character; show which half it was.
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

    def container(self, value: Any, depth: int) -> Any:
        if id(value) in self._above:
            return "[cycle]"
        if depth >= MAX_DEPTH:
            return f"[cut: nested deeper than {MAX_DEPTH}]"
        self._above.add(id(value))
        try:
            return self.mapping(value, depth) if issubclass(type(value), Mapping) else self.items(value, depth)
        except Exception as error:  # noqa: BLE001  # a container's methods may be the user's code
            return f"<{type(value).__name__}: reading it raised {type(error).__name__}>"
        finally:
            self._above.discard(id(value))

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        most = self.max_items if depth else MAX_LINE_BYTES  # of the record itself, as many as there is room for
        for number, (key, inner) in enumerate(value.items()):
            if number >= most or self.room <= 0:
                kept["…"] = f"{len(value) - number:,} more cut"
                break
            name = self.text(str.__str__(key) if issubclass(type(key), str) else plain_text(key))
            while name in kept:  # keys of other types may have the same text
                name = f"{name}_{number}"
            kept[name] = self.value(inner, depth + 1)
        return kept

    def items(self, value: Any, depth: int) -> list[Any]:
        kept: list[Any] = []
        for number, inner in enumerate(value):
            if number >= self.max_items or self.room <= 0:
                kept.append(f"… {len(value) - number:,} more cut")
                break
            kept.append(self.value(inner, depth + 1))
        return kept


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python converts
        return f"<int of {number.bit_length():,} bits>"

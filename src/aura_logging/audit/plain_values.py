"""Write any value as plain JSON data, always in the same way, so that equal values have equal bytes.

| value | written as |
| --- | --- |
| None, bool, text, integer of 64 bits, finite float | itself |
| integer beyond 64 bits, NaN, infinity | its text: `"18446744073709551616"`, `"nan"`, `"inf"` |
| Decimal | its text, trailing zeros kept: `"12.50"` |
| datetime, date, time | ISO 8601, with the offset it has: `"2026-11-23T05:32:16+00:00"` |
| timedelta | ISO 8601 duration in days and seconds: `"P1DT7200.5S"` |
| UUID | `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"` |
| bytes | length and digest, never the content: `"bytes:5:sha256:…"` |
| file | its name |
| enum member | what its value is written as |
| mapping | an object; keys as texts |
| list, tuple | an array |
| set, frozenset | an array, sorted by the members' JSON |
| anything else | its `str()` |

A text of more than `MAX_TEXT` characters is cut and ends with its length and its SHA-256, a container of more than
`MAX_ITEMS` or deeper than `MAX_DEPTH` says what was cut: an event is never refused for what it holds.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import orjson

from aura_logging.plain_data import plain_text

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "plain"]

MAX_TEXT = 65_536
MAX_ITEMS = 10_000
MAX_DEPTH = 16

_BYTES = (bytes, bytearray, memoryview)
_AS_THEIR_TEXT = (Decimal, UUID)
_SEQUENCES = (list, tuple)
_SETS = (set, frozenset)


def plain(value: Any) -> Any:
    """Return the value as JSON data of orjson's types; never raises, and leaves plain data as it is."""
    kind = type(value)
    if kind is str:
        return value if len(value) <= MAX_TEXT and value.isascii() else _text(value)
    if value is None or kind is bool:
        return value
    if kind is int and -(2**63) <= value < 2**64:
        return value
    if kind is float and isfinite(value):
        return value
    return _converted(value, frozenset())


def _converted(value: Any, above: frozenset[int]) -> Any:
    # The type is asked, not isinstance: that asks a lazy object for its class, which evaluates it.
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, enum.Enum):
        return _converted(value.value, above)
    if issubclass(kind, str):
        return _text(str.__str__(value))
    if issubclass(kind, int):
        number = int.__int__(value)
        return number if -(2**63) <= number < 2**64 else _text(hex(number) if abs(number) >> 4096 else str(number))
    if issubclass(kind, float):
        real = float.__float__(value)
        return real if isfinite(real) else str(real)
    if issubclass(kind, _AS_THEIR_TEXT):
        return _text(str(value))
    if issubclass(kind, (datetime, date, time)):
        return value.isoformat()
    if issubclass(kind, timedelta):
        return _duration(value)
    if issubclass(kind, _BYTES):
        return f"bytes:{len(bytes(value))}:sha256:{hashlib.sha256(value).hexdigest()}"
    if issubclass(kind, (Mapping, *_SEQUENCES, *_SETS)):
        return _container(value, kind, above)
    if hasattr(kind, "read") and isinstance(_attribute(value, "name"), str | None):
        return _text(_attribute(value, "name") or "")
    return _text(plain_text(value))


def _container(value: Any, kind: type[Any], above: frozenset[int]) -> Any:
    if id(value) in above:
        return "[cycle]"
    if len(above) >= MAX_DEPTH:
        return f"[cut: nested deeper than {MAX_DEPTH}]"
    inside = above | {id(value)}
    try:
        if issubclass(kind, Mapping):
            return _mapping(value, inside)
        items = [_converted(item, inside) for _, item in zip(range(MAX_ITEMS), value, strict=False)]
        if issubclass(kind, _SETS):
            items.sort(key=_sort_key)
        if len(value) > MAX_ITEMS:
            items.append(f"… {len(value) - MAX_ITEMS:,} more cut")
    except Exception as error:  # noqa: BLE001  # a container's methods may be the user's code
        return f"<{kind.__name__}: reading it raised {type(error).__name__}>"
    return items


def _mapping(value: Mapping[Any, Any], inside: frozenset[int]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, inner in value.items():
        if len(kept) >= MAX_ITEMS:
            kept["…"] = f"{len(value) - MAX_ITEMS:,} more cut"
            break
        name = _text(str.__str__(key) if issubclass(type(key), str) else plain_text(key))
        while name in kept:  # keys of other types may have the same text
            name += "_"
        kept[name] = _converted(inner, inside)
    return kept


def _sort_key(item: Any) -> bytes:
    return orjson.dumps(item, None, orjson.OPT_SORT_KEYS)


def _text(text: str) -> str:
    if not text.isascii():
        # Half of a surrogate pair is no character; show which half it was.
        text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) > MAX_TEXT:
        digest = hashlib.sha256(text.encode()).hexdigest()
        text = f"{text[:MAX_TEXT]}… [{len(text) - MAX_TEXT:,} characters cut, sha256 of all {digest}]"
    return text


def _duration(value: timedelta) -> str:
    sign = "-" if value < timedelta(0) else ""
    whole = abs(value)
    fraction = f".{whole.microseconds:06}".rstrip("0") if whole.microseconds else ""
    return f"{sign}P{whole.days}DT{whole.seconds}{fraction}S"


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001  # a property may be the user's code
        return None

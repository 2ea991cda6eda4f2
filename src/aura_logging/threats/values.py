"""Take the parts of a request apart into the single values that an application would read from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

__all__ = ["LEAVES_AT_MOST", "leaves_of", "plain_text", "values_of"]

LEAVES_AT_MOST = 200
"""Values looked at in one part. A form has some dozens; who sends more is looked at as one text besides."""

_DEPTH_AT_MOST = 8
_NAME = re.compile(r"[a-z_$][\w.$-]*(?:(?:\[|%5b)[\w.$ %-]*(?:\]|%5d))*", re.IGNORECASE)


def values_of(location: str, text: str) -> tuple[list[str], bool]:
    """Return the values in a part's text, still encoded, and whether `+` in them is a blank for sure.

    The text itself is the value where it is not made of parts.

    A query is taken apart at `&` and `=`, a cookie header at `;`, a JSON text into its strings, a path into itself
    and its last segment. A piece that is no `name=value` is a value as it is, and makes the whole text one, too:
    an attack may contain `&` and `=`.
    """
    if location == "cookie":
        return [piece.partition("=")[2] or piece for piece in islice(text.split(";"), LEAVES_AT_MOST)], False
    if location == "path":
        last = text.rsplit("/", 1)[-1]
        return ([text, last] if last and last != text else [text]), False
    if text[:1] in ("{", "[") and (leaves := _json(text)) is not None:
        return leaves, False
    if location == "referer":
        address, mark, query = text.partition("?")
        return ([address, *_pairs(query)[0]], True) if mark else ([text], False)
    return _pairs(text)


def plain_text(value: Any) -> str:
    """Return a part as one text: a string as it is, bytes decoded, nothing for `None`."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    return "" if value is None else str(value)


def leaves_of(value: Any) -> list[str]:
    """Return the strings in a parsed body: keys that are no plain names, and values."""
    return list(islice(_leaves(value, _DEPTH_AT_MOST), LEAVES_AT_MOST))


def _pairs(text: str) -> tuple[list[str], bool]:
    values: list[str] = []
    is_form = True
    for piece in islice(text.split("&"), LEAVES_AT_MOST):
        name, equals, value = piece.partition("=")
        if equals and _NAME.fullmatch(name):
            if not name.replace("_", "").isalnum() or "__" in name:
                # `user[$ne]=`, `class.module.…=`: the name is what is meant.
                values.append(piece)
            if value.strip("="):
                values.append(value)
            elif value:
                values.append(piece)
        elif piece:
            is_form = False
            values.append(piece)
    if not is_form and text not in values:
        values.insert(0, text)
    return values, is_form


def _json(text: str) -> list[str] | None:
    try:
        parsed = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    return leaves_of(parsed) if isinstance(parsed, (dict, list)) else None


def _leaves(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value).decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        if depth:
            for key, inner in value.items():
                # `{"$gt": ""}`, `user[$ne]=`: the name is the attack.
                if isinstance(key, str) and (not key.isidentifier() or "__" in key):
                    yield f"{key}=" if "[" in key else f'{{"{key}":'
                if key == "constructor" and isinstance(inner, Mapping) and "prototype" in inner:
                    yield "constructor.prototype"
                yield from _leaves(inner, depth - 1)
    elif isinstance(value, Sequence) and depth:
        for inner in value:
            yield from _leaves(inner, depth - 1)

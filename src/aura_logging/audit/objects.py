"""Name the object that something was done to."""

from __future__ import annotations

from typing import Any

from aura_logging.plain_data import plain_text

__all__ = ["describe"]


def describe(thing: Any) -> tuple[str, str, str]:
    """Return an object's type, id and label.

    Of a text such as `"patient:42"` its two parts, of a tuple its two or three members, of any other object the name of
    its class, its `pk` or `id`, and its text.
    """
    if thing is None:
        return "", "", ""
    if isinstance(thing, str):
        before, colon, after = thing.partition(":")
        return (before, after, "") if colon else ("", thing, "")
    if type(thing) in (tuple, list):
        if len(thing) not in (2, 3):
            raise ValueError(f"object={thing!r} must be (type, id) or (type, id, label)")
        return _text(thing[0]), _text(thing[1]), _text(thing[2]) if len(thing) == 3 else ""
    key: Any = getattr(thing, "pk", None)
    if key is None:
        key = getattr(thing, "id", None)
    return type(thing).__qualname__, "" if key is None else _text(key), plain_text(thing)


def _text(value: Any) -> str:
    kind = type(value)
    return value if kind is str else str(value) if kind is int else plain_text(value)

"""Name the object that something was done to."""

from __future__ import annotations

from typing import Any

from aura_logging.encoding import plain_text

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
        if not 2 <= len(thing) <= 3:  # type, id and perhaps a label
            raise ValueError(f"object={thing!r} must be (type, id) or (type, id, label)")
        kind, name, *label = thing
        return plain_text(kind), plain_text(name), plain_text(label[0]) if label else ""
    key: Any = getattr(thing, "pk", None)
    if key is None:
        key = getattr(thing, "id", None)
    return type(thing).__qualname__, "" if key is None else plain_text(key), plain_text(thing)

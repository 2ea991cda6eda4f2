r"""Spell the edges of a value in encoded bytes, for all scan patterns alike.

Between the text and the bytes lies the JSON encoder: a control character before a value has become `\u0001`, whose
last digits must not be taken for digits of the value; and in a URL the same is true of `%20`.
"""

from __future__ import annotations

__all__ = [
    "BEFORE_DIGIT",
    "BEFORE_WORD",
    "AFTER_DIGIT",
    "ESCAPED",
    "GAP",
    "PUNCTUATION",
    "any_of",
    "digits",
]

ESCAPED = rb"(?:\\u[0-9a-f]{4}|%[0-9a-f]{2})"
"""A sign that the encoder, or a URL, wrote as digits."""

BEFORE_DIGIT = rb"(?:^|[^0-9a-f.]|(?:^|[^0-9])\.|[g-z][a-f]{1,3}|(?:^|[^0-9a-z])[a-f]{1,4}|" + ESCAPED + rb"\.?)"
"""A place where digits begin that are neither the fraction of a decimal number nor the middle of hexadecimal ones.

Half of an ordinary line is hexadecimal ids: to leave them out took 0.2 us off its scan. A word of more letters than
the first six may end before the digits ("code4111..."), or a short word of those ("a4111...").
"""

BEFORE_WORD = rb"(?:^|[^0-9a-z]|\\[nrtbf]|" + ESCAPED + rb")"
"""A place where a word begins: its first letter may follow the `n` of a line break."""

AFTER_DIGIT = rb"(?:$|[^0-9])"
"""A place where digits end."""

_WIDE_GAP = rb"\xc2\xa0|\xe2\x80[\x80-\xaf]|%20|%2d"

GAP = rb"(?:[ .+-]|" + _WIDE_GAP + rb")"
"""What people type between the groups of a number: space, dash, dot, their wide forms, and URL-encoded."""

PUNCTUATION = rb"(?:[ ().+/-]|" + _WIDE_GAP + rb"|%28|%29)"
"""The same with what stands in telephone numbers."""


def any_of(*alternatives: bytes) -> bytes:
    """Join patterns of which one has to match."""
    return rb"(?:" + b"|".join(alternatives) + rb")"


def digits(count: int) -> bytes:
    """Match so many digits, each with at most one separator before it."""
    return rb"(?:" + GAP + rb"?[0-9]){%d}" % count

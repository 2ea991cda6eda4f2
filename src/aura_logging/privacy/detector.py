r"""Say what a detector is: a cheap pattern for the encoded line, an exact search for the text.

A value is looked for twice. `scan` is a byte pattern that the engine runs over the finished JSON line, with all
other detectors' patterns, in one pass; it may be loose but must not miss. `find` then looks at the decoded text
of each field and answers with the exact spans. `scan` has to stay true for *encoded* text: `"` and `\` and control
characters arrive as escapes (`\n`, `\"`, `\u0001`), everything else as raw UTF-8; so a digit before a value may be
the tail of an escape, and a letter before it the `n` of a line break.

`scan` is written in the syntax that RE2 and `re` share and read alike (no look-around, no `\s`, no `\b`), over
bytes, without regard to case. `find` takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Span", "Find", "Accept", "Detector", "by_pattern", "unchanged"]

Span: TypeAlias = tuple[int, int]
"""Half-open range of characters."""

Find: TypeAlias = Callable[[str, str], Iterator[Span]]
"""`(text, field) -> spans` in order; `field` is the name the value stands under, or empty."""

Accept: TypeAlias = Callable[["re.Match[str]", str], "Span | None"]
"""`(match, field) -> the span to redact`, or None when the match is innocent."""


def unchanged(value: str) -> str:
    """Return the value as it is: what equal means to a detector that knows no better."""
    return value


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of value that must not leave, with the proof that it is told from what merely looks like it.

    `examples` are texts in which exactly one finding lies; in `counter_examples` nothing may be found. Tests walk
    both. `keep_last` characters stay readable under partial redaction; 0 means that none may. `normalise` makes
    two spellings of one value equal, for pseudonyms.
    """

    name: str
    scan: bytes
    find: Find
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    enabled: bool = True
    keep_last: int = 0
    normalise: Callable[[str], str] = unchanged


def by_pattern(pattern: str, accept: Accept | None = None, *, group: int = 0, flags: re.RegexFlag = re.NOFLAG) -> Find:
    """Make a `find` from a pattern: every match, or its `group`, that `accept` lets through."""
    compiled = re.compile(pattern, flags)

    def find(text: str, field: str) -> Iterator[Span]:
        for match in compiled.finditer(text):
            if accept is None:
                yield match.span(group)
            elif (span := accept(match, field)) is not None:
                yield span

    return find

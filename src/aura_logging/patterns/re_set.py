"""Run the patterns over some bytes one after another with `re`, where RE2 has no wheel: the same verdicts, slower.

Most patterns cannot match without some word; a text that holds none of a pattern's words is spared that pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from aura_logging.patterns.literals import required_words
from aura_logging.patterns.syntax import parse

__all__ = ["compile_set"]


def compile_set(patterns: Sequence[bytes]) -> Callable[[bytes], Sequence[int] | None]:
    """Return a function that tells the indices of the patterns found in some bytes.

    Each pattern is bounded in what it repeats, so that the time grows with the text and not with its square;
    `privacy/patterns.py` holds patterns from settings to that.
    """
    searches = [(re.compile(pattern, re.IGNORECASE).search, _words(pattern)) for pattern in patterns]

    def suspects(text: bytes) -> list[int]:
        lowered = text.lower()
        found = []
        for index, (search, words) in enumerate(searches):
            if words is not None:
                for word in words:
                    if word in lowered:
                        break
                else:
                    continue
            if search(text) is not None:
                found.append(index)
        return found

    return suspects


def _words(pattern: bytes) -> tuple[bytes, ...] | None:
    words = required_words(parse(pattern.decode("latin-1")))
    return None if words is None else tuple(sorted(word.encode() for word in words))

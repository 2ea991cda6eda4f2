"""Run the scan patterns over a line one after another with `re`, where RE2 has no wheel: the same verdicts, slower."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["compile_set"]


def compile_set(patterns: Sequence[bytes]) -> Callable[[bytes], Sequence[int] | None]:
    """Return a function that tells the indices of the patterns found in a line.

    Each pattern is bounded in what it repeats, so that the time grows with the line and not with its square;
    `patterns.py` holds patterns from settings to that.
    """
    searches = tuple(re.compile(pattern, re.IGNORECASE).search for pattern in patterns)

    def suspects(line: bytes) -> list[int]:
        return [index for index, search in enumerate(searches) if search(line) is not None]

    return suspects

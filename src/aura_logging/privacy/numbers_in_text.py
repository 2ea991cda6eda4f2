"""Tell numbers that a person wrote from the columns of numbers that programs print."""

from __future__ import annotations

import re

__all__ = ["is_column_of_numbers"]

_HTTP_BEFORE = re.compile(r"HTTP/[0-9.]+[\"' ]*$|[\"\]] $")
_NUMBER_BEFORE = re.compile(r"(?:^|[\s\[(])-?[0-9.]+ $")
_NUMBER_AFTER = re.compile(r" -?[0-9.]+(?:$|[\s\])])")
_AS_FAR_AS_IT_MATTERS = 24


def is_column_of_numbers(text: str, start: int, end: int) -> bool:
    """Tell whether the range stands in an access log's or a table's row: numbers, spaces, more numbers."""
    before = text[max(0, start - _AS_FAR_AS_IT_MATTERS) : start]
    return bool(
        _HTTP_BEFORE.search(before)
        or _NUMBER_BEFORE.search(before)
        or _NUMBER_AFTER.match(text, end, end + _AS_FAR_AS_IT_MATTERS)
    )

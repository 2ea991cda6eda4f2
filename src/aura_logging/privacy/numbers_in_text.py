"""Tell numbers that a person wrote from the columns and ids that programs print."""

from __future__ import annotations

import re

__all__ = ["is_column_of_numbers", "is_in_uuid"]

_HTTP_BEFORE = re.compile(r"HTTP/[0-9.]+[\"' ]*$|[\"\]] $")
# Or a byte of a hexadecimal dump, or two, told from a short word by a digit.
_BYTE = r"(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9]|(?=[A-Fa-f]{0,3}[0-9])[0-9A-Fa-f]{4})"
_NUMBER_BEFORE = re.compile(rf"(?:^|[\s\[(,;:=|\"'>#])(?:-?[0-9.]+|{_BYTE}(?: [A-Fa-f]{{2}}){{0,4}})[ \u00a0\u202f]$")
_NUMBER_AFTER = re.compile(rf"[ \u00a0\u202f](?:-?[0-9.]+|(?:[A-Fa-f]{{2}} ){{0,4}}{_BYTE})(?:$|[\s\]),;:&|\"'<])")
# A parcel's number, as the Universal Postal Union's standard S10 has it.
_POSTAL_SERVICE = re.compile(r"(?<![A-Za-z])[A-Z]{2} ?$")
_POSTAL_COUNTRY = re.compile(r" ?[A-Z]{2}(?![A-Za-z0-9])")
# A square of a map and its grid, "32U KE 98763 25029".
_MAP_SQUARE = re.compile(r"(?<![0-9A-Za-z])[0-9]{1,2}[C-HJ-NP-X] ?[A-HJ-NP-Z]{2} $")
_AS_FAR_AS_IT_MATTERS = 24
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
_UUID_LENGTH = 36


def is_in_uuid(text: str, start: int, end: int) -> bool:
    """Tell whether the range is part of a UUID: a few in ten thousand hold something like a number of a person's."""
    around = _UUID.finditer(text, max(0, start - _UUID_LENGTH), end + _UUID_LENGTH)
    return any(found.start() <= start and end <= found.end() for found in around)


def is_column_of_numbers(text: str, start: int, end: int) -> bool:
    """Tell whether the range stands in a row of a log, a table or a dump (numbers, spaces, more), or on a parcel."""
    before = text[max(0, start - _AS_FAR_AS_IT_MATTERS) : start]
    return bool(
        _HTTP_BEFORE.search(before)
        or _NUMBER_BEFORE.search(before)
        or _NUMBER_AFTER.match(text, end, end + _AS_FAR_AS_IT_MATTERS)
        or _MAP_SQUARE.search(before)
        or (_POSTAL_SERVICE.search(before) and _POSTAL_COUNTRY.match(text, end))
    )

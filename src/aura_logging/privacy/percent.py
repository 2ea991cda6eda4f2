"""Read URL-encoded text as what it means, and lead what is found there back to where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aura_logging.privacy.detector import Span

__all__ = ["PercentView", "percent_view"]

# ASCII only: a letter of another script takes several escapes, and no detector needs to see through those.
_ESCAPE = re.compile(r"%([2-7][0-9A-Fa-f])")


@dataclass(frozen=True, slots=True)
class PercentView:
    """The text with its escapes read, and the place in the original of each of its characters (and of its end)."""

    text: str
    places: tuple[int, ...]

    def original(self, span: Span) -> Span:
        """Return the range of the original text that a range of the view was written as."""
        return self.places[span[0]], self.places[span[1]]


def percent_view(text: str) -> PercentView | None:
    """Return the view, or None when there is no escape to read."""
    if "%" not in text or _ESCAPE.search(text) is None:
        return None
    pieces: list[str] = []
    places: list[int] = []
    for start, end, character in _pieces(text):
        pieces.append(character)
        places.extend(range(start, end) if len(character) == end - start else (start,))
    places.append(len(text))
    return PercentView("".join(pieces), tuple(places))


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    position = 0
    for match in _ESCAPE.finditer(text):
        if match.start() > position:
            yield position, match.start(), text[position : match.start()]
        yield match.start(), match.end(), chr(int(match[1], 16))
        position = match.end()
    if position < len(text):
        yield position, len(text), text[position:]

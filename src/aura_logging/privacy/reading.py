r"""Read escaped or unusual characters as what they mean, and lead what is found there back to where it was written.

A number that was typed with no-break spaces comes as `4111%C2%A01111…` in a URL, as `4111\u00a01111…` in JSON inside
a text, as `4111\xa01111…` in a `repr`, as `4111&nbsp;1111…` in HTML; and it may have been typed in the digits of
another script. Detectors look at one plain reading of all that.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from aura_logging.privacy.detector import Span
from aura_logging.privacy.scan_syntax import any_of

__all__ = ["NOT_PLAIN", "Reading", "plain_reading"]

_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    # From where a run of backslashes begins, so that a long one is read once.
    r"|(?<!\\)\\+u(?P<code>[0-9A-Fa-f]{4})"
    r"|(?<!\\)(?P<bytes>(?:\\+x[0-9A-Fa-f]{2})+)"
    # Not the one that begins a telephone number.
    r"|(?P<plus>(?<=[0-9])\+(?=[0-9]))"
    r"|(?P<entity>&(?:#[0-9]{2,5}|#[xX][0-9A-Fa-f]{2,5}|nbsp|[nm]dash|shy|commat|lpar|rpar|plus|period);)"
)
_ESCAPED_BYTE = re.compile(r"(?:%|\\+x)([0-9A-Fa-f]{2})")
_MOST_ROUNDS = 3  # "%2540" is a "%40" that was escaped again

# What NFKC leaves as it is: dashes and the minus sign. What is not seen at all is left out of the reading.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


class _Plain(dict[int, str]):
    """What to read for a character, learned as characters come: at most one for one."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        digit = unicodedata.decimal(character, None)
        folded = unicodedata.normalize("NFKC", character)
        plain = str(digit) if digit is not None else folded if len(folded) == 1 and folded.isascii() else character
        self[code] = plain
        return plain


_PLAIN = _Plain({**dict.fromkeys(map(ord, _DASHES), "-"), **dict.fromkeys(map(ord, _UNSEEN), "")})


@dataclass(frozen=True, slots=True)
class Reading:
    """The text as it is read, and the place in the original of each of its characters (and of its end)."""

    text: str
    places: tuple[int, ...]

    def original(self, span: Span) -> Span:
        """Return the range of the original text that a range of the reading was written as."""
        return self.places[span[0]], self.places[span[1]]


def plain_reading(text: str) -> Reading | None:
    """Return the reading, or None where it is the text itself."""
    reading: Reading | None = None
    space = " " if "=" in text else "+"  # what a plus means: a space, in a query
    for _ in range(_MOST_ROUNDS):
        once = _read(text if reading is None else reading.text, space)
        space = "+"  # one that was escaped is one
        if once is None:
            break
        reading = once if reading is None else Reading(once.text, tuple(reading.places[at] for at in once.places))
    return reading


def _read(text: str, plus: str) -> Reading | None:
    escapes = "%" in text or "\\" in text or ("&" in text and ";" in text) or (plus != "+" and "+" in text)
    if text.isascii() and not escapes:
        return None
    characters: list[str] = []
    places: list[int] = []
    for start, end, read in _pieces(text, plus):
        if len(read) == end - start:
            places.extend(range(start, end))
        else:
            places.extend([start] * len(read))
        characters.append(read)
    places.append(len(text))
    read = "".join(characters)
    return None if read == text else Reading(read, tuple(places))


def _pieces(text: str, plus: str) -> Iterator[tuple[int, int, str]]:
    """Yield ranges of the text and what is read there: of one character none or one, or of the same length."""
    position = 0
    for match in _ESCAPE.finditer(text):
        yield from _folded(text, position, match.start())
        if match["percent"] or match["bytes"]:
            yield from _encoded(match)
        elif match["plus"]:
            yield match.start(), match.end(), plus
        else:
            code = match["code"]
            character = chr(int(code, 16)) if code else html.unescape(match["entity"])
            yield match.start(), match.end(), _fold(character)
        position = match.end()
    yield from _folded(text, position, len(text))


def _folded(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    piece = text[start:end]
    read = piece if piece.isascii() else piece.translate(_PLAIN)
    if len(read) == len(piece):
        yield start, end, read
    else:
        yield from ((at, at + 1, _PLAIN[ord(text[at])]) for at in range(start, end))


def _encoded(match: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the characters of a run of escaped bytes: of UTF-8, or else each for itself, as in Latin-1."""
    escapes = list(_ESCAPED_BYTE.finditer(match.string, match.start(), match.end()))
    raw = bytes(int(escape[1], 16) for escape in escapes)
    try:
        characters, sizes = raw.decode(), None
    except UnicodeDecodeError:
        characters, sizes = raw.decode("latin-1"), 1
    at = 0
    for character in characters:
        size = sizes or len(character.encode())
        yield escapes[at].start(), escapes[at + size - 1].end(), _fold(character)
        at += size


def _fold(character: str) -> str:
    return character.translate(_PLAIN)


_DIGITS = any_of(
    rb"\xef\xbc[\x90-\x99]|\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xe0[\xa5-\xaf][\xa6-\xaf]|\xe0[\xb1\xb3\xb5][\xa6-\xaf]|\xe0\xb9[\x90-\x99]",
    rb"\\+u(?:ff1[0-9]|066[0-9]|06f[0-9]|0[9ab][6e][6-9a-f]|0e5[0-9])",
    rb"%ef%bc%9[0-9]|%d9%a[0-9]|%db%b[0-9]|%e0%a[579bdf]%a[6-9a-f]|%e0%b9%9[0-9]",
    rb"\\+x(?:ef\\+xbc\\+x9[0-9]|d9\\+xa[0-9]|db\\+xb[0-9]|e0\\+xa[579bdf]\\+xa[6-9a-f]|e0\\+xb9\\+x9[0-9])",
    rb"&#x?[0-9a-f]{2,5};|%25[c-f][0-9a-f](?:%25[89ab][0-9a-f]){1,2}",
)
_GAPS = any_of(
    rb"\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xe2\x88\x92|\xc2\xad|\xef\xbb\xbf|\xe3\x80\x80|\xef\xbc[\x8b-\x8f]|\xef\xb9[\x98\xa3]",
    rb"\\+(?:u(?:00a[0d]|20[0-6][0-9a-f]|2212|3000|feff|ff0[0-9a-f])|x(?:a[0d]|e[23]\\+x8[0-9]\\+x[0-9a-f]{2}|c2\\+xa[0d]))",
    rb"%(?:c2%a[0d]|e2%8[018]%[0-9a-f]{2}|e3%80%80|ef%bc%8[b-f]|25[0-9a-f]{2})",
    rb"&(?:nbsp|shy|[nm]dash|[lr]par|plus|period|#x?[0-9a-f]{2,5});",
)
_AT = rb"(?:@|%(?:25){0,2}40|\xef\xbc\xa0|\\+u0040|\\+x40|%ef%bc%a0|&#64;|&#x40;|&commat;)"
_HOST = rb"[a-z0-9\x80-\xff\\%&]"

NOT_PLAIN = any_of(
    rb"[0-9)]" + _GAPS + rb"{1,3}[0-9a-z(]",
    _DIGITS + rb"{2}",
    _AT + _HOST + rb"[a-z0-9_.\x80-\xff\\%&#;-]*(?:\.|&period;)[a-z0-9\x80-\xff\\%&#]{2}",
)
"""What in an encoded line a detector's own scan pattern may fail to see, for it must be read first."""

"""Undo the disguises of a value: a few rounds of a few encodings, and no more."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote_to_bytes

__all__ = ["ROUNDS", "decode", "fold", "without_comments", "without_plus"]

ROUNDS = 5
"""Encoded once by the browser, twice by the attacker, and the lists that they copy from have it encoded already."""

# Two-byte forms that no UTF-8 encoder writes: overlong ASCII, and the same with a second byte left as it is.
_OVERLONG_TWO = re.compile(rb"[\xc0\xc1]([\x80-\xbf./\\])")
_OVERLONG_LEADS = re.compile(rb"(?:\xfc\x80\x80\x80|\xf8\x80\x80|\xf0\x80|\xe0)([\x80\x81])([\x80-\xbf])")
# The no-break space of Latin-1, which MySQL takes for a blank.
_LATIN_BLANK = re.compile(rb"(?<![\x80-\xff])\xa0")
_PERCENT_U = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
_BACKSLASH = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{0{0,4}([0-9a-f]{2,4})\})", re.IGNORECASE)
# An entity as browsers take it: the semicolon may be missing, zeros may lead.
_ENTITY = re.compile(r"&(?:#0{0,8}\d{1,5};?|#x0{0,8}[0-9a-f]{1,4};?|[a-z]{2,31};)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*(?!!)[^*]{0,200}\*/")
_COMMENT_IN_WORD = re.compile(r"[a-z]/\*(?!!)[^*]{0,200}\*/[a-z]", re.IGNORECASE)
# How attackers spell a slash in what they hope is decoded by hand.
_SPELT_DOTS = re.compile(r"0x(2e|2f|5c)(?=[^0-9a-f]|0x|\Z)", re.IGNORECASE)
# What some servers took for a slash, a backslash or a quote.
_LOOKALIKES = {0x2215: "/", 0x2044: "/", 0x2216: "\\", 0xEFC8: "\\", 0xF025: "/", 0x02BC: "'", 0x2032: "'", 0x3002: "."}
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xAD, *range(0x200B, 0x2010), 0xFEFF])


def decode(value: str) -> str:
    """Return the value without URL encoding (up to `ROUNDS` times, overlong, `%u`), and fullwidth letters folded.

    Plus signs stay: whether one is a blank is the caller's to know.
    """
    for _ in range(ROUNDS):
        if "%" not in value:
            break
        decoded = _percent(value)
        if decoded == value:
            break
        value = decoded
    if "0x2" in value or "0x5" in value:
        value = _SPELT_DOTS.sub(lambda match: chr(int(match[1], 16)), value)
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value).translate(_LOOKALIKES)
    return value


def without_plus(value: str) -> str:
    """Return the value with `+` as the blank that it is in a form's encoding."""
    return value.replace("+", " ")


def without_comments(value: str) -> list[str]:
    """Return the value with a blank for each comment of SQL, and with nothing for those within a word; or nothing.

    What a server runs (`/*!50000union*/`) is no comment.
    """
    if "/*" not in value:
        return []
    spaced = _COMMENT.sub(" ", value)
    if spaced == value:
        return []
    return [spaced, _COMMENT.sub("", value)] if _COMMENT_IN_WORD.search(value) else [spaced]


def fold(value: str) -> str:
    r"""Return a decoded value as a browser or an interpreter would read it in the end.

    HTML entities and `\x3c` or `\u003c` become what they mean; null bytes and invisible characters go.
    """
    for _ in range(2):
        if "&" not in value:
            break
        unescaped = _ENTITY.sub(lambda match: html.unescape(match[0]), value)
        if unescaped == value:
            break
        value = unescaped
    if "\\" in value:
        value = _BACKSLASH.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), value)
    if not value.isprintable():
        value = value.translate(_CONTROLS)
    return value


def _percent(value: str) -> str:
    if "%u" in value or "%U" in value:
        value = _PERCENT_U.sub(lambda match: chr(int(match[1], 16)), value)
    raw = unquote_to_bytes(value.encode("utf-8", "replace"))
    if b"\xc0" in raw or b"\xc1" in raw:
        raw = _OVERLONG_TWO.sub(_shortest_of_two, raw)
    if b"\xe0\x80" in raw or b"\xe0\x81" in raw or b"\xf0\x80" in raw or b"\xf8\x80" in raw or b"\xfc\x80" in raw:
        raw = _OVERLONG_LEADS.sub(lambda match: bytes((((match[1][0] & 1) << 6) | (match[2][0] & 0x3F),)), raw)
    if b"\xa0" in raw:
        raw = _LATIN_BLANK.sub(b" ", raw)
    return raw.decode("utf-8", "replace")


def _shortest_of_two(match: re.Match[bytes]) -> bytes:
    first, second = match[0]
    return bytes((second,)) if second < 0x80 else bytes((((first & 1) << 6) | (second & 0x3F),))

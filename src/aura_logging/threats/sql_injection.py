"""Tell a value that reads as SQL from one that only has its words."""

from __future__ import annotations

import re

from aura_logging.threats.sql_fingerprints import DOUBLE, FINGERPRINTS, PLAIN, SINGLE, Fingerprint
from aura_logging.threats.sql_tokens import token_kinds

__all__ = ["OF_TEXT", "find_sql"]

_BY_CONTEXT = {context: tuple(f for f in FINGERPRINTS if context in f.contexts) for context in (PLAIN, SINGLE, DOUBLE)}

# `admin'--`: nothing but a name, the end of the string, and a comment that swallows the rest of the statement.
_TRUNCATED = Fingerprint(
    "sqli.rest_is_commented_out",
    0.8,
    (SINGLE, DOUBLE),
    r"(?s)\A[\w@.-]{0,40}['\"]\s?\)*\s?(?:--[\s+-]{0,4}|\#|/\*|;%00|;\x00)\Z",
    ("admin'--", "admin' #", "root'/*"),
    ("FOO BAR'# BLAH", '"1--', '12" -'),
)
_EMPTY_OPERATION = Fingerprint(
    "sqli.empty_operation",
    0.6,
    (SINGLE, DOUBLE),
    r"\A(?:'\s*(?:[-&^*=<>|]{1,3}|like|xor|mod|div)\s*'|\"\s*(?:[-&^=<>]{1,3}|\|\|)\s*\")\Z",
    ("'-'", "'='", "'^'", '"="'),
    ("'", "''", "'a'"),
)
_JOINED = Fingerprint(
    "sqli.strings_are_joined",
    0.6,
    (SINGLE,),
    r"\A[^'\"]{0,40}'\s?(?:\|\||[-+*&^|]|div|xor)\s?'[^'\"]{0,40}\Z",
    ("x'||'y", "1'+'2"),
    ("'-\"8 TRACK", "4'+X+4'+WOOD"),
)
_ALWAYS_TRUE = Fingerprint(
    "sqli.always_true",
    0.7,
    (PLAIN,),
    r"(?i)\A[\w'\")\s]{0,20}?(?:\bor|\|\||\band)\s{1,3}(?:not\s)?(?:true|false|\d{1,6})\s{0,3}(?:--|\#|/\*)[\s+-]{0,4}\Z",
    ("or true--", "') or true--", "1 or 1#"),
    ("and 5 -- more", "or true"),
)
_SURE = 0.95
# Five words before the quote: whoever goes on there with an attack comments out the rest.
_PROSE = re.compile(r"\W{0,3}(?:[^\W\d_]{1,20}[,.;:!?]?\s+){5}")
_QUOTED_WORD = re.compile(r"(?:'\w[\w-]{0,30}'|\"\w[\w-]{0,30}\")(?=[\s.,;:!?)\]\"<]|'s\b)")
_ALONE = Fingerprint(
    "sqli.expression",
    0.6,
    (PLAIN,),
    r"(?i)\A\s*(?:@@[a-z_]\w{2,40}|(?P<number>\d{1,6})\s?=\s?(?P=number)|\d{1,6}\s+(?:r?like|regexp)\s+\d{1,6}"
    r"|\d{1,6}['\")]{0,3}\s+(?:or|and|\|\||&&)\s+(?:not\s+)?(?:true|false)"
    r"|(?:concat|char|chr)\((?:0x[0-9a-f]+|\d{1,3})(?:,\s?(?:0x[0-9a-f]+|\d{1,3})){1,60}\)"
    r"|iif\s?\(\s?\d+\s?=\s?\d+,[^;]{1,60}\))\s*\Z",
    ("@@version", "1=1", "1 like 1", "1 or true", "CHAR(65,66)", "iif(1=1,1,2)"),
    ("@@", "1=2", "1 or 2", "char(s)", "x like 1", "@@@", "5 is like 6"),
)
_ENDED = Fingerprint(
    "sqli.clause_is_ended",
    0.7,
    (SINGLE, DOUBLE),
    r"(?i)\A[\w@.-]{0,20}['\"]\)*\s{1,3}(?:is\s(?:not\s)?null|desc|asc|limit\s\d{1,6}"
    r"|(?:order|group)\s+by\s[\w., ]{1,40}|having\s[^-#]{1,40})\s{0,3}(?:--|\#|/\*)",
    ("1' is not null--", "x') order by 2--", "' desc #"),
    ("5' is not much --", "'asc' -- or desc"),
)
OF_TEXT = (_TRUNCATED, _ENDED, _EMPTY_OPERATION, _JOINED, _ALWAYS_TRUE, _ALONE)


def find_sql(text: str) -> Fingerprint | None:
    """Return the shape of an injection in a decoded value, or None; linear in the value."""
    found = _first(PLAIN, token_kinds(text))
    if found is not None:
        return found
    for context, quote in ((SINGLE, "'"), (DOUBLE, '"')):
        at = _quote_that_ends(text, quote)
        if at < 0:
            continue
        kinds = token_kinds(text, at + 1, "s")
        found = _first(context, kinds)
        if found is not None and (found.score >= _SURE or "c" in kinds or not _PROSE.match(text, 0, at)):
            return found
    for shape in OF_TEXT:
        if shape.search.match(text):
            return shape
    return None


def _quote_that_ends(text: str, quote: str) -> int:
    """Return where the first quote is that may end a string, and does not merely stand around a word; else -1."""
    at = text.find(quote)
    while at >= 0 and (word := _QUOTED_WORD.match(text, at)) and (at == 0 or text[at - 1] in " \t\r\n([\"'"):
        at = text.find(quote, word.end())
    return at


def _first(context: str, kinds: str) -> Fingerprint | None:
    for fingerprint in _BY_CONTEXT[context]:
        if fingerprint.search.search(kinds):
            return fingerprint
    return None

"""Tell a value that reads as SQL from one that only has its words."""

from __future__ import annotations

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
_ENDED = Fingerprint(
    "sqli.clause_is_ended",
    0.7,
    (SINGLE, DOUBLE),
    r"(?i)\A[\w@.-]{0,20}['\"]\)*\s{1,3}(?:is\s(?:not\s)?null|desc|asc|limit\s\d{1,6}"
    r"|(?:order|group)\s+by\s[\w., ]{1,40}|having\s[^-#]{1,40})\s{0,3}(?:--|\#|/\*)",
    ("1' is not null--", "x') order by 2--", "' desc #"),
    ("5' is not much --", "'asc' -- or desc"),
)
OF_TEXT = (_TRUNCATED, _ENDED, _EMPTY_OPERATION, _JOINED, _ALWAYS_TRUE)


def find_sql(text: str) -> Fingerprint | None:
    """Return the shape of an injection in a decoded value, or None; linear in the value."""
    found = _first(PLAIN, token_kinds(text))
    if found is not None:
        return found
    for context, quote in ((SINGLE, "'"), (DOUBLE, '"')):
        at = text.find(quote)
        if at < 0:
            continue
        found = _first(context, token_kinds(text, at + 1, "s"))
        if found is not None:
            return found
    for shape in OF_TEXT:
        if shape.search.match(text):
            return shape
    return None


def _first(context: str, kinds: str) -> Fingerprint | None:
    for fingerprint in _BY_CONTEXT[context]:
        if fingerprint.search.search(kinds):
            return fingerprint
    return None

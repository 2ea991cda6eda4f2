"""Know the words that make a bare run of digits a telephone number: before it, behind it, or its field's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aura_logging.privacy.detector import Span
from aura_logging.privacy.scan_syntax import any_of

__all__ = ["EXTENSION", "MARK", "SCAN_WORD", "WIDE", "is_of_ids", "numbers_with_words", "whole_number"]

WIDE = r"\u00a0\u2000-\u200a\u2010-\u2015\u202f"
"""Blanks and dashes beyond ASCII, for a class of characters."""

MARK = rf"(?:[ .\-/(){WIDE}]|\+(?=[0-9(]))"
"""What may stand between two digits."""

EXTENSION = r"(?:[ ,;+]{0,2}(?:ext(?:ension|n)?\.?|x|#)[ .:+]{0,2}[0-9]{1,6})?"
"""What may follow a number: the extension behind a switchboard."""

_NUMBER = rf"[+(]?[0-9](?:{MARK}{{0,2}}[0-9]){{6,14}}"
_WORDS = (
    r"(?:tele)?phone|t[eé]l[eé]phone|telefon(?:e|o|nummer)?|tel[eé]fono|handynummer|rufnummer|mobile|m[oó]vil|mobil|"
    r"cell(?:ular|ulare)?|celular|t[eé]l[eé]?|fax|handy|portable|msisdn|whatsapp|sms|hotline|dial|phoned|ph|mob|tlf|"
    r"telno|wa\.me/|(?:(?:contact|callback|customer's)[ _]?|(?:my|your|his|her)[ _])"
    r"(?:(?:new|work|home|direct|office|private|cn|us|uk|de|fr|in) )?"
    r"(?:number|no\.|nr\.?|no(?![a-z]))|contact(?=:)"
)
# In scripts without small letters, or without spaces between words.
_FOREIGN_WORDS = r"电话(?:号码)?|電話(?:番号)?|手机号?码?|전화(?:번호)?|[Тт]елефона?|[Тт]ел|[Мм]обильный"
_ASKS = (
    r"(?:call(?:ed|ing)?|contact|reach|text|dial|ring)(?: (?:me|us|him|her|them|at|on|back|now)){1,3}"
    r"|(?:please|pls) (?:call|dial|ring|text|contact)"
    r"|(?:otp|code|pin|sms|message|text) (?:was |is )?(?:sent|delivered) to"
    r"|sending (?:otp|code|pin|sms|message|text) to"
)
_AFTER_WORD = re.compile(
    rf"(?:(?i:(?<![a-z])(?:{_WORDS}|{_ASKS})|(?<=[a-z_])(?:phone|mobile|cell))(?![a-z])"
    rf"(?:_?[0-9](?=[\"'=:\]]))?|{_FOREIGN_WORDS})"
    rf"(?P<between>[^0-9+(]{{0,24}})(?P<number>{_NUMBER})(?![0-9A-Za-z])"
)
# Or the word stands behind it.
_BEFORE_WORD = re.compile(
    r"(?<![0-9A-Za-z.:/_-])(?P<number>[0-9]{10,12})"
    r"(?= \((?:mobile|cell|phone|tel|fax|home|work)\)| is (?:my|his|her|their|our|the) (?:phone|cell|mobile|tel))"
)
# What may stand between the word and the number; anything else says that the number is of another thing.
_LETTERS = re.compile(r"[A-Za-z]+")
_BETWEEN = frozenset(
    {"number", "numbers", "num", "no", "nr", "is", "was", "at", "on", "my", "our", "the", "your", "his", "her", "their"}
    | {"to", "home", "work", "office", "business", "private", "cell", "mobile", "phone", "telephone", "contact"}
    | {"customer", "user", "line", "us", "uk", "or", "and", "sent", "file", "nummer", "portable", "value", "toll"}
    | {"free"}
)
_FIELD = re.compile(
    r"(?i:phone|telefon|msisdn|whatsapp|handynummer|rufnummer|(?<![a-z])contact_?n(?:o|um|umber|r)(?![a-z]))"
    r"|(?i:(?<![a-z])(?:tel|mobile?|m[oó]vil|cell|celular|fax))(?![a-z])|(?<=[a-z])(?:Tel|Mobile|Cell|Fax)(?![a-z])"
)
_FIELD_OF_IDS = re.compile(r"(?i)(?:id|ids|uuid|sku|ean|isbn|gtin|upc|code|ref|reference|order|hash|version)$")
_WHOLE = re.compile(rf"\s*({_NUMBER}){EXTENSION}\s*")

SCAN_WORD = any_of(
    rb"phone|mobile|msisdn|whatsapp|handy|rufnummer|telefo|tel\xc3\xa9fono|t\xc3\xa9l|m\xc3\xb3vil|portable|hotline",
    rb"telno|wa\.me/|(?:contact|callback|my|your|his|her|customer's)[ +_]?"
    rb"(?:(?:new|work|home|direct|office|private|cn|us|uk|de|fr|in)[ +])?"
    rb"(?:number|no|nr)|contact(?:_?n[our]|:)",
    rb"(?:^|[^a-z]|\\[nrtbf])(?:cell|celular|tel|tele|fax|sms|movil|mobil|dial|ph|mob|tlf)",
    rb"(?-i:[a-z](?:Tel|Cell|Fax))",
    rb"(?:call|called|calling|contact|reach|text|dial|ring)[ +](?:me|us|him|her|them|at|on|back|now)",
    rb"(?:please|pls)[ +](?:call|dial|ring|text|contact)|(?:sent|delivered|sms|otp|code|pin|message|text)[ +]to",
    *(word.encode() for word in ("电话", "電話", "手机", "전화", "елефон", "тел", "Тел", "обильный")),
)
"""The same words for the scan of a line, which decides whether any text of it is looked at."""


def is_of_ids(field: str) -> bool:
    """Tell a field whose digits are an id, whatever they look like."""
    return _FIELD_OF_IDS.search(field) is not None


def whole_number(text: str, field: str) -> Span | None:
    """Return a value that is a number and nothing else, in a field that is named after telephones."""
    whole = _WHOLE.fullmatch(text) if _FIELD.search(field) else None
    return None if whole is None else (whole.start(1), len(text.rstrip()))


def numbers_with_words(text: str) -> Iterator[Span]:
    """Yield the numbers that a word says are for calling, in no order."""
    for match in _BEFORE_WORD.finditer(text):
        yield match.span("number")
    for match in _AFTER_WORD.finditer(text):
        if _BETWEEN.issuperset(word.lower() for word in _LETTERS.findall(match["between"])):
            yield match.span("number")

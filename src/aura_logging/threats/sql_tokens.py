"""Read a value as a database would and write down what kind each token is, one letter for one token."""

# a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

import re

from aura_logging.threats.sql_words import kind_of_word

__all__ = ["TOKENS_AT_MOST", "token_kinds"]

TOKENS_AT_MOST = 48
"""Tokens read of one value: an attack shows itself in its first dozen."""

# 1 number or NULL    s string      n name          v variable or niladic function
# f known function    D function that only an attacker calls        X phrase that only an attacker writes
# & and, or, xor      o comparison  w like, rlike   i in, is, between        + arithmetic
# U union  S select  E statement  F from  W where  Z catalogue of the database itself  V rows without a select
# ( ) , ;             c comment to the end          x anything else

_LEXER = re.compile(
    r"""
    (?P<blank>\s+|/\*(?!!)[^*]{0,200}\*/|/\*!(?!\d{5})|\*/|(?:--|\#)[^\n]*\n|\btop\s{0,3}\(?\d{1,6}\)?(?=[\s*]))
  | (?P<X>/\*!\d{5,6})
  | (?P<c>--[^\n]*|\#[^\n]*|/\*)
  | (?P<number>(?:0x[0-9a-f]+|0b[01]+(?![\w])|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+))
  | (?P<s>(?:[nbx](?='))?'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*(?:"|\\?\Z))
  | (?P<quoted>`[^`]*(?:`|\Z)|\[[a-z_][\w$ ]*\])
  | (?P<v>@{1,2}(?:[\w$.]+|`[^`]*`)?)
  | (?P<word>[^\W\d][\w$]*(?:\.{1,2}[^\W\d][\w$]*)*)
  | (?P<logic>&&|\|\|)
  | (?P<o><=>|[<>!=:]=|<>|<<|>>|::|[<>=])
  | (?P<bang>[!~]+)
  | (?P<sign>[-+*/%&|^])
  | (?P<mark>[(),;])
  | (?P<x>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def token_kinds(text: str, start: int = 0, before: str = "") -> str:
    """Return `before` and the kinds of the text's tokens from `start` on, a letter each; `~` ends one that was cut.

    Blanks, comments that end, and words that change no shape (`all`, `not`) are left out, and so is the sign of a
    number: `- 1` is as much a number as `1`.
    """
    kinds: list[str] = list(before)
    for match in _LEXER.finditer(text, start):
        group = match.lastgroup
        if group == "blank":
            continue
        if group == "word":
            kind = kind_of_word(text, match)
            if kind == " ":
                continue
        elif group == "sign":
            if match[0] != "*" and (not kinds or kinds[-1] in "(,&owi+U"):
                continue
            kind = "+"
        elif group == "mark":
            kind = match[0]
        elif group == "number":
            kind = "1"
        elif group == "logic":
            kind = "&"
        elif group == "quoted":
            kind = "n"
        elif group == "bang":
            if not kinds or kinds[-1] in "(,&owi+U":
                continue
            kind = "x"
        else:
            kind = group or "x"
        kinds.append(kind)
        if kind == "c":
            break
        if len(kinds) >= TOKENS_AT_MOST:
            kinds.append("~")
            break
    return "".join(kinds)

"""Turn the text of any formatter into output that nobody can use to forge a line of the log."""

from __future__ import annotations

import re

__all__ = ["encode_text"]

_INDENT = "    "

# C0 but tab and newline, DEL and C1 (terminal commands), the Unicode line separators, and the marks that turn the
# direction of text (CVE-2021-42574): everything that can make a line look like other lines on a screen.
_DECEPTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def encode_text(text: str) -> bytes:
    r"""Return the text of one record as UTF-8, newline included.

    Only a record's first line begins at the left edge: further lines, such as a traceback's, are indented by four
    spaces, so text that was smuggled in with a line break cannot pass for a record. Control characters and marks
    that turn the direction of text are written as escapes (`\u001b`, `\u202e`); tabs stay. What a formatter for JSON
    returns, even on several lines, means the same afterwards.

    >>> encode_text("no such user: bob\r\nINFO user admin logged in")
    b'no such user: bob\n    INFO user admin logged in\n'
    """
    text = text.replace("\r\n", "\n").rstrip("\n")
    if "\n" in text:
        text = text.replace("\n", "\n" + _INDENT)
    if not text.isprintable():  # true of nearly every line, and much faster than the pattern
        text = _DECEPTIVE.sub(_escape, text)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"  # the one spelling that JSON knows too

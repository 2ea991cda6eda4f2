"""Tell what people write to each other from what a field is given to hold."""

from __future__ import annotations

import re

__all__ = ["NOT_IN_LETTERS", "is_letter"]

_SENTENCE = re.compile(r"(?:[^\W\d_]{1,20}[,.;:!?]?[ \t]{1,3}){5}")

NOT_IN_LETTERS = frozenset(
    {
        "command_injection.chained",
        "xss.script",
        "xxe.xpath",
        "sqli.tautology",
        "sqli.condition_in_string",
        "sqli.literal_is_compared",
        "sqli.called_function",
        "sqli.string_is_joined",
        "sqli.string_is_ended",
        "sqli.computed",
    }
)
"""Rules that a letter meets by chance: in enough lines with quotes, numbers and the names of programs, something fits.

What is left out there is what would have to break out of a query or a command line with whole sentences around it. An
element, a statement, a UNION or a lookup is found in a letter as anywhere.
"""


def is_letter(text: str) -> bool:
    """Tell whether a value has several lines, and a sentence of at least five words in one of them."""
    return "\n" in text.strip() and _SENTENCE.search(text) is not None

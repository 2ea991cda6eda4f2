r"""Say what a signature is: a loose hint for the gate, an exact pattern for the decoded value, and the proof of both.

An attack is looked for twice, as in `aura_logging.privacy`. The gate runs all hints over the parts of a request as
they came, in one pass, and nearly every request ends there. A part with a hint is decoded, and the signatures whose
hint is in a decoded form look at it with their `pattern`.

A hint is a byte pattern in the syntax that RE2 and `re` share and read alike (no look-around, no `\b`), without regard
to case; every repeat in it is bounded. It may be loose but must not miss. It has to allow for the encodings that a
browser makes of harmless text, because those alone do not make the gate decode: `BLANK` and `SLASH` are for that. All
other encodings do (see `gate.py`).

A pattern is for `re`, ignores case, and takes time linear in the value: it has no two adjacent repeats that can match
the same text, and what it repeats cannot contain what it begins with, or is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from aura_logging.threats.threat import Kind

__all__ = [
    "ANYWHERE",
    "BLANK",
    "EXCEPT_ADDRESSES",
    "EXCEPT_HEADERS",
    "HEADERS",
    "PATH",
    "SLASH",
    "Signature",
    "USER_AGENT",
]

BLANK = rb"(?:[ \t\r\n\v\f+]|%20|/\*\*/)"
"""A hint's blank, as it stands in a URL."""

SLASH = rb"(?:[/\\]|%2f|%5c)"
"""A hint's slash or backslash, as it stands in a URL."""

HEADERS = frozenset({"user-agent", "referer", "host", "origin", "cookie", "x-forwarded-for", "x-forwarded-host"})
"""Names of parts that are headers."""

USER_AGENT = "user-agent"
PATH = "path"
ANYWHERE = "anywhere"
EXCEPT_HEADERS = "except headers"
EXCEPT_ADDRESSES = "except headers that hold addresses"

_ADDRESSES = frozenset({"referer", "host", "origin", "x-forwarded-for", "x-forwarded-host"})


@dataclass(frozen=True)
class Signature:
    """One rule: its id, what it means, how it is found, and how it is told from what merely looks like it.

    `rule` is `family.name` and never changes its meaning. `location` is `ANYWHERE`, an exception, or the name of
    the one part in which it counts. Each of `examples` is found by this rule; in `counter_examples` nothing is
    found by any rule. Tests walk both, in the part of `location`, or in a query.
    """

    rule: str
    kind: Kind
    score: float
    hint: bytes
    pattern: str
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    location: str = ANYWHERE

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, compiled when first needed: all of them at once would add a fifth of a second to every start."""
        return re.compile(self.pattern, re.IGNORECASE)

    def applies_to(self, location: str) -> bool:
        """Tell whether the rule counts in a part of this name."""
        if self.location == ANYWHERE:
            return True
        if self.location == EXCEPT_HEADERS:
            return location not in HEADERS
        if self.location == EXCEPT_ADDRESSES:
            return location not in _ADDRESSES
        return location == self.location

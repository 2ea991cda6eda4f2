"""Say what was seen: one threat, its kind, how sure we are, and where it stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["EVIDENCE_CHARACTERS", "Inspection", "KINDS", "Kind", "Threat"]

Kind = Literal[
    "sqli",
    "xss",
    "path_traversal",
    "command_injection",
    "log4shell",
    "ssti",
    "xxe",
    "nosql",
    "ldap",
    "ssrf",
    "header_injection",
    "code_injection",
    "scanner",
]

KINDS: tuple[Kind, ...] = get_args(Kind)

EVIDENCE_CHARACTERS = 120
"""As much of an input as a threat keeps: enough to recognise the attack, too little to fill a log."""


@dataclass(frozen=True, slots=True)
class Threat:
    """One attack that was seen in one part of a request.

    `score` is how sure the rule is, over 0 to 1: from 0.5 (unusual enough to write down) to 1 (nobody sends this by
    accident). `location` is the part's name as it was given (`query`, `user-agent`, …), `rule` the id of what matched.
    `evidence` is the beginning of what matched, decoded, control characters escaped, at most 120 characters; it
    may hold personal data, and is for a field that passes `SecurityFilter`. `is_cut` says that the part was longer
    than what was looked at.
    """

    kind: Kind
    score: float
    location: str
    rule: str
    evidence: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """What looking at a request came to: the threats, most certain first, and the parts that were looked at in part."""

    threats: tuple[Threat, ...] = ()
    cut: tuple[str, ...] = ()

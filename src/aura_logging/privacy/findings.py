"""Say where something was found, never what; and settle whose it is where several detectors claim it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Finding", "settle"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that must not leave: which detector saw it, and the half-open range of characters it took.

    The offsets count in the original text. Inside a structure, `path` leads to that text: `user.cards[0]`.
    The value itself is not kept.
    """

    detector: str
    start: int
    end: int
    path: str = ""


def settle(claims: Iterable[Finding]) -> list[Finding]:
    """Return findings in order that do not overlap and cover all that was claimed.

    Claims come in the order in which detectors win. The outermost claim wins, then the earlier detector; where
    two overlap in part, the first takes both, for no part of either may stay.
    """
    settled: list[Finding] = []
    for claim in sorted(claims, key=lambda found: (found.start, -found.end)):
        if settled and claim.start < settled[-1].end:
            last = settled[-1]
            if claim.end > last.end:
                settled[-1] = Finding(last.detector, last.start, claim.end, last.path)
        else:
            settled.append(claim)
    return settled

"""The books of an outbox: what was accepted, and what became of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Entry", "Ledger", "WhenFull"]


class WhenFull(enum.StrEnum):
    """What gives way when an outbox is full."""

    DROP_OLDEST = "drop_oldest"
    """The entry that has waited longest."""
    DROP_NEWEST = "drop_newest"
    """The entry that comes."""
    BLOCK = "block"
    """The caller waits for room up to a deadline; then the entry that comes is dropped."""
    SPILL = "spill"
    """Nothing, up to the journal's limit; there the entry that comes is dropped."""


class Entry(NamedTuple):
    """An entry that was lost: its level, and what would have been delivered."""

    level: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books at one moment, in entries of this process."""

    accepted: int
    delivered: int
    dropped: Mapping[str, int]
    queued: int
    in_flight: int
    spilled: int
    """Those that wait in the journal only: no room in memory, or left there at the end."""
    unjournaled: Mapping[str, int]
    """Those that the journal did not take, by reason: a kill would have lost them."""

    @property
    def balances(self) -> bool:
        """Whether every entry accepted is accounted for."""
        settled = self.delivered + sum(self.dropped.values())
        return self.accepted == settled + self.queued + self.in_flight + self.spilled

"""Name what can be wrong with a trail, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Damage", "DamageKind", "Progress", "Verification"]


class DamageKind(StrEnum):
    """What was done to the trail, as far as it can be told from what is left."""

    EDITED = "edited"
    """An entry's event or code is not what was signed; its neighbours are whole."""

    DELETED = "deleted"
    """Entries are missing from the beginning or the middle of a chain."""

    REORDERED = "reordered"
    """Entries are there but not in their order."""

    INSERTED = "inserted"
    """There is an entry too many between two that belong together: one signed by nobody, or a copy."""

    TRUNCATED = "truncated"
    """The end of a chain is gone, or all of it; a checkpoint says that it was there."""

    FORGED = "forged"
    """Entries at the end of a chain, or a whole chain, were signed by nobody who has the key."""

    FORKED = "forked"
    """A chain goes on from an entry twice, both times with a valid code: two processes had the same head."""

    UNKNOWN_KEY = "unknown key"
    """The key that an entry names is not in the ring: retired too early, or never there."""

    RETIRED_KEY = "retired key"
    """An older key signed an entry after a newer one had: the older key may be in wrong hands."""

    UNREADABLE = "unreadable"
    """There is something that is no entry at all."""

    CHECKPOINT_MISMATCH = "checkpoint mismatch"
    """Chain and checkpoint contradict each other, or a checkpoint was edited, removed or forged."""

    END_MISMATCH = "end mismatch"
    """The signed end of a chain is gone, forged, put back or another's."""

    HOLD_MISSING = "hold missing"
    """A legal hold that the trail says is in force is gone, or not what was placed."""

    TOMBSTONE_FORGED = "tombstone forged"
    """The record of a purge is signed by nobody who has the key."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One writer's first damage, or a checkpoint's. `seq` numbers the entry in its chain, or the checkpoint."""

    kind: DamageKind
    writer: str
    seq: int
    detail: str
    event_id: str = ""

    def __str__(self) -> str:
        beside = f"checkpoint {self.seq}" if self.seq else "the trail"
        where = f"entry {self.seq} of {self.writer}" if self.writer else beside
        named = f" (event {self.event_id})" if self.event_id else ""
        return f"{self.kind}: {where}{named}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come: entries read, and the chain that it is at."""

    entries: int
    writer: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read and what is wrong with it; `damages` are in the order in which they were met.

    `unsealed` counts entries that no checkpoint covers yet: their tail could be cut off unseen, in a store that signs
    heads by whoever has kept older ones. `torn` counts last
    lines that a killed process left half-written; they were never acknowledged, so nothing is missing.
    """

    entries: int
    writers: int
    checkpoints: int
    purged: int
    unsealed: int
    torn: int
    damages: tuple[Damage, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages

    @property
    def first(self) -> Damage | None:
        """The first bad entry."""
        return self.damages[0] if self.damages else None

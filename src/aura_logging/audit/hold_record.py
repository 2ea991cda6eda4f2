"""Know from the trail itself which legal holds are in force, so that nobody takes one away unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aura_logging.audit.canonical import parse
from aura_logging.audit.chain import is_signed_by
from aura_logging.audit.damage import Damage, DamageKind
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.base import Entry

__all__ = ["HOLD_LIFTED", "HOLD_OBJECT", "HOLD_PLACED", "HoldRecord", "is_about_a_hold"]

HOLD_OBJECT = "audit.hold"
HOLD_PLACED = "audit.hold_placed"
HOLD_LIFTED = "audit.hold_lifted"

_BEGINNING = b'{"action":"audit.hold_'
"""What such an event begins with, its members being sorted."""


def is_about_a_hold(event_bytes: bytes) -> bool:
    """Tell the events that say which holds are in force; a purge leaves them where they are."""
    return event_bytes.startswith(_BEGINNING)


class _Said(NamedTuple):
    """What the trail last said about the hold of a name; `digest` is empty if that it is lifted."""

    timestamp: float
    digest: str
    writer: str
    seq: int
    event_id: str


class HoldRecord:
    """What the events of a trail say of its holds: of each name the last word counts.

    An event that is signed counts wherever it stands, in a damaged chain too; one that is not does not count at all.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._said: dict[str, _Said] = {}

    def noting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries, and remember what they say of holds."""
        for entry in entries:
            if entry.event_bytes.startswith(_BEGINNING):
                self._note(entry)
            yield entry

    def _note(self, entry: Entry) -> None:
        if not is_signed_by(entry.link, entry.event_bytes, self._keys):
            return
        event = parse(entry.event_bytes)
        digest = str(event.extra.get("hold", "")) if event.action == HOLD_PLACED else ""
        said = _Said(event.timestamp, digest, entry.link.writer, entry.link.seq, event.id)
        if event.object_id not in self._said or said.timestamp >= self._said[event.object_id].timestamp:
            self._said[event.object_id] = said

    def is_in_force(self, name: str) -> bool:
        """Tell whether the trail says that a hold of this name is in force."""
        return name in self._said and bool(self._said[name].digest)

    def missing(self, holds: Iterable[Hold]) -> list[Damage]:
        """Return the holds that are in force by the trail and not, or not in the same words, among those given.

        One that the trail says nothing about is no damage: it can only keep more.
        """
        there = {hold.digest for hold in holds}
        return [
            Damage(
                DamageKind.HOLD_MISSING, said.writer, said.seq,
                f"the legal hold {name!r} was placed here and never lifted, and it is gone or was changed; "
                "place it again, or lift it",
                said.event_id,
            )
            for name, said in sorted(self._said.items())
            if said.digest and said.digest not in there
        ]  # fmt: skip

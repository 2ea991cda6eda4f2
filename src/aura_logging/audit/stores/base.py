"""Name what a store of audit entries must offer, so that an entry is durable when `append` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from aura_logging.audit.chain import Link
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.query import EVERYTHING, EntryFilter
from aura_logging.health import Health

if TYPE_CHECKING:
    from aura_logging.audit.checkpoint import Checkpoint
    from aura_logging.audit.holds import Hold
    from aura_logging.audit.signed_head import SignedHead
    from aura_logging.audit.tombstones import Tombstone

__all__ = ["AuditError", "AuditStore", "CheckpointConflictError", "EVERYTHING", "TORN", "Entry", "EntryFilter"]


TORN = "torn"
"""What `Entry.damage` says of half an entry at the very end of a dead writer's chain."""


class AuditError(Exception):
    """The trail cannot be written (or read) now: what was to be recorded is not, so the guarded work must not go on."""


class CheckpointConflictError(AuditError):
    """Somebody else added a checkpoint of this number first; read theirs and try again."""


class Entry(NamedTuple):
    """An event's canonical bytes and its place in a chain; `event_bytes` are those that were signed.

    `damage` is for a store that shows parts of the event beside these bytes (columns, say) and finds that they
    contradict them: what it found, in words. Verification reports it as an edit. A store whose raw data are no entry
    yields an entry with empty `event_bytes` and says in `damage` what is there: `TORN` for the beginning of an entry
    that a killed process was writing, which was never acknowledged.
    """

    event_bytes: bytes
    link: Link
    damage: str = ""


@runtime_checkable
class AuditStore(Protocol):
    """Entries in chains, and what is signed about them. `aura_logging.audit.stores.contract` tests an implementation.

    Any thread may call any method; a store opened before a fork works on both sides of it, as another writer in the
    child. Constructing one touches neither disk nor network. Every failure is an `AuditError`.
    """

    def append(self, event: AuditEvent) -> Entry:
        """Write the event, scrubbed already, as the next entry of this writer's chain; durable on return.

        (A store inside a database: durable with the surrounding transaction, gone with it.) After `AuditError` the
        event is not in the trail, and the chain is whole.
        """
        ...

    def heads(self) -> Mapping[str, int]:
        """Return the names of all writers that have entries here, each with the number of its last one."""
        ...

    def signed_heads(self, writer: str | None = None) -> Mapping[str, SignedHead] | None:
        """Return the signed ends of all chains, or of one; None if this store keeps none.

        A store that does so writes an entry and its head together: whoever reads heads first never finds one of an
        entry that is not there.
        """
        ...

    def entries(
        self, writer: str | None = None, after_seq: int = 0, where: EntryFilter = EVERYTHING
    ) -> Iterator[Entry]:
        """Yield entries writer by writer in order of name, each writer's in the order in which they are stored.

        An entry's `link.writer` is the chain in which it stands here, whatever else may be written on it.

        `after_seq` skips what a writer's chain has up to that number (where the numbers are in order). With no `where`
        every entry is yielded, damaged ones too. Streams: the memory of a batch, whatever there is.
        """
        ...

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Yield the checkpoints in order, those behind number `after`; what is none any more, with an empty `mac`."""
        ...

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; `CheckpointConflictError` unless its number follows that of the last one."""
        ...

    def tombstones(self, writer: str | None = None) -> Iterator[Tombstone]:
        """Yield what stands in the place of purged entries, in order of writer and number."""
        ...

    def purge(self, tombstones: Sequence[Tombstone]) -> int:
        """Keep the tombstones durably, then remove the entries that they cover; return how many went.

        Entries may be left where they cannot be removed yet (a segment still being written): a tombstone permits, a
        later purge finishes.
        """
        ...

    def holds(self) -> Sequence[Hold]:
        """Return the legal holds in force."""
        ...

    def add_hold(self, hold: Hold) -> None:
        """Put a hold in force; one of the same name is replaced."""
        ...

    def lift_hold(self, name: str) -> bool:
        """Take a hold out of force; false if there is none of that name."""
        ...

    def health(self) -> Health:
        """Return the state as of the last call, without touching the store."""
        ...

    def close(self) -> None:
        """Let go of files and connections; a later call opens them again."""
        ...

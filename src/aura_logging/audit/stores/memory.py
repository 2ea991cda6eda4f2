"""Keep entries in this process's memory, for tests: everything is gone when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from aura_logging.audit.canonical import canonical
from aura_logging.audit.chain import Head, extend, new_writer, start
from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EVERYTHING, EntryFilter, Question
from aura_logging.audit.signed_head import SignedHead, sign_head
from aura_logging.audit.stores.base import CheckpointConflictError, Entry
from aura_logging.audit.tombstones import Tombstone
from aura_logging.health import Health, Status

__all__ = ["MemoryAuditStore"]


class MemoryAuditStore:
    """The protocol at its plainest. `kept…` is open to tests that play the attacker; `writer` may be set to another.

    With `signs_heads` it signs the ends of its chains.
    """

    def __init__(self, keys: KeyRing, writer: str = "", *, signs_heads: bool = False) -> None:
        self.keys = keys
        self.writer = writer or new_writer()
        self.kept: dict[str, list[Entry]] = {}
        self.kept_checkpoints: list[Checkpoint] = []
        self.kept_tombstones: list[Tombstone] = []
        self.kept_heads: dict[str, SignedHead] | None = {} if signs_heads else None
        self._heads: dict[str, Head] = {}
        self._holds: dict[str, Hold] = {}
        self._lock = threading.RLock()

    def append(self, event: AuditEvent) -> Entry:
        """Put the event behind the others of the current writer."""
        event_bytes = canonical(event)
        with self._lock:
            link = extend(self._heads.get(self.writer) or start(self.writer), event_bytes, self.keys)
            entry = Entry(event_bytes, link)
            self.kept.setdefault(self.writer, []).append(entry)
            self._heads[self.writer] = Head(link.writer, link.seq, link.mac)
            if self.kept_heads is not None:
                self.kept_heads[self.writer] = sign_head(link, self.keys)
        return entry

    def heads(self) -> Mapping[str, int]:
        """Return the writers and their last numbers."""
        with self._lock:
            return {writer: entries[-1].link.seq for writer, entries in sorted(self.kept.items()) if entries}

    def signed_heads(self, writer: str | None = None) -> Mapping[str, SignedHead] | None:
        """Return the ends of the chains, if they are signed."""
        found = self.kept_heads
        return None if found is None else {name: found[name] for name in found if writer in (None, name)}

    def entries(
        self, writer: str | None = None, after_seq: int = 0, where: EntryFilter = EVERYTHING
    ) -> Iterator[Entry]:
        """Yield what is there, or what fits."""
        question = Question(where)
        for name in list(self.heads()) if writer is None else [writer]:
            for entry in list(self.kept.get(name, ())):
                if entry.link.seq > after_seq and question.fits(entry.event_bytes):
                    yield entry

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Yield the checkpoints."""
        yield from [each for each in self.kept_checkpoints if each.number > after]

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint."""
        with self._lock:
            last = self.kept_checkpoints[-1].number if self.kept_checkpoints else 0
            if checkpoint.number != last + 1:
                raise CheckpointConflictError(f"checkpoint {checkpoint.number} cannot follow {last}")
            self.kept_checkpoints.append(checkpoint)

    def tombstones(self, writer: str | None = None) -> Iterator[Tombstone]:
        """Yield the tombstones."""
        for tombstone in sorted(self.kept_tombstones, key=lambda each: (each.writer, each.first)):
            if writer is None or tombstone.writer == writer:
                yield tombstone

    def purge(self, tombstones: Sequence[Tombstone]) -> int:
        """Put tombstones in the place of entries."""
        removed = 0
        with self._lock:
            self.kept_tombstones.extend(tombstones)
            for tombstone in tombstones:
                entries = self.kept.get(tombstone.writer, [])
                left = [each for each in entries if not tombstone.first <= each.link.seq <= tombstone.last]
                removed += len(entries) - len(left)
                self.kept[tombstone.writer] = left
        return removed

    def holds(self) -> Sequence[Hold]:
        """Return the holds in force."""
        return list(self._holds.values())

    def add_hold(self, hold: Hold) -> None:
        """Put a hold in force."""
        self._holds[hold.name] = hold

    def lift_hold(self, name: str) -> bool:
        """Take a hold out of force."""
        return self._holds.pop(name, None) is not None

    def health(self) -> Health:
        """Return how many entries there are."""
        return Health(Status.HEALTHY, accepted=sum(map(len, self.kept.values())))

    def close(self) -> None:
        """Keep everything."""

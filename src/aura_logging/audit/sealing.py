"""Seal what came since the last checkpoint, and hand the seal to whoever keeps it out of reach."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aura_logging.audit.chain import GENESIS, Head
from aura_logging.audit.chain_walk import ChainWalk
from aura_logging.audit.checkpoint import Checkpoint, Range, leaf_of, make_checkpoint
from aura_logging.audit.damage import Damage, DamageKind
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import MerkleTree
from aura_logging.audit.signed_head import check_end
from aura_logging.audit.stores.base import AuditError, AuditStore, CheckpointConflictError
from aura_logging.health import Health, Status
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["Keeper", "PeriodicSealer", "Sealer", "Sealing"]

Keeper = Callable[[Checkpoint], None]
"""Keeps a seal elsewhere; may raise anything. See `keepers`."""

log = logging.getLogger("aura.audit")


@dataclass(frozen=True, slots=True)
class Sealing:
    """What came of sealing: the new checkpoint, None if nothing was new, and the damage that was met on the way.

    A damaged chain is sealed up to its damage, so that what is whole is protected all the same.
    """

    checkpoint: Checkpoint | None
    damages: tuple[Damage, ...]


class Sealer:
    """Makes checkpoints of one store. One thread at a time; processes agree by the numbers of checkpoints.

    Reads what came since the last checkpoint once, and verifies it on the way. A keeper that fails is counted and named
    in `health`, and logged; the next seal speaks for the missed one too, because it is chained to it.
    """

    def __init__(
        self, store: AuditStore, keys: KeyRing, keepers: Sequence[Keeper] = (), *, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._keys = keys
        self._keepers = tuple(keepers)
        self._clock = clock
        self.last: Checkpoint | None = None
        self._sealed: dict[str, Head] = {}
        self._purged: set[str] = set()
        self.made = 0
        self.failed_keepers: Counter[str] = Counter()

    def catch_up(self) -> Checkpoint | None:
        """Read the checkpoints that others made since we looked; return the last there is."""
        for checkpoint in self._store.checkpoints(after=self.last.number if self.last else 0):
            self._remember(checkpoint)
        return self.last

    def seal(self) -> Sealing:
        """Seal what is new. `CheckpointConflictError` if somebody else did meanwhile; `AuditError` from the store.

        `AuditError` too if the last checkpoint was signed with a key that is not in the ring: while a new key is being
        rolled out, those that have it do the sealing.
        """
        before = self.catch_up()
        if before is not None and before.mac and before.key_id not in self._keys:
            raise AuditError(f"the last checkpoint was signed with the key {before.key_id!r}, which is not in the ring")
        ranges: list[Range] = []
        damages: list[Damage] = []
        heads = self._store.heads()
        for writer in sorted({*heads, *self._sealed}):
            sealed = self._sealed.get(writer, Head(writer, 0, GENESIS))
            last = heads.get(writer)
            if last is None or last <= sealed.seq:
                damages += self._missing(sealed, last)
                continue
            walk = ChainWalk(sealed, self._keys)
            tree = MerkleTree()
            for entry in walk.follow(iter(self._store.entries(writer, after_seq=sealed.seq))):
                tree.add(leaf_of(entry.link.mac, entry.event_bytes))
            if tree.count:
                ranges.append(Range(writer, sealed.seq + 1, walk.head.seq, walk.head.mac, tree.root()))
            damage = walk.damage
            if damage is None and walk.head.seq < last:
                signed = (self._store.signed_heads(writer) or {}).get(writer)
                damage = None if signed is None else check_end(walk.head, signed, self._keys)
            if damage is not None:
                damages.append(damage)
        checkpoint = None
        if ranges:
            checkpoint = make_checkpoint(self.last, ranges, self._clock(), self._keys)
            self._store.add_checkpoint(checkpoint)
            self._remember(checkpoint)
            self.made += 1
            self._hand_on(checkpoint)
        return Sealing(checkpoint, tuple(damages))

    def _missing(self, sealed: Head, last: int | None) -> list[Damage]:
        """Return what is missing of a chain that ends before its seal, unless it was purged."""
        if last == sealed.seq or sealed.writer in self._purged:
            return []
        if any(each.last >= sealed.seq for each in self._store.tombstones(sealed.writer)):
            self._purged.add(sealed.writer)
            return []
        detail = f"a checkpoint says that the chain went on to entry {sealed.seq}"
        return [Damage(DamageKind.TRUNCATED, sealed.writer, (last or 0) + 1, detail)]

    def _remember(self, checkpoint: Checkpoint) -> None:
        self.last = checkpoint
        if not checkpoint.is_authentic(self._keys):
            return
        for each in checkpoint.ranges:
            self._sealed[each.writer] = Head(each.writer, each.last, each.mac)

    def _hand_on(self, checkpoint: Checkpoint) -> None:
        for keeper in self._keepers:
            try:
                keeper(checkpoint)
            except Exception as error:  # noqa: BLE001  # a mail server, a disk, anybody's code
                name = getattr(keeper, "__qualname__", type(keeper).__qualname__)
                self.failed_keepers[name] += 1
                log.error(  # noqa: TRY400  # a traceback of somebody's mail client tells nobody anything
                    "a seal of the audit trail could not be kept elsewhere",
                    extra={
                        "keeper": name,
                        "checkpoint": checkpoint.number,
                        "error": f"{type(error).__name__}: {error}",
                    },
                )


class PeriodicSealer:
    """Seals every `every_seconds` while entries come, by one process of the fleet, on a short-lived thread.

    `after_append` costs a comparison; the trail calls it. No thread is started before it is due, and a forked child
    starts with none. `on_thread_end` is called at that thread's end. Damage that is met is logged as an error on
    `aura.audit`, once per chain. A process that has sealed before, and so knows the
    checkpoints, leaves nothing unsealed at its end.
    """

    def __init__(
        self,
        sealer: Sealer,
        every_seconds: float,
        *,
        on_thread_end: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
    ) -> None:
        self._on_thread_end = on_thread_end
        self._sealer = sealer
        self._every_seconds = every_seconds
        self._clock = clock
        self._due_at = clock() + every_seconds
        self._job = BackgroundJob(self._seal_in_background, "aura-audit-sealer")
        self._told: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self.last_error: str | None = None
        self._has_new = False
        tell_after_fork(self)
        atexit.register(_at_exit, weakref.ref(self))

    def after_fork_in_child(self) -> None:
        """In a forked child: the lock may have been held, and what is new is the parent's."""
        self._lock = threading.Lock()
        self._has_new = False

    def after_append(self) -> None:
        """See to it that a seal is made if it is time."""
        self._has_new = True
        if self._clock() >= self._due_at:
            self._due_at = self._clock() + self._every_seconds
            self._job.wake()

    def seal_if_due(self) -> None:
        """Seal now, unless another process did within the interval; never raises."""
        self._seal(self._every_seconds)

    def seal_now(self) -> None:
        """Seal now; never raises."""
        self._seal(0.0)

    def _seal(self, unless_within_seconds: float) -> None:
        with self._lock:
            try:
                last = self._sealer.catch_up()
                if last is not None and self._clock() < last.timestamp + unless_within_seconds:
                    return
                self._has_new = False
                self._tell(self._sealer.seal().damages)
                self.last_error = None
            except CheckpointConflictError as error:
                self.last_error = None if self._others_made_one() else str(error)
            except AuditError as error:
                self.last_error = str(error)

    def _others_made_one(self) -> bool:
        """Tell whether another process was merely faster; if not, checkpoints were taken away or changed."""
        before = self._sealer.last
        return self._sealer.catch_up() is not before

    def _seal_in_background(self) -> None:
        try:
            self.seal_if_due()
        finally:
            self._on_thread_end()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Let a seal that is being made finish, and seal what came since, as at the end of the process."""
        self._job.stop(timeout_seconds, 0.0)
        self.seal_the_rest()

    def seal_the_rest(self) -> None:
        """Seal what is new, in a process that has done so before: another would read all checkpoints for it first."""
        if self._has_new and self._sealer.last is not None:
            self.seal_now()

    def health(self) -> Health:
        """Return how many seals this process made, and which keepers failed."""
        failed = dict(self._sealer.failed_keepers)
        last = self._sealer.last
        facts = {
            "checkpoints_made": self._sealer.made,
            "last_checkpoint": None if last is None else last.number,
            "failed_keepers": failed,
            "damaged_chains": len(self._told),
        }
        if self._told:
            return Health(Status.UNHEALTHY, "the audit trail is damaged; run a verification", facts=facts)
        if failed or self.last_error:
            return Health(Status.DEGRADED, self.last_error or "a seal could not be kept elsewhere", facts=facts)
        return Health(Status.HEALTHY, facts=facts)

    def _tell(self, damages: Sequence[Damage]) -> None:
        for damage in damages:
            if damage.kind is DamageKind.UNKNOWN_KEY:
                continue  # another process may have a new key already; a verification with all keys decides
            if (damage.writer, damage.seq) not in self._told:
                self._told.add((damage.writer, damage.seq))
                log.error(
                    "the audit trail is damaged",
                    extra={
                        "kind": str(damage.kind),
                        "writer": damage.writer,
                        "entry": damage.seq,
                        "found": damage.detail,
                    },
                )


def _at_exit(reference: weakref.ref[PeriodicSealer]) -> None:
    sealer = reference()
    if sealer is not None:
        sealer.seal_the_rest()

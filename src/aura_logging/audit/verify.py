"""Read a whole trail and name the first bad entry of each chain and the kind of damage."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.damage import Progress, Verification
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.base import AuditStore

__all__ = ["verify"]


def verify(
    store: AuditStore,
    keys: KeyRing,
    *,
    kept_elsewhere: Iterable[Checkpoint] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Verification:
    """Return what is in the store and what is wrong with it; reads everything once, in the memory of a batch.

    `kept_elsewhere` are checkpoints (or their seals) from a place out of an attacker's reach: each must be in the store
    as it is there. `on_progress` is called every few thousand entries. `AuditError` if the store cannot be read.
    """
    raise NotImplementedError

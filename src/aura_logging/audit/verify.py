"""Read a whole trail and name the first bad entry of each chain and the kind of damage."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from aura_logging.audit.chain import GENESIS, start
from aura_logging.audit.chain_walk import ChainWalk
from aura_logging.audit.checkpoint import Checkpoint, Range
from aura_logging.audit.damage import Damage, DamageKind, Progress, Verification
from aura_logging.audit.hold_record import HoldRecord
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.signed_head import SignedHead, check_end
from aura_logging.audit.stores.base import AuditError, AuditStore, Entry
from aura_logging.audit.tombstones import Tombstone

__all__ = ["chains", "check_checkpoints", "verify"]

_PROGRESS_EVERY = 10_000

_BESIDE_THE_CHAINS = ""


def verify(
    store: AuditStore,
    keys: KeyRing,
    *,
    kept_elsewhere: Iterable[Checkpoint] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Verification:
    """Return what is in the store and what is wrong with it; reads everything once, in the memory of a batch.

    `kept_elsewhere` are checkpoints (or their seals) from a place out of an attacker's reach: each must be in the store
    as it is there. `on_progress` is called every 10,000 entries and after each writer. `AuditError` if the store cannot
    be read.
    """
    # Before the entries: none is removed but by a purge, so what a head speaks of is there when we come to it.
    heads = store.signed_heads()
    checkpoints = list(store.checkpoints())
    beside, ranges = check_checkpoints(checkpoints, keys, kept_elsewhere)
    tombstones: dict[str, list[Tombstone]] = defaultdict(list)
    for tombstone in store.tombstones():
        if tombstone.is_authentic(keys):
            tombstones[tombstone.writer].append(tombstone)
        else:
            detail = "the record of a purge is not signed by a key of the ring"
            beside.append(Damage(DamageKind.TOMBSTONE_FORGED, tombstone.writer, tombstone.first, detail))

    walks: dict[str, ChainWalk] = {}
    read = 0
    said_of_holds = HoldRecord(keys)
    for writer, entries in chains(said_of_holds.noting(store.entries())):
        if writer in walks:
            detail = "it stands outside of its writer's chain"
            beside.append(Damage(DamageKind.INSERTED, writer, next(entries).link.seq, detail))
            continue
        walk = walks[writer] = ChainWalk(start(writer), keys, tombstones[writer], ranges[writer])
        for _ in walk.follow(entries):
            read += 1
            if on_progress is not None and not read % _PROGRESS_EVERY:
                on_progress(Progress(read, writer))
        if on_progress is not None:
            on_progress(Progress(read, writer))
    for writer in {*ranges, *tombstones, *(heads or ())} - walks.keys():
        walk = walks[writer] = ChainWalk(start(writer), keys, tombstones[writer], ranges[writer])
        list(walk.follow(iter(())))
    for writer, walk in sorted(walks.items()):
        if walk.damage is not None:
            walk = walks[writer] = _again_if_purged_meanwhile(store, keys, walk, tombstones[writer], ranges[writer])
        if walk.damage is None and heads is not None:
            walk.damage = _wrong_at_the_end(store, keys, walk, heads.get(writer))
    try:
        beside += said_of_holds.missing(store.holds())
    except AuditError as error:  # what stands there is no hold
        beside.append(Damage(DamageKind.HOLD_MISSING, _BESIDE_THE_CHAINS, 0, str(error)))
    in_order = [walk for _, walk in sorted(walks.items())]
    sealed_to = {writer: max((each.last for each in found), default=0) for writer, found in ranges.items()}
    return Verification(
        entries=read,
        writers=len(walks),
        checkpoints=len(checkpoints),
        purged=sum(walk.purged for walk in in_order),
        unsealed=sum(max(0, walk.head.seq - sealed_to.get(walk.head.writer, 0)) for walk in in_order),
        torn=sum(walk.torn for walk in in_order),
        damages=(*(walk.damage for walk in in_order if walk.damage is not None), *beside),
    )


def chains(entries: Iterator[Entry]) -> Iterator[tuple[str, Iterator[Entry]]]:
    """Yield every writer with its entries, in one pass: a store of many writers is asked once."""
    return itertools.groupby(entries, key=_writer_of)


def _writer_of(entry: Entry) -> str:
    return entry.link.writer


def _again_if_purged_meanwhile(
    store: AuditStore, keys: KeyRing, walk: ChainWalk, known: Sequence[Tombstone], ranges: Sequence[Range]
) -> ChainWalk:
    """Walk once more if a purge took entries between our look at the tombstones and our coming to that place."""
    writer = walk.head.writer
    now = [each for each in store.tombstones(writer) if each.is_authentic(keys)]
    if len(now) == len(known):
        return walk
    again = ChainWalk(start(writer), keys, now, ranges)
    for _ in again.follow(iter(store.entries(writer))):
        pass
    return again


def _wrong_at_the_end(store: AuditStore, keys: KeyRing, walk: ChainWalk, signed: SignedHead | None) -> Damage | None:
    if signed is None or signed.seq < walk.head.seq:
        # Entries came while we read; then there is a newer head by now.
        signed = (store.signed_heads(walk.head.writer) or {}).get(walk.head.writer)
        if signed is not None and signed.seq > walk.head.seq and signed.is_authentic(keys):
            return None  # they still come; what we have read is whole
    return check_end(walk.head, signed, keys)


def check_checkpoints(
    checkpoints: Sequence[Checkpoint], keys: KeyRing, kept_elsewhere: Iterable[Checkpoint] = ()
) -> tuple[list[Damage], defaultdict[str, list[Range]]]:
    """Return what is wrong with the checkpoints, and what the authentic ones say of each writer."""
    ranges: defaultdict[str, list[Range]] = defaultdict(list)
    for checkpoint in checkpoints:
        if checkpoint.is_authentic(keys) and checkpoint.has_its_ranges():
            for each in checkpoint.ranges:
                ranges[each.writer].append(each)
    wrong = [*_wrong_in_chain(checkpoints, keys), *_missing_here(checkpoints, keys, kept_elsewhere)]
    damages = [Damage(DamageKind.CHECKPOINT_MISMATCH, _BESIDE_THE_CHAINS, number, detail) for number, detail in wrong]
    return damages, ranges


def _wrong_in_chain(checkpoints: Sequence[Checkpoint], keys: KeyRing) -> Iterator[tuple[int, str]]:
    number, previous, rank = 0, GENESIS, 0
    for checkpoint in checkpoints:
        if not checkpoint.is_authentic(keys):
            yield checkpoint.number, "it is not signed by a key of the ring"
        elif not checkpoint.has_its_ranges():
            yield checkpoint.number, "its ranges are not those that were signed"
        elif checkpoint.number != number + 1 or checkpoint.previous != previous:
            yield checkpoint.number, f"it does not follow the one before it, which has the number {number}"
        elif keys.rank(checkpoint.key_id) < rank:
            yield checkpoint.number, f"the key {checkpoint.key_id!r} signed it after a newer key had been in use"
        number, previous, rank = checkpoint.number, checkpoint.mac, max(rank, keys.rank(checkpoint.key_id))


def _missing_here(
    checkpoints: Sequence[Checkpoint], keys: KeyRing, kept_elsewhere: Iterable[Checkpoint]
) -> Iterator[tuple[int, str]]:
    here = {checkpoint.number: checkpoint.mac for checkpoint in checkpoints}
    for kept in kept_elsewhere:
        if not kept.is_authentic(keys):
            yield kept.number, "the copy that was kept elsewhere is not signed by a key of the ring"
        elif kept.number not in here:
            yield kept.number, "it was kept elsewhere and is missing here"
        elif here[kept.number] != kept.mac:
            yield kept.number, "it is another than the one that was kept elsewhere"

"""Follow one writer's chain, and hold it against what the checkpoints say of it."""

from __future__ import annotations

import hmac
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from aura_logging.audit.chain import Head, code_of, prefix_of
from aura_logging.audit.checkpoint import Range, leaf_of
from aura_logging.audit.damage import Damage, DamageKind
from aura_logging.audit.diagnosis import diagnose, is_genuine
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import MerkleTree
from aura_logging.audit.stores.base import TORN, Entry
from aura_logging.audit.tombstones import Tombstone

__all__ = ["ChainWalk"]

_LOOK_AHEAD = 10_000
"""How many entries behind a bad one are looked at to tell what was done; a deletion needs one, a reordering more."""


class ChainWalk:
    """One walk along one chain, from `after` on (from the beginning: `start(writer)`).

    `tombstones` are authentic, `ranges` are what authentic checkpoints say of this writer. `follow` once; then `head`
    is where it ended, `damage` why if not at the end, `purged` how many entries only tombstones speak of, `torn`
    whether half a line was at the end.
    """

    def __init__(
        self, after: Head, keys: KeyRing, tombstones: Sequence[Tombstone] = (), ranges: Sequence[Range] = ()
    ) -> None:
        self.damage: Damage | None = None
        self.purged = 0
        self.torn = False
        self._keys = keys
        self._tombstones = sorted(tombstones, key=lambda each: (each.first, each.last))
        self._firsts = [each.first for each in self._tombstones]
        self._seals = _Seals(ranges)
        self._writer, self._seq, self._mac = after
        self._rank = -1

    @property
    def head(self) -> Head:
        """Up to where the chain is whole."""
        return Head(self._writer, self._seq, self._mac)

    def follow(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Yield the entries that are what they have to be, up to the end or the first damage.

        Straight-line, because a trail has millions of entries (see benchmarks/audit.py): the loop only asks whether an
        entry is what has to follow; everything else is for where it is not.
        """
        key_id = ""
        keyed: hmac.HMAC | None = None
        prefix = b""
        seals = self._seals
        for entry in entries:
            event_bytes, (_, seq, previous, mac, signer), damage = entry
            if signer != key_id and signer in self._keys and self._keys.rank(signer) >= self._rank:
                key_id, keyed, prefix = signer, self._keys.keyed(signer), prefix_of(self._writer, signer)
            while True:
                if (
                    seq == self._seq + 1
                    and previous == self._mac
                    and signer == key_id
                    and not damage
                    and keyed is not None
                    # Nobody learns a code from how long this comparison takes: who asks has the key.
                    and code_of(keyed, prefix, seq, previous, event_bytes) == mac
                ):
                    self._seq, self._mac, self._rank = seq, mac, self._keys.rank(key_id)
                    if seq >= seals.first:
                        seals.tree.add(leaf_of(mac, event_bytes))
                        if seq == seals.last and not seals.close(mac):
                            self._contradict("what checkpoints say of the entries up to here is not what is there")
                            return
                    yield entry
                    break
                if self._is_purged_already(entry):
                    break
                if self._cross_gap(before=seq):
                    if self.damage is not None:
                        return
                    continue
                self._stop_at(entry, entries)
                return
        self._end()

    def _is_purged_already(self, entry: Entry) -> bool:
        """Tell an entry that a purge has left for later from one that is in the wrong place."""
        gap = self._gap()
        return gap is not None and self._seq + 1 < entry.link.seq <= gap.last and is_genuine(entry, self._keys)

    def _gap(self) -> Tombstone | None:
        """Return the tombstone that speaks of the next entry and fits onto this one."""
        at = bisect_right(self._firsts, self._seq + 1)
        for gap in reversed(self._tombstones[:at]):
            fits = gap.last > self._seq and (gap.first <= self._seq or gap.previous == self._mac)
            # A purge comes behind what it purges: an older key than the entries' own cannot have signed it.
            if fits and self._keys.rank(gap.key_id) >= self._rank:
                return gap
        return None

    def _cross_gap(self, before: int) -> bool:
        gap = self._gap()
        if gap is None or gap.last >= before:
            return False
        self.purged += gap.last - self._seq
        self._seq, self._mac = gap.last, gap.mac_of_last
        if not self._seals.skip_to(gap.last, gap.mac_of_last):
            self._contradict("the tombstone that ends here and a checkpoint speak of different entries")
        return True

    def _end(self) -> None:
        while self.damage is None and self._cross_gap(before=1 << 64):
            pass
        missing_to = self._seals.says_more_than(self._seq)
        if self.damage is None and missing_to is not None:
            detail = f"a checkpoint says that the chain went on to entry {missing_to}"
            self.damage = Damage(DamageKind.TRUNCATED, self._writer, self._seq + 1, detail)

    def _stop_at(self, entry: Entry, entries: Iterator[Entry]) -> None:
        following = list(itertools.islice(entries, _LOOK_AHEAD))
        if entry.damage == TORN and not following:
            self.torn = True
            self._end()
        else:
            self.damage = diagnose(self.head, entry, following, self._keys)

    def _contradict(self, detail: str) -> None:
        self.damage = Damage(DamageKind.CHECKPOINT_MISMATCH, self._writer, self._seq, detail)


class _Seals:
    """The ranges of one writer, each checked when its last entry has been seen."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._ranges = sorted(ranges, key=lambda each: each.last)
        self._at = -1
        self._next()

    def _next(self) -> None:
        self._at += 1
        self.tree = MerkleTree()
        self._is_partial = False
        if self._at < len(self._ranges):
            self.first, self.last = self._ranges[self._at].first, self._ranges[self._at].last
        else:
            self.first = self.last = 1 << 64  # beyond every entry

    def close(self, mac: bytes) -> bool:
        """Tell whether the range whose last entry has this code holds what was sealed, and go on to the next."""
        sealed, tree, is_partial = self._ranges[self._at], self.tree, self._is_partial
        self._next()
        return sealed.mac == mac and (is_partial or sealed.root == tree.root())

    def skip_to(self, seq: int, mac: bytes) -> bool:
        """Pass over purged entries up to `seq`; false if a range ends just there with another code."""
        agrees = True
        while self.last <= seq:
            agrees = agrees and (self.last < seq or self._ranges[self._at].mac == mac)
            self._next()
        if self.first <= seq:
            self._is_partial = True
        return agrees

    def says_more_than(self, seq: int) -> int | None:
        """Return the last entry that a checkpoint knows of, if it is beyond `seq`."""
        last = max((each.last for each in self._ranges), default=0)
        return last if last > seq else None

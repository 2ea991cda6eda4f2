"""Seal what all writers have written so far: a Merkle root, signed, chained to the one before, to be kept elsewhere.

A chain alone does not show that its tail, or a whole writer, is gone. A checkpoint says up to where every writer had
come, so it does; and a copy kept out of the attacker's reach shows even what was signed anew with a stolen key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from aura_logging.audit.canonical import time_from_text, time_to_text
from aura_logging.audit.chain import GENESIS
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import root_of
from aura_logging.audit.signatures import body, is_signed, sign

__all__ = ["Checkpoint", "Range", "leaf_of", "make_checkpoint"]

_KIND = "checkpoint"


class Range(NamedTuple):
    """One writer's entries under a checkpoint, `first` to `last`; `mac` is the last one's, `root` their Merkle root."""

    writer: str
    first: int
    last: int
    mac: bytes
    root: bytes


def leaf_of(mac: bytes, event_bytes: bytes) -> bytes:
    """Return an entry's leaf. Its code binds writer, number and predecessor; the event is there for who has no key."""
    return mac + event_bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the trail was at `timestamp` (Unix seconds). `number` counts from 1, `previous` is the last one's `mac`.

    `ranges` are sorted by writer and cover what came since the checkpoint before. `root` is the Merkle root over them,
    `mac` signs everything but the ranges, which the root stands for: `seal` is complete without them.
    """

    number: int
    timestamp: float
    previous: bytes
    entries: int
    root: bytes
    ranges: tuple[Range, ...]
    key_id: str
    mac: bytes

    def seal(self) -> bytes:
        """Return the checkpoint without its ranges as one line of JSON: what has to be kept elsewhere."""
        return body({**_signed_part(self), "mac": self.mac.hex()})

    def as_json(self) -> bytes:
        """Return the whole checkpoint as one line of JSON; `parse` reads it."""
        ranges = [[each.writer, each.first, each.last, each.mac.hex(), each.root.hex()] for each in self.ranges]
        return body({**_signed_part(self), "mac": self.mac.hex(), "ranges": ranges})

    @classmethod
    def parse(cls, text: bytes | str) -> Checkpoint:
        """Read what `as_json` or `seal` wrote (the latter has no ranges); `ValueError` for anything else."""
        try:
            members: Mapping[str, Any] = orjson.loads(text)
            return cls(
                members["number"],
                time_from_text(members["timestamp"]),
                bytes.fromhex(members["previous"]),
                members["entries"],
                bytes.fromhex(members["root"]),
                tuple(
                    Range(writer, first, last, bytes.fromhex(mac), bytes.fromhex(root))
                    for writer, first, last, mac, root in members.get("ranges", ())
                ),
                members["key"],
                bytes.fromhex(members["mac"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a checkpoint: {error!r}") from None

    def is_authentic(self, keys: KeyRing) -> bool:
        """Tell whether a key of the ring signed this."""
        return is_signed(_KIND, _signed_part(self), self.mac, keys)

    def has_its_ranges(self) -> bool:
        """Tell whether the ranges are those that were signed."""
        return root_of(map(_range_leaf, self.ranges)) == self.root


def make_checkpoint(last: Checkpoint | None, ranges: Sequence[Range], now: float, keys: KeyRing) -> Checkpoint:
    """Return the checkpoint that follows `last`, signed with the newest key."""
    ordered = tuple(sorted(ranges))
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.mac)
    entries = sum(each.last - each.first + 1 for each in ordered)
    root = root_of(map(_range_leaf, ordered))
    unsigned = Checkpoint(number, now, previous, entries, root, ordered, keys.newest_id, b"")
    mac = sign(_KIND, _signed_part(unsigned), keys)
    return Checkpoint(number, now, previous, entries, root, ordered, keys.newest_id, mac)


def _signed_part(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "number": checkpoint.number,
        "timestamp": time_to_text(checkpoint.timestamp),
        "previous": checkpoint.previous.hex(),
        "entries": checkpoint.entries,
        "root": checkpoint.root.hex(),
        "key": checkpoint.key_id,
    }


def _range_leaf(each: Range) -> bytes:
    return body(
        {"writer": each.writer, "first": each.first, "last": each.last, "mac": each.mac.hex(), "root": each.root.hex()}
    )

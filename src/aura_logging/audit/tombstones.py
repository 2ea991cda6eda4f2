"""Stand in for entries that were purged, signed, so that the chain can be followed across the gap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from aura_logging.audit.canonical import time_from_text, time_to_text
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.signatures import body, is_signed, sign

__all__ = ["Tombstone"]

_KIND = "tombstone"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The entries `first` to `last` of a writer were purged at `purged_at` (Unix seconds), for `reason`.

    `previous` is the code of the entry before the first, `mac_of_last` that of the last: a chain goes on from there.
    `root` is the Merkle root of what was there (leaves as in a checkpoint), for who kept a copy.
    """

    writer: str
    first: int
    last: int
    previous: bytes
    mac_of_last: bytes
    root: bytes
    purged_at: float
    reason: str
    key_id: str = ""
    mac: bytes = b""

    @property
    def count(self) -> int:
        """How many entries it stands for."""
        return self.last - self.first + 1

    def signed(self, keys: KeyRing) -> Tombstone:
        """Return the same, signed with the newest key."""
        unsigned = replace(self, key_id=keys.newest_id)
        return replace(unsigned, mac=sign(_KIND, _signed_part(unsigned), keys))

    def is_authentic(self, keys: KeyRing) -> bool:
        """Tell whether a key of the ring signed this."""
        return is_signed(_KIND, _signed_part(self), self.mac, keys)

    def as_json(self) -> bytes:
        """Return it as one line of JSON; `parse` reads it."""
        return body({**_signed_part(self), "mac": self.mac.hex()})

    @classmethod
    def parse(cls, text: bytes | str) -> Tombstone:
        """Read what `as_json` wrote; `ValueError` for anything else."""
        try:
            members = orjson.loads(text)
            return cls(
                members["writer"],
                members["first"],
                members["last"],
                bytes.fromhex(members["previous"]),
                bytes.fromhex(members["mac_of_last"]),
                bytes.fromhex(members["root"]),
                time_from_text(members["purged_at"]),
                members["reason"],
                members["key"],
                bytes.fromhex(members["mac"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a tombstone: {error!r}") from None


def _signed_part(tombstone: Tombstone) -> dict[str, Any]:
    return {
        "writer": tombstone.writer,
        "first": tombstone.first,
        "last": tombstone.last,
        "previous": tombstone.previous.hex(),
        "mac_of_last": tombstone.mac_of_last.hex(),
        "root": tombstone.root.hex(),
        "purged_at": time_to_text(tombstone.purged_at),
        "reason": tombstone.reason,
        "key": tombstone.key_id,
    }

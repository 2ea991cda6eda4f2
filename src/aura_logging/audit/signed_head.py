"""Sign where a writer's chain ends, so that its last entry cannot be taken away unseen."""

from __future__ import annotations

from typing import NamedTuple

from aura_logging.audit.chain import Head, Link
from aura_logging.audit.damage import Damage, DamageKind
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.signatures import is_signed, sign

__all__ = ["SignedHead", "check_end", "sign_head"]

_KIND = "head"


class SignedHead(NamedTuple):
    """The number and the code of a chain's last entry, signed for itself: an entry's own code stands beside the entry.

    Kept beside the entries and written with each, both or neither. Whoever removes the last entry would have to put
    back a head that was signed earlier, and must have kept one: it is nowhere any more.
    """

    writer: str
    seq: int
    mac: bytes
    key_id: str
    signature: bytes

    def is_authentic(self, keys: KeyRing) -> bool:
        """Tell whether a key of the ring signed this."""
        return is_signed(_KIND, _signed_part(self.writer, self.seq, self.mac, self.key_id), self.signature, keys)


def sign_head(link: Link, keys: KeyRing) -> SignedHead:
    """Return the head of a chain whose last entry has this link, signed with the newest key."""
    writer, seq, _, mac, _ = link
    key_id = keys.newest_id
    return SignedHead(writer, seq, mac, key_id, sign(_KIND, _signed_part(writer, seq, mac, key_id), keys))


def check_end(end: Head, signed: SignedHead | None, keys: KeyRing) -> Damage | None:
    """Return what is wrong with the end of a chain whose entries are whole up to `end`, given what was signed of it.

    `signed` must not be older than the entries that were read.
    """
    writer, seq, mac = end
    if signed is None:
        return _mismatch(end, "the signed end of the chain is gone") if seq else None
    if not signed.is_authentic(keys):
        return _mismatch(end, "the end of the chain is not signed by a key of the ring")
    if signed.seq > seq:
        detail = f"its signed end says that the chain went on to entry {signed.seq}"
        return Damage(DamageKind.TRUNCATED, writer, seq + 1, detail)
    if signed.seq < seq:
        return _mismatch(end, f"the signed end of the chain is that of entry {signed.seq}: it was put back")
    return None if signed.mac == mac else _mismatch(end, "the signed end of the chain is that of another entry")


def _mismatch(end: Head, detail: str) -> Damage:
    return Damage(DamageKind.END_MISMATCH, end.writer, end.seq, detail)


def _signed_part(writer: str, seq: int, mac: bytes, key_id: str) -> dict[str, object]:
    return {"writer": writer, "seq": seq, "mac": mac.hex(), "key": key_id}

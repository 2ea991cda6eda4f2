"""Tell from a bad entry and its neighbours what was done to a chain."""

from __future__ import annotations

from collections.abc import Sequence

from aura_logging.audit.canonical import parse
from aura_logging.audit.chain import Head, is_signed_by
from aura_logging.audit.damage import Damage, DamageKind
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.base import Entry

__all__ = ["diagnose", "is_genuine"]


def is_genuine(entry: Entry, keys: KeyRing) -> bool:
    """Tell whether a key of the ring signed this entry, wherever it stands."""
    return not entry.damage and is_signed_by(entry.link, entry.event_bytes, keys)


def diagnose(head: Head, bad: Entry, following: Sequence[Entry], keys: KeyRing) -> Damage:
    """Return what is wrong with `bad`, which does not follow `head`; `following` are the next entries of the chain.

    What was done cannot always be told from what is left (the last entry edited or forged: nobody signed it in either
    case); that something was done always can.
    """
    # Whatever a store says whose they are, here they stand in this chain.
    bad, *following = (each._replace(link=each.link._replace(writer=head.writer)) for each in (bad, *following))
    kind, detail = _judge(head, bad, following, keys)
    seq = bad.link.seq if bad.event_bytes else head.seq + 1
    return Damage(kind, head.writer, seq, detail, _event_id(bad.event_bytes))


def _judge(head: Head, bad: Entry, following: Sequence[Entry], keys: KeyRing) -> tuple[DamageKind, str]:
    link = bad.link
    if is_genuine(bad, keys):
        return _misplaced(head, bad, following, keys)
    after = next((entry for entry in following if is_genuine(entry, keys)), None)
    if after is not None and after.link.seq == head.seq + 1 and after.link.previous == head.mac:
        return DamageKind.INSERTED, f"it stands between entry {head.seq} and the one that follows it"
    if bad.damage:
        return (DamageKind.EDITED if bad.event_bytes else DamageKind.UNREADABLE), bad.damage
    if link.key_id not in keys:
        if any(is_genuine(_under(bad, key_id), keys) for key_id in keys):
            return DamageKind.EDITED, f"it names the key {link.key_id!r} and was signed with another"
        return DamageKind.UNKNOWN_KEY, f"the key {link.key_id!r} is not in the ring"
    if after is not None:
        return DamageKind.EDITED, "it is not what was signed"
    if following:
        return DamageKind.FORGED, f"nobody with the key signed it or the {len(following)} behind it"
    return DamageKind.EDITED, "it is not what was signed; as nothing stands behind it, it may be forged as a whole"


def _misplaced(head: Head, bad: Entry, following: Sequence[Entry], keys: KeyRing) -> tuple[DamageKind, str]:
    link = bad.link
    expected = head.seq + 1
    if link.seq == expected and link.previous == head.mac:
        return DamageKind.RETIRED_KEY, f"the key {link.key_id!r} signed it after a newer key had been in use"
    if link.seq == expected or (link.seq == head.seq and link.mac != head.mac):
        return DamageKind.FORKED, f"it is genuine and follows another entry {link.seq - 1} than the one before it"
    if link.seq < expected:
        return DamageKind.INSERTED, f"it is genuine and stands behind entry {head.seq}: moved or copied"
    missing = [each.link.seq for each in following if expected <= each.link.seq < link.seq and is_genuine(each, keys)]
    if missing:
        return DamageKind.REORDERED, f"entry {min(missing)} stands behind it"
    gone = f"entry {expected} is" if link.seq == expected + 1 else f"entries {expected} to {link.seq - 1} are"
    return DamageKind.DELETED, f"{gone} missing before it"


def _under(entry: Entry, key_id: str) -> Entry:
    return entry._replace(link=entry.link._replace(key_id=key_id))


def _event_id(event_bytes: bytes) -> str:
    try:
        return parse(event_bytes).id
    except (ValueError, TypeError):
        return ""

"""Check one entry where it is shown: its own signature, and its ties to its neighbours."""

from __future__ import annotations

from aura_logging.audit.chain import GENESIS, Link, is_signed_by
from aura_logging.audit.keys import KeyRing
from aura_logging.django.audit_columns import COLUMNS, contradiction
from aura_logging.django.models import AuditEntry, AuditTombstone

__all__ = ["what_is_wrong", "what_is_wrong_around"]


def what_is_wrong(entry: AuditEntry, keys: KeyRing) -> str:
    """Return in words what is wrong with an entry in itself; an empty text if nothing is."""
    event_bytes = bytes(entry.event)
    if entry.key_id not in keys:
        return f"its key {entry.key_id!r} is unknown"
    link = Link(entry.writer, entry.seq, bytes(entry.previous), bytes(entry.mac), entry.key_id)
    if not is_signed_by(link, event_bytes, keys):
        return "it is not what was signed"
    return contradiction(tuple(getattr(entry, name) for name in COLUMNS), event_bytes)


def what_is_wrong_around(entry: AuditEntry, keys: KeyRing) -> str:
    """Return what is wrong with an entry or with its place in the chain; asks the database for its neighbours."""
    found = what_is_wrong(entry, keys)
    if found:
        return found
    database = str(entry._state.db)
    neighbours = AuditEntry.objects.using(database).filter(writer=entry.writer, seq__in=(entry.seq - 1, entry.seq + 1))
    macs = {each.seq: (bytes(each.previous), bytes(each.mac)) for each in neighbours}
    if entry.seq - 1 in macs:
        if macs[entry.seq - 1][1] != bytes(entry.previous):
            return "it does not follow the entry before it"
    elif entry.seq > 1 or bytes(entry.previous) != GENESIS:
        stones = AuditTombstone.objects.using(database).filter(writer=entry.writer, last=entry.seq - 1)
        if not stones.exists():
            return "the entry before it is missing"
    if entry.seq + 1 in macs and macs[entry.seq + 1][0] != bytes(entry.mac):
        return "the entry behind it does not follow it"
    return ""

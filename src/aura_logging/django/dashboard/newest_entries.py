"""Say on the dashboard whether the trail's newest entries are what was signed, and which seal is the last."""

from __future__ import annotations

from aura_logging.django.audit_check import what_is_wrong
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_telling import home
from aura_logging.django.conf import options
from aura_logging.django.dashboard.audit import AuditState
from aura_logging.django.models import AuditCheckpoint, AuditEntry
from aura_logging.health import Status

__all__ = ["newest_entries"]

_NEWEST = 50
"""Signatures that a page checks: about a millisecond."""


def newest_entries() -> AuditState | None:
    """Return the state of the newest entries; only `aura_audit verify` knows that of all."""
    database, keys = home(), options(DjangoAuditOptions).key_ring()
    entries = list(AuditEntry.objects.using(database).order_by("-timestamp")[:_NEWEST])
    seal = AuditCheckpoint.objects.using(database).order_by("-number").first()
    facts = {"last seal": "none yet" if seal is None else f"number {seal.number}"}
    if entries:
        facts["newest entry"] = f"{entries[0].timestamp:%Y-%m-%d %H:%M:%S} UTC"
    for entry in entries:
        wrong = what_is_wrong(entry, keys)
        if wrong:
            return AuditState(
                Status.UNHEALTHY,
                f"Entry {entry.seq} of writer {entry.writer}: {wrong}.",
                facts=facts,
                advice="Run manage.py aura_audit verify: it names the first bad entry and what was done.",
            )
    summary = f"The newest {len(entries)} entries are what was signed." if entries else "There is no entry yet."
    return AuditState(
        Status.HEALTHY, summary, facts=facts, advice="manage.py aura_audit verify looks at all, and at their order."
    )

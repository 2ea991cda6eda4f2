"""Tell what somebody saw or tried even if the transaction it was told in is rolled back."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from django.db import connections

from aura_logging.audit.events import AuditEvent
from aura_logging.audit.trail import current_trail
from aura_logging.django.audit_store import in_database

__all__ = ["tell_again", "watch"]

_ATTRIBUTE = "_aura_audit_unconfirmed"


def watch(connection: Any, event: AuditEvent) -> None:
    """Keep the event until its transaction has committed; without a transaction it is durable already."""
    if not connection.in_atomic_block or getattr(connection.atomic_blocks[0], "_from_testcase", False):
        return
    waiting: dict[str, AuditEvent] = connection.__dict__.setdefault(_ATTRIBUTE, {})
    waiting[event.id] = event

    def committed() -> None:
        waiting.pop(event.id, None)

    connection.on_commit(committed)


def tell_again(connection: Any = None) -> None:
    """Append what was rolled back, as of now, on the connections of this thread that are in no transaction.

    Called when a request ends and before a connection's next statement outside a transaction. What cannot be written
    waits on (`AuditError`).
    """
    for each in [connection] if connection is not None else connections.all(initialized_only=True):
        waiting: dict[str, AuditEvent] | None = each.__dict__.get(_ATTRIBUTE)
        if not waiting or each.in_atomic_block:
            continue
        for event in list(waiting.values()):
            again = dataclasses.replace(event, extra={**event.extra, "rolled_back": True})
            with in_database(cast(str, each.alias)):
                current_trail().append(again)
            del waiting[event.id]

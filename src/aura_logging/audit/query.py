"""Tell which events fit a question."""

from __future__ import annotations

from aura_logging.audit.events import AuditEvent
from aura_logging.audit.stores.base import EntryFilter

__all__ = ["matches"]


def matches(event: AuditEvent, where: EntryFilter) -> bool:
    """Tell whether an event fits every part of the filter that is given."""
    return (
        (where.since is None or where.since <= event.timestamp)
        and (where.until is None or event.timestamp < where.until)
        and (where.object_type is None or where.object_type == event.object_type)
        and (where.object_id is None or where.object_id == event.object_id)
        and (where.actor_id is None or where.actor_id == event.actor.id)
        and (where.subject is None or where.subject == event.subject)
        and (where.event_class is None or where.event_class == event.event_class)
        and (where.action is None or where.action == event.action)
    )

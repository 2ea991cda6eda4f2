"""Tell which entries fit a question, without parsing most of those that do not."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from aura_logging.audit.canonical import parse, time_to_text
from aura_logging.audit.events import AuditEvent, EventClass

__all__ = ["EVERYTHING", "EntryFilter", "Question", "is_about", "matches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which events are asked for; what is None does not restrict.

    Times are Unix seconds, `since` <= t < `until`. An event about many objects at once (a list that was read) is about
    each of those whose ids are in its extra field `object_ids`.
    """

    since: float | None = None
    until: float | None = None
    object_type: str | None = None
    object_id: str | None = None
    actor_id: str | None = None
    subject: str | None = None
    event_class: EventClass | None = None
    action: str | None = None


EVERYTHING = EntryFilter()

_TIMESTAMP = b'"timestamp":"'
_TIMESTAMP_BYTES = 27


def matches(event: AuditEvent, where: EntryFilter) -> bool:
    """Tell whether an event fits every part of the filter that is given."""
    return (
        (where.since is None or where.since <= event.timestamp)
        and (where.until is None or event.timestamp < where.until)
        and (where.object_type is None or where.object_type == event.object_type)
        and (where.object_id is None or is_about(event, where.object_id))
        and (where.actor_id is None or where.actor_id == event.actor.id)
        and (where.subject is None or where.subject == event.subject)
        and (where.event_class is None or where.event_class == event.event_class)
        and (where.action is None or where.action == event.action)
    )


def is_about(event: AuditEvent, object_id: str) -> bool:
    """Tell whether an event is about an object, alone or in a list that was read."""
    listed = event.extra.get("object_ids", ())
    return event.object_id == object_id or (isinstance(listed, (list, tuple)) and object_id in map(str, listed))


class Question:
    """A filter, made ready for the canonical bytes of many events."""

    def __init__(self, where: EntryFilter) -> None:
        self._where = where
        self._needles = [
            b'"%b":%b' % (name, orjson.dumps(value))
            for name, value in (
                (b"object_type", where.object_type),
                (b"id", where.actor_id),
                (b"subject", where.subject),
                (b"event_class", where.event_class),
                (b"action", where.action),
            )
            if value is not None
        ]
        if where.object_id is not None:
            self._needles.append(orjson.dumps(where.object_id)[1:-1])  # among `object_ids` it may be a number
        self._since = b"" if where.since is None else time_to_text(where.since).encode()
        # A text of digits and capitals is less than any that begins with "~".
        self._until = b"~" if where.until is None else time_to_text(where.until).encode()

    def fits(self, event_bytes: bytes) -> bool:
        """Tell whether the event fits; false for bytes that are no event."""
        if self._where is EVERYTHING:
            return True
        for needle in self._needles:
            if needle not in event_bytes:
                return False
        # Members are sorted: behind the last "timestamp" nothing but the version is left.
        at = event_bytes.rfind(_TIMESTAMP) + len(_TIMESTAMP)
        if not self._since <= event_bytes[at : at + _TIMESTAMP_BYTES] < self._until:
            return False
        try:
            return matches(parse(event_bytes), self._where)
        except ValueError:
            return False

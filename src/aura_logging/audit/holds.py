"""Keep entries from being purged while a court, an auditor or a customer may ask for them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from aura_logging.audit.events import AuditEvent
from aura_logging.audit.query import is_about

__all__ = ["Hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What fits all that is given here stays, whatever a policy says; a hold of nothing but a name keeps everything.

    `since` and `until` are Unix seconds of the events (`since` <= t < `until`); `placed_at` is when it came into force.
    """

    name: str
    reason: str
    subject: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    actor_id: str | None = None
    since: float | None = None
    until: float | None = None
    placed_at: float = field(default_factory=time.time)

    def covers(self, event: AuditEvent) -> bool:
        """Tell whether this event has to stay."""
        return (
            (self.subject is None or self.subject == event.subject)
            and (self.object_type is None or self.object_type == event.object_type)
            and (self.object_id is None or is_about(event, self.object_id) or _may_be_about_anything(event))
            and (self.actor_id is None or self.actor_id == event.actor.id)
            and self.covers_time(event.timestamp)
        )

    def covers_time(self, timestamp: float) -> bool:
        """Tell whether a moment (Unix seconds) lies within the hold."""
        return (self.since is None or self.since <= timestamp) and (self.until is None or timestamp < self.until)

    def as_json(self) -> bytes:
        """Return it as one line of JSON; `parse` reads it."""
        return orjson.dumps(asdict(self), None, orjson.OPT_SORT_KEYS)

    @property
    def digest(self) -> str:
        """The SHA-256 of `as_json`, in hexadecimal: what the trail remembers of it."""
        return hashlib.sha256(self.as_json()).hexdigest()

    @classmethod
    def parse(cls, text: bytes | str) -> Hold:
        """Read what `as_json` wrote; `ValueError` for anything else."""
        try:
            members: dict[str, Any] = orjson.loads(text)
            return cls(**members)
        except TypeError as error:
            raise ValueError(f"not a hold: {error}") from None


def _may_be_about_anything(event: AuditEvent) -> bool:
    """Tell an event that names no object and whose list of objects, if it has one, is encrypted: better to keep it."""
    return bool(event.sealed) and not event.object_id

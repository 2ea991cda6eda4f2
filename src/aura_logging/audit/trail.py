"""Record an event so that it is in the trail when the call returns, or the call fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from aura_logging.audit.events import Actor, AuditEvent, EventClass
from aura_logging.audit.stores.base import AuditStore, Entry
from aura_logging.health import Health
from aura_logging.privacy.scrubber import Scrubber
from aura_logging.resilience.clock import Clock

__all__ = ["Trail", "configure", "current_trail", "install", "record"]

Describe = Callable[[Any], tuple[str, str, str]]
"""Returns an object's type, id and label."""


class Trail:
    """Scrubs events, encrypts what is a subject's, and hands them to the store."""

    def __init__(
        self,
        store: AuditStore,
        *,
        scrubber: Scrubber | None = None,
        when_unwritable: str = "raise",
        journal_dir: str | None = None,
        describe: Describe | None = None,
        clock: Clock = time.time,
    ) -> None:
        self.store = store

    def record(
        self,
        action: str,
        object: Any = None,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        outcome: str = "success",
        reason: str | None = None,
        *,
        actor: Actor | None = None,
        event_class: EventClass = "other",
        subject: str | None = None,
        **extra: Any,
    ) -> Entry | None:
        """Record what happened; actor, address and correlation id come from the context unless given."""
        raise NotImplementedError

    def append(self, event: AuditEvent) -> Entry | None:
        """Record a ready event: scrub it, encrypt what is its subject's, store it; None when it was journalled."""
        raise NotImplementedError

    def health(self) -> Health:
        """Return the state of this moment."""
        raise NotImplementedError


def configure(store: AuditStore, **options: Any) -> Trail:
    """Make the trail that `record` writes to."""
    return install(Trail(store, **options))


def install(trail: Trail) -> Trail:
    """Have `record` write to this trail."""
    raise NotImplementedError


def current_trail() -> Trail:
    """Return the trail that `record` writes to; `AuditError` if none is configured."""
    raise NotImplementedError


def record(
    action: str,
    object: Any = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    outcome: str = "success",
    reason: str | None = None,
    **extra: Any,
) -> Entry | None:
    """Record what happened in the configured trail."""
    return current_trail().record(action, object, changes, outcome, reason, **extra)

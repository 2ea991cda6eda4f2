"""Know who acts: whom the code named, else whom the context knows, else the system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aura_logging.audit.events import Actor

__all__ = ["acting_as", "actor_of"]

_SYSTEM = Actor("system")
_ANONYMOUS = Actor("anonymous")

_acting: ContextVar[Actor | None] = ContextVar("aura_logging_audit_actor", default=None)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Record what happens in the block as done by this actor: for tasks, commands and impersonation.

    >>> with acting_as(Actor("command", "import_patients")):
    ...     record("patients.imported", rows=120)
    """
    before = _acting.get()
    _acting.set(actor)
    try:
        yield
    finally:
        _acting.set(before)


def actor_of(fields: Mapping[str, Any]) -> Actor:
    """Return who acts: the block's actor, else the user in the context's fields, else the system."""
    acting = _acting.get()
    if acting is not None:
        return acting
    user_id = fields.get("user_id")
    if user_id is not None:
        return Actor("user", str(user_id))
    return _ANONYMOUS if fields.get("user_type") == "anonymous" else _SYSTEM

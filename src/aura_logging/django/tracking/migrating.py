"""Keep what migrations do to tracked tables until the trail has tables of its own."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_migrate, pre_migrate

from aura_logging.audit.events import EventClass
from aura_logging.django.audit_telling import tell
from aura_logging.django.models import AuditEntry

__all__ = ["connect", "has_trail", "tell_or_keep"]

_under_way: set[str] = set()
_kept: dict[str, list[tuple[str, EventClass, dict[str, Any]]]] = {}
_MOST_KEPT = 1_000


def connect() -> None:
    """Listen to migrations; harmless to repeat."""
    pre_migrate.connect(_begin, dispatch_uid="aura_logging.audit.pre_migrate")
    post_migrate.connect(_end, dispatch_uid="aura_logging.audit.post_migrate")


def tell_or_keep(connection: Any, action: str, event_class: EventClass, **said: Any) -> None:
    """Tell it; while migrations run on a database that has no trail yet, keep it until they are through."""
    alias = connection.alias
    if alias in _under_way and not has_trail(connection):
        kept = _kept.setdefault(alias, [])
        if len(kept) < _MOST_KEPT:
            kept.append((action, event_class, said))
        return
    tell(action, event_class, using=alias, survives=False, **said)


def _begin(using: str, **_: Any) -> None:
    _under_way.add(using)


def _end(using: str, plan: Any = (), **_: Any) -> None:
    from django.db import connections

    if using not in _under_way:
        return
    _under_way.discard(using)
    kept = _kept.pop(using, [])
    if not has_trail(connections[using]):
        return  # this database has none, by the project's routers
    for action, event_class, said in kept:
        tell(action, event_class, using=using, **said)
    applied = [f"{'-' if backwards else '+'}{migration}" for migration, backwards in plan or ()]
    if applied:
        tell("migrate", "administration", using=using, extra={"migrations": applied})


def has_trail(connection: Any) -> bool:
    """Tell whether a database has the trail's tables."""
    with connection.cursor() as cursor:
        return AuditEntry._meta.db_table in connection.introspection.table_names(cursor)

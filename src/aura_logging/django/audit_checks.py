"""Warn of what the audit trail will not see, before it is missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections, router
from django.db.models import Model

from aura_logging.django.models import AuditEntry
from aura_logging.django.tracking import registry
from aura_logging.django.tracking.migrating import has_trail

__all__ = ["connect"]

_MIDDLEWARE = "aura_logging.django.middleware.PerformanceMonitoringMiddleware"


def connect() -> None:
    """Add the checks to `manage.py check`; harmless to repeat."""
    register(_check_middleware)
    register(_check_cascades)
    register(_check_tables, Tags.database)


def _check_middleware(**_: Any) -> list[CheckMessage]:
    if not settings.MIDDLEWARE or _MIDDLEWARE in settings.MIDDLEWARE:
        return []
    return [
        Warning(
            "The audit trail is on, and its entries will name no user, address or correlation id.",
            hint=f"Put {_MIDDLEWARE!r} first in MIDDLEWARE.",
            id="aura.W201",
        )
    ]


def _check_tables(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    # A warning: `migrate`, which makes the tables, does not begin while there are errors.
    return [
        Warning(
            f"The audit trail is on, and the database {alias!r} has none of its tables: whatever it would tell of, "
            "a login among it, fails.",
            hint=f"Run `manage.py migrate aura --database {alias}` before the new release takes requests.",
            id="aura.W203",
        )
        for alias in databases or ()
        if router.allow_migrate_model(alias, AuditEntry) and not has_trail(connections[alias])
    ]


def _check_cascades(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for model in registry.tracked_models():
        for field in model._meta.concrete_fields:
            on_delete = getattr(field.remote_field, "on_delete", None)
            if getattr(on_delete, "on_delete_sql", None) is not None:
                found.append(_unseen(model, field.name))
    return found


def _unseen(model: type[Model], name: str) -> CheckMessage:
    return Warning(
        f"The database itself deletes or changes rows of {model._meta.label} when what {name!r} refers to is deleted; "
        "the audit trail does not see it.",
        hint="Use on_delete=models.CASCADE or models.SET_NULL on models that are tracked.",
        obj=model,
        id="aura.W202",
    )

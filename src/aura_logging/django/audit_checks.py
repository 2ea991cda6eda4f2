"""Warn of what the audit trail will not see, before it is missed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.db.models import Model

from aura_logging.django.tracking import registry

__all__ = ["connect"]

_MIDDLEWARE = "aura_logging.django.middleware.PerformanceMonitoringMiddleware"


def connect() -> None:
    """Add the checks to `manage.py check`; harmless to repeat."""
    register(_check_middleware)
    register(_check_cascades)


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

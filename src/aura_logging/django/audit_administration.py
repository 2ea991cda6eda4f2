"""Tell of what is done in the admin, and of settings that are overridden at run time."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core import mail
from django.core.signals import setting_changed

from aura_logging.django.audit_options import ModelOptions
from aura_logging.django.audit_telling import tell
from aura_logging.django.tracking import registry

__all__ = ["connect"]


def connect() -> None:
    """Connect the receiver, and track the admin's own log, which it writes row by row or many at once.

    Harmless to repeat.
    """
    setting_changed.connect(_setting_changed, dispatch_uid="aura_logging.audit.setting")
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import LogEntry

    if registry.tracked(LogEntry) is None:
        registry.ask(LogEntry, ModelOptions(label="object_repr", bulk_values=True), "administration")


def _setting_changed(*, setting: str, enter: bool, **_: Any) -> None:
    # Django's own test tools override settings by the hundred, most of them without a database.
    if not hasattr(mail, "outbox"):
        tell("settings_override" if enter else "settings_restored", "administration", extra={"setting": setting})

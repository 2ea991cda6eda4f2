"""Make the trail that `aura_logging.audit.record` writes to in a Django project."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from aura_logging.audit.trail import Trail
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_store import DatabaseAuditStore
from aura_logging.django.conf import options
from aura_logging.privacy.options import PrivacyOptions

__all__ = ["describe", "make_trail"]


def make_trail(store: DatabaseAuditStore, chosen: DjangoAuditOptions) -> Trail:
    """Return a trail over this store, with the options of the settings; what it scrubs, `AURA["PRIVACY"]` says."""
    return Trail(
        store,
        scrubber=options(PrivacyOptions).scrubber() if chosen.scrub else None,
        when_unwritable=chosen.when_unwritable,
        journal_dir=chosen.journal_dir,
        describe=describe,
    )


def describe(thing: Any) -> tuple[str, str, str]:
    """Return an object's type, id and label; a model's instance is told by its label and key, and never asked for more."""
    if isinstance(thing, Model):
        return thing._meta.label, "" if thing.pk is None else str(thing.pk), ""
    if isinstance(thing, type) and issubclass(thing, Model):
        return thing._meta.label, "", ""
    if isinstance(thing, str):
        return thing, "", ""
    return type(thing).__qualname__, str(getattr(thing, "id", "") or ""), ""

"""Make the trail that `aura_logging.audit.record` writes to in a Django project."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models import Model

from aura_logging.audit import objects
from aura_logging.audit.journal import AuditJournal
from aura_logging.audit.sealing import PeriodicSealer, Sealer
from aura_logging.audit.shredding import SubjectCipher
from aura_logging.audit.trail import Trail
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_store import DatabaseAuditStore
from aura_logging.django.audit_telling import actor_now, home
from aura_logging.django.conf import options
from aura_logging.privacy.options import PrivacyOptions

__all__ = ["describe", "make_cipher", "make_trail"]


def make_trail(store: DatabaseAuditStore, chosen: DjangoAuditOptions) -> Trail:
    """Return a trail over this store, with the options of the settings; what it scrubs, `AURA["PRIVACY"]` says."""
    keys = chosen.key_ring()
    return Trail(
        store,
        scrub=chosen.scrub,
        scrubber=options(PrivacyOptions).scrubber() if chosen.scrub else None,
        journal=AuditJournal(chosen.journal_dir, keys) if chosen.journal_dir and chosen.is_journalled else None,
        cipher=make_cipher(chosen),
        sealer=PeriodicSealer(
            Sealer(store, keys, chosen.keepers_to_call()),
            chosen.checkpoint_seconds,
            on_thread_end=connections.close_all,
        ),
        describe=describe,
        who=actor_now,
        on_thread_end=connections.close_all,
    )


def make_cipher(chosen: DjangoAuditOptions) -> SubjectCipher | None:
    """Return what seals and opens people's data, if that is asked for."""
    if not chosen.encrypt_subjects:
        return None
    from aura_logging.django.audit_subject_keys import DatabaseSubjectKeys

    return SubjectCipher(DatabaseSubjectKeys(chosen.key_database or home()))


def describe(thing: Any) -> tuple[str, str, str]:
    """Return an object's type, id and label; a model's instance is told by its key, and never asked for more."""
    if isinstance(thing, Model):
        return thing._meta.label, "" if thing.pk is None else str(thing.pk), ""
    if isinstance(thing, type) and issubclass(thing, Model):
        return thing._meta.label, "", ""
    return objects.describe(thing)

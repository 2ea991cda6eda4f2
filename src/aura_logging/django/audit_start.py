"""Have things recorded by themselves as soon as `AURA` has the section `AUDIT`, or a model is tracked."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, setting_changed

from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.trail import Trail, install
from aura_logging.django import audit_survivors
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_store import DatabaseAuditStore
from aura_logging.django.conf import options
from aura_logging.django.tracking import registry

__all__ = ["is_on", "start", "store_in"]

log = logging.getLogger("aura.audit")


def is_on() -> bool:
    """Tell whether anything is recorded by itself."""
    return "AUDIT" in (getattr(settings, "AURA", None) or {}) or registry.is_anything_tracked()


def start() -> None:
    """Install the trail, listen, and track; harmless to repeat. Touches no database."""
    if not is_on():
        return
    from aura_logging.django import audit_accounts, audit_administration, audit_checks
    from aura_logging.django.tracking.start import begin

    chosen = options(DjangoAuditOptions)
    _install(chosen)
    if chosen.accounts:
        audit_accounts.connect()
    if chosen.administration:
        audit_administration.connect()
    begin()
    audit_checks.connect()
    request_finished.connect(_request_is_over, dispatch_uid="aura_logging.audit.finish")
    setting_changed.connect(_settings_changed, dispatch_uid="aura_logging.audit.settings")


def store_in(alias: str | None = None) -> DatabaseAuditStore:
    """Return the part of the trail that lies in this database, to be read; by default where entries belong."""
    chosen = options(DjangoAuditOptions)
    return DatabaseAuditStore(chosen.key_ring(), alias or chosen.database)


def _install(chosen: DjangoAuditOptions) -> Trail:
    global _store
    _store = DatabaseAuditStore(chosen.key_ring(), chosen.database, keeps_transaction=chosen.is_journalled)
    from aura_logging.django.audit_trail import make_trail

    return install(make_trail(_store, chosen))


_store: DatabaseAuditStore | None = None


def _request_is_over(**_: Any) -> None:
    try:
        audit_survivors.tell_again()
    except AuditError as error:
        # The answer is out, so there is nothing left that could fail for it. It is tried again with the next request.
        log.error("audit events of a rolled-back transaction wait to be written", extra={"error": str(error)})  # noqa: TRY400  # ours says it all
    if _store is not None:
        _store.release()


def _settings_changed(*, setting: str, **_: Any) -> None:
    if setting in ("AURA", "SECRET_KEY", "SECRET_KEY_FALLBACKS") and is_on():
        _install(options(DjangoAuditOptions))

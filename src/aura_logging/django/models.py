"""The audit trail's tables. Entries are added by the trail alone; nothing here can change or remove one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from aura_logging.audit.canonical import parse
from aura_logging.audit.events import AuditEvent
from aura_logging.django.dashboard.models import Dashboard

__all__ = ["AuditCheckpoint", "AuditEntry", "AuditHead", "AuditHold", "AuditSubjectKey", "AuditTombstone", "Dashboard"]


class AppendOnlyError(TypeError):
    """Somebody tried to change or remove what is kept as evidence."""

    def __init__(self, _name: str = "") -> None:
        super().__init__(
            "An audit entry cannot be made, changed or removed by hand: record with aura_logging.audit.record(), "
            "remove with `manage.py aura_audit purge`."
        )


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Entries to look at."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    create = update = delete = bulk_create = bulk_update = get_or_create = update_or_create = _refuse


class AuditEntry(models.Model):
    """One thing that happened: what was signed (`event`), its place in a chain, and columns to search by.

    `actor` and `object_id` are stable ids as text, `changes` maps a field to `[before, after]`. The columns repeat what
    is in `event`, texts cut to their width; `aura_audit verify` sees where they contradict it.
    """

    timestamp: models.DateTimeField[Any, Any] = models.DateTimeField(_("time"), editable=False)
    event_class: models.CharField[Any, Any] = models.CharField(_("class"), max_length=16, editable=False)
    actor_kind: models.CharField[Any, Any] = models.CharField(_("kind of actor"), max_length=16, editable=False)
    actor: models.CharField[Any, Any] = models.CharField(_("actor"), max_length=150, blank=True, editable=False)
    actor_label: models.CharField[Any, Any] = models.CharField(
        _("actor's name"), max_length=150, blank=True, editable=False
    )
    action: models.CharField[Any, Any] = models.CharField(_("action"), max_length=100, editable=False)
    object_type: models.CharField[Any, Any] = models.CharField(
        _("object's type"), max_length=150, blank=True, editable=False
    )
    object_id: models.CharField[Any, Any] = models.CharField(
        _("object's id"), max_length=255, blank=True, editable=False
    )
    object_label: models.CharField[Any, Any] = models.CharField(
        _("object's name"), max_length=200, blank=True, editable=False
    )
    changes = models.JSONField(_("changes"), default=dict, blank=True, editable=False)
    outcome: models.CharField[Any, Any] = models.CharField(_("outcome"), max_length=50, editable=False)
    client_ip: models.CharField[Any, Any] = models.CharField(
        _("client address"), max_length=45, blank=True, editable=False
    )
    correlation_id: models.CharField[Any, Any] = models.CharField(
        _("correlation id"), max_length=128, blank=True, editable=False
    )
    reason: models.TextField[Any, Any] = models.TextField(_("reason"), blank=True, editable=False)
    subject: models.CharField[Any, Any] = models.CharField(_("subject"), max_length=255, blank=True, editable=False)
    event: models.BinaryField[Any, Any] = models.BinaryField(_("signed event"), editable=False)
    writer: models.CharField[Any, Any] = models.CharField(_("writer"), max_length=100, editable=False)
    seq: models.BigIntegerField[Any, Any] = models.BigIntegerField(_("number"), editable=False)
    previous: models.BinaryField[Any, Any] = models.BinaryField(
        _("code of the entry before"), max_length=32, editable=False
    )
    mac: models.BinaryField[Any, Any] = models.BinaryField(_("code"), max_length=32, editable=False)
    key_id: models.CharField[Any, Any] = models.CharField(_("key"), max_length=64, editable=False)

    objects = AppendOnly.as_manager()

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        default_permissions = ("view",)
        get_latest_by = "timestamp"
        # Each index costs every tracked save: only what people ask for.
        indexes = (
            models.Index(fields=["timestamp"], name="aura_audit_time"),
            models.Index(fields=["object_type", "object_id"], name="aura_audit_object"),
            models.Index(fields=["actor"], name="aura_audit_actor"),
            models.Index(fields=["correlation_id"], name="aura_audit_correlation"),
            models.Index(fields=["subject"], name="aura_audit_subject"),
        )
        constraints = (models.UniqueConstraint(fields=["writer", "seq"], name="aura_audit_place_in_chain"),)

    def __str__(self) -> str:
        return f"{self.timestamp:%Y-%m-%d %H:%M:%S} {self.actor_label or self.actor or self.actor_kind} {self.action}"

    def save(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError

    @property
    def signed_event(self) -> AuditEvent:
        """The event as it was signed; `ValueError` if its bytes are damaged."""
        return parse(bytes(self.event))

    @property
    def extra(self) -> Mapping[str, Any]:
        """What else was recorded; `ValueError` as above."""
        return self.signed_event.extra


class AuditHead(models.Model):
    """Where a writer's chain ends, signed: changed in the transaction of each entry."""

    writer: models.CharField[Any, Any] = models.CharField(_("writer"), max_length=100, primary_key=True, editable=False)
    seq: models.BigIntegerField[Any, Any] = models.BigIntegerField(_("number"), editable=False)
    mac: models.BinaryField[Any, Any] = models.BinaryField(_("code"), max_length=32, editable=False)
    key_id: models.CharField[Any, Any] = models.CharField(_("key"), max_length=64, editable=False)
    signature: models.BinaryField[Any, Any] = models.BinaryField(_("signature"), max_length=32, editable=False)

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("end of an audit chain")
        verbose_name_plural = _("ends of audit chains")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.writer} {self.seq}"


class AuditCheckpoint(models.Model):
    """A sealed state of the trail, as JSON; the numbers have no gap."""

    number: models.BigIntegerField[Any, Any] = models.BigIntegerField(_("number"), primary_key=True, editable=False)
    body: models.TextField[Any, Any] = models.TextField(_("checkpoint"), editable=False)

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("audit checkpoint")
        verbose_name_plural = _("audit checkpoints")
        default_permissions = ()

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class AuditTombstone(models.Model):
    """What stands, signed, in the place of purged entries; as JSON."""

    writer: models.CharField[Any, Any] = models.CharField(_("writer"), max_length=100, editable=False)
    first: models.BigIntegerField[Any, Any] = models.BigIntegerField(_("first number"), editable=False)
    last: models.BigIntegerField[Any, Any] = models.BigIntegerField(_("last number"), editable=False)
    body: models.TextField[Any, Any] = models.TextField(_("tombstone"), editable=False)

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("audit tombstone")
        verbose_name_plural = _("audit tombstones")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["writer", "first"], name="aura_audit_tombstone_place"),)

    def __str__(self) -> str:
        return f"{self.writer} {self.first}-{self.last}"


class AuditHold(models.Model):
    """A legal hold, as JSON."""

    name: models.CharField[Any, Any] = models.CharField(_("name"), max_length=200, primary_key=True, editable=False)
    body: models.TextField[Any, Any] = models.TextField(_("hold"), editable=False)

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.name)


class AuditSubjectKey(models.Model):
    """The key of one person's data in the trail; without it, what was encrypted with it is erased."""

    subject: models.CharField[Any, Any] = models.CharField(
        _("subject"), max_length=255, primary_key=True, editable=False
    )
    key: models.BinaryField[Any, Any] = models.BinaryField(_("key"), editable=False)

    class Meta:  # noqa: D106  # what Django wants to know
        app_label = "aura"
        verbose_name = _("subject's key")
        verbose_name_plural = _("subjects' keys")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.subject)

"""Tell of many-to-many relations: what came and what went, on each object that has the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db import connections
from django.db.models import Model
from django.db.models.signals import m2m_changed

from aura_logging.django.audit_telling import object_label, tell
from aura_logging.django.tracking.registry import Tracked
from aura_logging.django.tracking.told import told_on

if TYPE_CHECKING:
    from aura_logging.django.tracking.registry import Relation

__all__ = ["connect"]

_OPERATIONS = {"add": ("insert",), "remove": ("delete",), "clear": ("delete",)}
_WENT = "_aura_audit_went"


def connect(how: Tracked, relation: Relation) -> None:
    """Listen to a tracked field; harmless to repeat."""
    m2m_changed.connect(
        _Listener(how, relation), sender=relation.remote_field.through, weak=False,
        dispatch_uid=f"aura_logging.audit.m2m.{how.object_type}.{relation.name}",
    )  # fmt: skip


class _Listener:
    """Hears of one field, from either of its sides."""

    def __init__(self, how: Tracked, relation: Relation) -> None:
        self._how = how
        self._relation = relation
        self._through: Any = relation.remote_field.through

    def __call__(
        self, action: str, instance: Model, reverse: bool, pk_set: set[Any] | None, using: str, **_: Any
    ) -> None:
        when, what = action.split("_")
        connection = cast(Any, connections[using])
        told, table = told_on(connection), self._through._meta.db_table.lower()
        if when == "pre":
            if what != "add":
                instance.__dict__[_WENT] = self._partners(
                    instance, reverse, pk_set if what == "remove" else None, using
                )
            for operation in _OPERATIONS[what]:
                told.announce(connection, operation, table)
            return
        for operation in _OPERATIONS[what]:
            told.over(operation, table)
        if what == "add" and self._relation.remote_field.symmetrical:
            # The mirrored rows follow, unannounced.
            told.announce_one(connection, "insert", table)
        partners = sorted(pk_set or (), key=str) if what == "add" else instance.__dict__.pop(_WENT, [])
        if partners:
            self._tell(instance, what, partners, using, reverse=reverse)

    def _tell(self, instance: Model, what: str, partners: list[Any], using: str, *, reverse: bool) -> None:
        if not reverse:
            label = object_label(instance, self._how.options.label)
            self._tell_one(instance.pk, label, what, partners, using)
            return
        for pk in partners:
            self._tell_one(pk, "", what, [instance.pk], using)

    def _tell_one(self, pk: Any, label: str, what: str, partners: list[Any], using: str) -> None:
        name = self._relation.name
        masked = name in self._how.options.mask
        shown: list[Any] = [self._how.shown(name, each) for each in partners] if masked else partners
        tell(
            f"m2m_{what}",
            self._how.event_class,
            using=using,
            object_type=self._how.object_type,
            object_id=pk,
            object_label=label,
            changes={name: ([], shown) if what == "add" else (shown, [])},
            survives=False,
        )

    def _partners(self, instance: Model, reverse: bool, pk_set: set[Any] | None, using: str) -> list[Any]:
        """Return the keys of those that are related now, of these or of all."""
        near, far = self._relation.m2m_field_name(), self._relation.m2m_reverse_field_name()
        if reverse:
            near, far = far, near
        rows = self._through._base_manager.using(using).filter(**{near: instance})
        if pk_set is not None:
            rows = rows.filter(**{f"{far}__in": pk_set})
        with told_on(connections[using]).quiet():
            return sorted(rows.values_list(self._through._meta.get_field(far).attname, flat=True), key=str)

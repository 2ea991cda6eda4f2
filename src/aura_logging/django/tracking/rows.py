"""Tell of rows that are saved and deleted one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.db import connections
from django.db.models import Model
from django.db.models.signals import post_delete, pre_delete

from aura_logging.django.audit_telling import object_label, tell
from aura_logging.django.models import AuditEntry
from aura_logging.django.tracking.registry import Tracked, tracked
from aura_logging.django.tracking.told import told_on
from aura_logging.django.tracking.transactions import lock_before_reading, one_transaction
from aura_logging.django.tracking.values import differences, new_values, stored_values

if TYPE_CHECKING:
    from aura_logging.django.tracking.registry import AnyField

__all__ = ["connect", "hook"]

_HOOKED = "_aura_audit_hooked"
_PARENTS = "_aura_audit_parents"
_BEFORE = "_aura_audit_before"


def hook(model: type[Model]) -> None:
    """Have `model` tell of its rows as they are saved; what inherits from it does so too."""
    if getattr(model, _HOOKED, False):
        return
    setattr(model, _HOOKED, True)
    # The one place that every way of saving a row goes through: save(), create(), get_or_create(), loaddata. In here,
    # the row's statement and its entry share a transaction, and the receivers of pre_save and post_save stay outside.
    of_model = cast(Any, model)
    of_model._save_table = _telling(of_model._save_table)


def connect(model: type[Model]) -> None:
    """Listen to the deletions of `model`; harmless to repeat."""
    pre_delete.connect(_before_delete, sender=model, dispatch_uid=f"aura_logging.audit.pre_delete.{id(model)}")
    post_delete.connect(_after_delete, sender=model, dispatch_uid=f"aura_logging.audit.post_delete.{id(model)}")


def _telling(save_table: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(save_table)
    def _save_table(
        self: Model, raw: bool = False, cls: Any = None, force_insert: Any = False, force_update: bool = False,
        using: Any = None, update_fields: Any = None,
    ) -> bool:  # fmt: skip
        how = tracked(type(self))
        if how is None:
            return save_table(self, raw, cls, force_insert, force_update, using, update_fields)
        fields = _saved(how.fields_in(cls), update_fields)
        connection = cast(Any, connections[using])
        told = told_on(connection)
        table = cls._meta.db_table.lower()
        if update_fields and not fields and not (cls is how.model and _PARENTS in self.__dict__):
            with told.saving(table):
                return save_table(self, raw, cls, force_insert, force_update, using, update_fields)
        with one_transaction(connection):
            old = None
            if cast(Any, self)._is_pk_set(cls._meta) and not force_insert:
                lock_before_reading(connection, AuditEntry._meta.db_table)
                with told.quiet():
                    old = stored_values(cls, self._get_pk_val(cls._meta), fields, using)
            had = frozenset(self.__dict__)
            try:
                with told.saving(table):
                    updated = save_table(self, raw, cls, force_insert, force_update, using, update_fields)
            except BaseException:
                self.__dict__.pop(_PARENTS, None)  # the row's other table is rolled back, too
                raise
            changes = _changes(self, cls, fields, had, old, using)
            if cls is not how.model and not raw:
                # A table that it inherits from comes first; the entry is the whole row's.
                self.__dict__.setdefault(_PARENTS, {}).update(changes)
                return updated
            changes = {**self.__dict__.pop(_PARENTS, {}), **changes}
            if changes or not updated:
                _tell_saved(how, self, changes, created=not updated, using=using)
            return updated

    return _save_table


def _saved(fields: tuple[AnyField, ...], update_fields: Any) -> tuple[AnyField, ...]:
    if not update_fields:
        return fields
    return tuple(field for field in fields if field.name in update_fields or field.attname in update_fields)


def _changes(
    instance: Model,
    model: type[Model],
    fields: tuple[AnyField, ...],
    had: frozenset[str],
    old: dict[str, Any] | None,
    using: str,
) -> dict[str, tuple[Any, Any]]:
    new, unknown = new_values(instance, fields, had)
    if unknown:
        with told_on(connections[using]).quiet():
            new.update(stored_values(model, instance._get_pk_val(model._meta), unknown, using) or {})
    return differences(fields, old, new)


def _tell_saved(
    how: Tracked, instance: Model, changes: dict[str, tuple[Any, Any]], *, created: bool, using: str
) -> None:
    action = "create" if created else _update_action(how, changes)
    _tell(how, instance, action, changes, using)


def _update_action(how: Tracked, changes: dict[str, tuple[Any, Any]]) -> str:
    soft_delete = how.options.soft_delete
    if not soft_delete:
        return "update"
    name = soft_delete.removeprefix("not ")
    if name not in changes:
        return "update"
    before, after = map(bool, changes[name])
    if name != soft_delete:
        before, after = not before, not after
    if before == after:
        return "update"
    return "soft_delete" if after else "restore"


def _before_delete(sender: type[Model], instance: Model, using: str, origin: Any = None, **_: Any) -> None:
    how = tracked(sender)
    if how is None:
        return
    connection = cast(Any, connections[using])
    told = told_on(connection)
    for model in (*how.model._meta.get_parent_list(), how.model):
        key = _key_in(instance, model)
        if not isinstance(key, tuple):
            key = (cast(Any, model._meta.pk).get_db_prep_value(key, connection),)
        told.deleting(connection, model._meta.db_table.lower(), key)
    is_there = True
    # What the collector has just loaded is what is stored; what the application holds may be anything.
    if origin is instance or any(field.attname not in instance.__dict__ for field in how.fields):
        lock_before_reading(connection, AuditEntry._meta.db_table)
        values: dict[str, Any] = {}
        with told.quiet():
            for model in (*how.model._meta.get_parent_list(), how.model):
                fields = how.fields_in(model)
                if fields or model is how.model:
                    stored = stored_values(model, _key_in(instance, model), fields, using)
                    is_there = stored is not None
                    values.update(stored or {})
    else:
        values = {field.name: instance.__dict__[field.attname] for field in how.fields}
    if is_there:
        instance.__dict__[_BEFORE] = values


def _after_delete(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    how = tracked(sender)
    if how is None:
        return
    old = instance.__dict__.pop(_BEFORE, None)
    connection = cast(Any, connections[using])
    told = told_on(connection)
    for parent in how.model._meta.get_parent_list():
        told.part_is_told(connection, parent, str(_key_in(instance, parent)))
    if told.is_part(connection, how.model, str(instance.pk)):
        return
    if told.is_announced(connection, "delete", how.model._meta.db_table.lower()):
        return  # a row between two others, whose relation is told of
    if old is None:
        return  # somebody else had deleted it
    _tell(how, instance, "delete", differences(how.fields, old, None), using)


def _key_in(instance: Model, model: type[Model]) -> Any:
    return instance._get_pk_val(model._meta)


def _tell(how: Tracked, instance: Model, action: str, changes: dict[str, tuple[Any, Any]], using: str) -> None:
    if how.options.mask:
        changes = {name: (how.shown(name, old), how.shown(name, new)) for name, (old, new) in changes.items()}
    tell(
        action,
        how.event_class,
        using=using,
        object_type=how.object_type,
        object_id=instance.pk,
        object_label=object_label(instance, how.options.label),
        changes=changes,
        subject=object_label(instance, how.options.subject) or None,
        survives=False,
    )

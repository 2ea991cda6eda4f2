"""Compare a row as it was with the row as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import DateTimeField, DecimalField, FileField, JSONField, Model
from django.utils import timezone

if TYPE_CHECKING:
    from aura_logging.django.tracking.registry import AnyField

__all__ = ["differences", "new_values", "stored_values"]

Values = Mapping[str, Any]
"""Fields by name, as the database has them in Python: foreign keys as keys, files as names."""


def stored_values(model: type[Model], pk: Any, fields: tuple[AnyField, ...], using: str) -> dict[str, Any] | None:
    """Return what is stored in the table of `model` in the row of that key; `None` if there is none.

    In a transaction it stays so until that ends, where the database can lock a row. The statement is compiled once
    for each model and choice of fields: a tracked save pays for it.
    """
    connection = cast(Any, connections[using])
    locks = connection.in_atomic_block
    if isinstance(pk, tuple):  # a composite key
        found = _rows(model, pk, fields, using, locks).first()
        return None if found is None else {field.name: value for field, value in zip(fields, found, strict=True)}
    compiled = _compiled.get((model, fields, using, locks))
    if compiled is None:
        compiler = _rows(model, pk, fields, using, locks).query.get_compiler(using)
        sql, _ = compiler.as_sql()
        # Not the converters: they belong to this connection, and would keep it.
        compiled = sql, tuple(each for each, _, _ in compiler.select)
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.clear()
        _compiled[model, fields, using, locks] = compiled
    sql, columns = compiled
    key_field = cast(Any, model._meta.pk)
    with connection.cursor() as cursor:
        cursor.execute(sql, (key_field.get_db_prep_value(pk, connection),))
        row = cursor.fetchone()
    if row is None:
        return None
    values: dict[str, Any] = {}
    for field, column, value in zip(fields, columns, row, strict=False):  # without fields, the key stands for the row
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
            value = convert(value, column, connection)
        values[field.name] = value
    return values


_MOST_COMPILED = 4_096
_compiled: dict[tuple[type[Model], tuple[AnyField, ...], str, bool], tuple[str, tuple[Any, ...]]] = {}


def _rows(model: type[Model], pk: Any, fields: tuple[AnyField, ...], using: str, locks: bool) -> Any:
    rows = model._base_manager.using(using).order_by().filter(pk=pk)
    if locks:
        rows = rows.select_for_update()
    return rows.values_list(*([field.attname for field in fields] or ["pk"]))


def new_values(
    instance: Model, fields: tuple[AnyField, ...], had: frozenset[str]
) -> tuple[dict[str, Any], tuple[AnyField, ...]]:
    """Return the values that were just saved, and the fields whose value only the database knows.

    These are expressions, and decimals with more places than their column: databases round differently. `had` are the
    attributes that the instance had before: Django 6 takes an expression away where the database does not return it.
    """
    values: dict[str, Any] = {}
    unknown: list[AnyField] = []
    have = instance.__dict__
    for field in fields:
        if field.attname not in have:
            if field.attname in had:
                unknown.append(field)
            continue  # else deferred: not loaded, so not saved
        value = have[field.attname]
        if hasattr(value, "resolve_expression") or (isinstance(field, DecimalField) and _is_rounded(field, value)):
            unknown.append(field)
        else:
            values[field.name] = value
    return values, tuple(unknown)


def _is_rounded(field: DecimalField[Any, Any], value: Any) -> bool:
    if value is None or field.decimal_places is None:
        return False
    if type(value) is not Decimal:
        try:
            value = field.to_python(value)
        except (ValidationError, TypeError, ValueError):
            return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent < -field.decimal_places


def differences(fields: tuple[AnyField, ...], old: Values | None, new: Values | None) -> dict[str, tuple[Any, Any]]:
    """Return `(old, new)` by field, only what differs; of a row that was or is not there, all that is not None."""
    changes: dict[str, tuple[Any, Any]] = {}
    for field in fields:
        name = field.name
        if old is None:
            value = _settled(field, new[name]) if new is not None and name in new else None
            if value is not None:
                changes[name] = (None, value)
        elif new is None:
            value = _settled(field, old[name]) if name in old else None
            if value is not None:
                changes[name] = (value, None)
        elif name in new and name in old:
            before, after = old[name], new[name]
            if type(before) is type(after) and before == after:
                continue
            before, after = _settled(field, before), _settled(field, after)
            if before != after:
                changes[name] = (before, after)
    return changes


def _settled(field: AnyField, value: Any) -> Any:
    """Return the value as it comes back from the database: `"3.5"` in a DecimalField is `Decimal("3.50")`."""
    if value is None:
        return None
    if isinstance(field, FileField):
        return str(getattr(value, "name", value) or "")
    if isinstance(field, JSONField):
        try:
            return json.loads(json.dumps(value, cls=field.encoder))
        except (TypeError, ValueError):
            return value
    try:
        value = field.to_python(value)
    except (ValidationError, TypeError, ValueError):
        return value
    if isinstance(field, DecimalField) and isinstance(value, Decimal) and value.is_finite():
        return value.quantize(Decimal(1).scaleb(-(field.decimal_places or 0)), context=field.context)
    if isinstance(field, DateTimeField) and value is not None and timezone.is_naive(value) is settings.USE_TZ:
        return timezone.make_aware(value) if settings.USE_TZ else timezone.make_naive(value)
    return value

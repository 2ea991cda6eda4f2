"""Recognise a question about the rows that belong to one other row, asked without the relation that leads to them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from django.db.models import ForeignKey

from aura_logging.performance.fingerprints import Statement
from aura_logging.performance.loads import Subject
from aura_logging.performance.questions import identity

__all__ = ["in_filter", "in_raw_sql"]

Found = tuple[Subject, Hashable]


def in_filter(queryset: Any, statement: Statement) -> Found | None:
    """Tell which foreign key alone the queryset filters its own table by, and its value."""
    query = queryset.query
    if not statement.key or statement.is_count or query.select_for_update or len(query.where.children) != 1:
        return None
    condition = query.where.children[0]
    column, key = getattr(condition, "lhs", None), getattr(condition, "rhs", None)
    field = getattr(column, "target", None)
    if getattr(condition, "lookup_name", "") != "exact" or not isinstance(field, ForeignKey):
        return None
    if getattr(column, "alias", None) != query.base_table:
        return None
    meta = queryset.model._meta
    owner = field.remote_field.model._meta.db_table
    return Subject(str(meta.object_name), field.name, "filter", owner, meta.db_table), identity((key,))


def in_raw_sql(statement: Statement, params: Any) -> Found | None:
    """Tell which column that is named as a key is all that the project's own SQL filters by."""
    column = statement.key.lower()
    if not statement.is_repeatable or not (column == "id" or column.endswith("_id")):
        return None
    return Subject(statement.table, statement.key, "raw", "", statement.table), identity(params)

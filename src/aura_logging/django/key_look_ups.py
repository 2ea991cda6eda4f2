"""Recognise a question about the rows that belong to one other row, asked without the relation that leads to them."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import ForeignKey

from aura_logging.performance.fingerprints import Statement
from aura_logging.performance.queries import Subject

__all__ = ["in_filter", "in_raw_sql"]

Found = tuple[Subject, str]

# Nothing but a key: with a range, a limit or a second condition it may well be a chunk, a page or a search.
_ONE_KEY = re.compile(
    r"""\bWHERE\s+(?:[`"\w$]+\.)?[`"]?((?:\w+_)?id)[`"]?\s*=\s*(?:%s|%\(\w+\)s)\s*"""
    r"""(?:(?:ORDER|GROUP)\s+BY\s+[\w\s,.`"$]+)?;?\s*\Z""",
    re.IGNORECASE,
)


def in_filter(queryset: Any, statement: Statement) -> Found | None:
    """Tell which foreign key alone the queryset filters its own table by, and its value; `None` for a part of that."""
    query = queryset.query
    where = query.where
    if statement.is_single or statement.is_count or query.is_sliced or query.combinator or query.select_for_update:
        return None
    if len(where.children) != 1 or where.negated:
        return None
    condition = where.children[0]
    column, key = getattr(condition, "lhs", None), getattr(condition, "rhs", None)
    field = getattr(column, "target", None)
    if getattr(condition, "lookup_name", "") != "exact" or not isinstance(field, ForeignKey):
        return None
    if hasattr(key, "as_sql") or hasattr(key, "resolve_expression"):
        return None
    if getattr(column, "alias", None) != query.base_table:
        return None
    meta = queryset.model._meta
    owner = field.remote_field.model._meta.db_table
    return Subject(str(meta.object_name), field.name, "filter", owner, meta.db_table), repr(key)


def in_raw_sql(statement: Statement, sql: str, params: Any) -> Found | None:
    """Tell which column that is named as a key is all that the project's own SQL filters by."""
    if not statement.is_repeatable or statement.is_single:
        return None
    key = _ONE_KEY.search(sql)
    if key is None:
        return None
    try:
        row = repr(params)
    except Exception:  # noqa: BLE001  # a parameter's own code
        return None
    return Subject(statement.table, key[1], "raw", "", statement.table), row

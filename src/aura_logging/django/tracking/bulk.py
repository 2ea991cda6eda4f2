"""Tell of statements that write tracked tables, or read sensitive ones, where nothing else tells of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from aura_logging.django import audit_survivors
from aura_logging.django.audit_telling import tell
from aura_logging.django.tracking import migrating
from aura_logging.django.tracking.registry import Watched, watched
from aura_logging.django.tracking.statements import Use, tables_of, written_rows
from aura_logging.django.tracking.told import told_on
from aura_logging.django.tracking.transactions import one_transaction
from aura_logging.performance.fingerprints import fingerprint, statement

__all__ = ["forget", "install"]

_MOST_PARAMETERS = 1_000
_MOST_KEYS = 1_000
_SCHEMA = frozenset({"drop", "alter"})
_CACHED_STATEMENTS = 1_024


def install() -> None:
    """Watch the connections there are and those to come; installing twice is harmless."""
    connection_created.connect(_watch_connection, dispatch_uid="aura_logging.audit")
    for connection in connections.all(initialized_only=True):
        _watch_connection(connection=connection)


def forget() -> None:
    """Look at every statement anew: other tables are watched now."""
    _of_interest.cache_clear()


def _watch_connection(connection: Any, **_: Any) -> None:
    # In front: `with connection.execute_wrapper(…)` takes the last one away at its end, whosever it is.
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _watch)


def _watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    found = _of_interest(sql) if len(sql) <= _LONGEST_CACHED else _look(sql)
    if not found:
        return execute(sql, params, many, context)
    connection = context["connection"]
    told = told_on(connection)
    if not connection.in_atomic_block:
        audit_survivors.tell_again(connection)
    writes = []
    for use, table in found:
        if use.operation == "read":
            if table.reads and not told.is_quiet:
                _tell_read(connection, table, sql, params)
        elif not told.knows(connection, use, None if many else params):
            writes.append((use, table))
    if not writes:
        return execute(sql, params, many, context)
    # SQLite keeps a statement that returns rows open, and its transaction with it: the entry joins that.
    if connection.vendor == "sqlite" and not connection.in_atomic_block and _RETURNING.search(sql):
        return _executed(execute, sql, params, many, context, writes)
    with one_transaction(connection):
        return _executed(execute, sql, params, many, context, writes)


_LONGEST_CACHED = 4_096
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)


def _executed(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any],
    writes: list[tuple[Use, Watched]],
) -> Any:  # fmt: skip
    result = execute(sql, params, many, context)
    connection = context["connection"]
    for use, table in writes:
        rows = _rows(use, sql, context, many=many)
        if rows == 0:
            continue  # nothing was there to be changed
        extra: dict[str, Any] = {"table": use.table, "rows": rows, "statement": fingerprint(sql)}
        if table.bulk_values:
            extra["parameters"] = _parameters(params, many=many)
        keys = [] if many else _rows_by_key(table, sql, params)
        if len(keys) > 1:
            extra["object_ids"] = [str(key) for key in keys]
        migrating.tell_or_keep(
            connection, f"bulk_{use.operation}", table.event_class, object_type=table.object_type,
            object_id=keys[0] if len(keys) == 1 else "", extra=extra,
        )  # fmt: skip
    return result


def _rows(use: Use, sql: str, context: dict[str, Any], *, many: bool) -> int | None:
    """Return how many rows were written, as far as the driver says."""
    if use.operation in ("truncate", "copy"):
        return None
    counted: int | None = getattr(context["cursor"].cursor, "rowcount", None)
    is_sqlite = context["connection"].vendor == "sqlite"
    # Python's driver for SQLite counts the rows of a RETURNING as they are fetched, and those behind a WITH not at all.
    is_open = is_sqlite and _RETURNING.search(sql) is not None
    if counted is not None and counted >= 0 and not is_open:
        return counted
    if is_sqlite and not is_open and not many:
        with context["connection"].cursor() as cursor:
            return int(cursor.execute("SELECT changes()").fetchone()[0])
    return written_rows(sql) if use.operation == "insert" and not many else None


def _parameters(params: Any, *, many: bool) -> Any:
    if params is None:
        return []
    if isinstance(params, dict):
        return dict(params)
    rows = list(params)
    cut = rows[:_MOST_PARAMETERS]
    shown: list[Any] = [list(row) if isinstance(row, (list, tuple)) else row for row in cut] if many else cut
    return shown if len(rows) <= _MOST_PARAMETERS else [*shown, f"… {len(rows) - _MOST_PARAMETERS:,} more"]


def _tell_read(connection: Any, table: Watched, sql: str, params: Any) -> None:
    what = statement(sql)
    if what.is_probe or what.is_count:
        return  # shows no row
    keys = _rows_by_key(table, sql, params)
    extra: dict[str, Any] = {"statement": fingerprint(sql)}
    if connection.alias != "default":
        extra["database"] = connection.alias
    if len(keys) == 1:
        tell("read", "access", object_type=table.object_type, object_id=keys[0], extra=extra)
        return
    if keys:
        extra["object_ids"] = [str(key) for key in keys]
    tell("read_list", "access", object_type=table.object_type, extra=extra)


def _rows_by_key(table: Watched, sql: str, params: Any) -> list[Any]:
    """Return the keys of the rows that the statement is about, if it ends by naming them: `WHERE id IN (…)`."""
    found = _BY_KEY.search(sql)
    if found is None or found[1].lower() != table.pk_column.lower() or not params or isinstance(params, dict):
        return []
    count = sql.count("%s", found.start())
    return list(params[-count:]) if 0 < count <= _MOST_KEYS else []


_BY_KEY = re.compile(
    r'\bWHERE\s+\(?(?:[`"\[]?\w+[`"\]]?\.)?[`"\[]?(\w+)[`"\]]?'  # WHERE "table"."key"
    r"\s*(?:=\s*%s|IN\s*\(%s(?:,\s*%s)*\))\)?"
    r"(?:\s+LIMIT\s+\d+)?(?:\s+FOR\s+UPDATE)?\s*$",
    re.IGNORECASE,
)


def _look(sql: str) -> tuple[tuple[Use, Watched], ...]:
    tables = watched()
    return tuple(
        (use, tables[use.table]) for use in tables_of(sql) if use.table in tables and use.operation not in _SCHEMA
    )


_of_interest = functools.lru_cache(maxsize=_CACHED_STATEMENTS)(_look)

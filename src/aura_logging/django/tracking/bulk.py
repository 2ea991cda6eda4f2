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
from aura_logging.django.statement_text import text_of
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
_LONGEST_CACHED = 4_096
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)


def install() -> None:
    """Watch the connections there are and those to come; installing twice is harmless."""
    connection_created.connect(_watch_connection, dispatch_uid="aura_logging.audit")
    for connection in connections.all(initialized_only=True):
        _watch_connection(connection=connection)


def forget() -> None:
    """Look at every statement anew: other tables are watched now."""
    _of_interest.cache_clear()
    _tells_reads.cache_clear()


def _watch_connection(connection: Any, **_: Any) -> None:
    # In front: `with connection.execute_wrapper(…)` takes the last one away at its end, whosever it is.
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _watch)


def _watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    connection = context["connection"]
    text = sql if type(sql) is str else text_of(sql, connection)
    found = _of_interest(text) if len(text) <= _LONGEST_CACHED else _look(text)
    if not found:
        return execute(sql, params, many, context)
    told = told_on(connection)
    if not connection.in_atomic_block:
        audit_survivors.tell_again(connection)
    writes = []
    for use, table in found:
        if use.operation == "read":
            if table.reads and not told.is_quiet:
                _tell_read(connection, table, text, params)
        elif not told.knows(connection, use, None if many else params):
            writes.append((use, table))
    if not writes:
        return execute(sql, params, many, context)
    done = _Done(text, params, many, context)
    if connection.vendor == "sqlite" and not connection.in_atomic_block and done.returns_rows:
        # SQLite ends a statement's own transaction when its last row is fetched, out of our hands: so it is told first,
        # and once more if it fails.
        done.tell(writes)
        try:
            return execute(sql, params, many, context)
        except Exception:
            done.tell(writes, outcome="failure")
            raise
    with one_transaction(connection):
        result = execute(sql, params, many, context)
        done.is_counted = True
        done.tell(writes)
        return result


class _Done:
    """A statement, and what can be told of it."""

    __slots__ = ("context", "is_counted", "many", "params", "returns_rows", "sql")

    def __init__(self, sql: str, params: Any, many: bool, context: dict[str, Any]) -> None:
        self.sql = sql
        self.params = params
        self.many = many
        self.context = context
        self.is_counted = False
        self.returns_rows = _RETURNING.search(sql) is not None

    def tell(self, writes: list[tuple[Use, Watched]], outcome: str = "success") -> None:
        """Tell of each table, unless the driver says that nothing was there to be changed."""
        for use, table in writes:
            rows = self._rows(use)
            if rows == 0:
                continue
            extra: dict[str, Any] = {"table": use.table, "rows": rows, "statement": fingerprint(self.sql)}
            if table.bulk_values:
                extra["parameters"] = _parameters(self.params, many=self.many)
            keys = [] if self.many else _rows_by_key(table, self.sql, self.params)
            if len(keys) > 1:
                extra["object_ids"] = [str(key) for key in keys]
            migrating.tell_or_keep(
                self.context["connection"], f"bulk_{use.operation}", table.event_class, object_type=table.object_type,
                object_id=keys[0] if len(keys) == 1 else "", outcome=outcome, extra=extra,
            )  # fmt: skip

    def _rows(self, use: Use) -> int | None:
        """Return how many rows were written, as far as the driver says."""
        if use.operation in ("truncate", "copy"):
            return None
        connection = self.context["connection"]
        # Python's driver for SQLite counts the rows of a RETURNING as they are fetched, those behind a WITH not at all.
        if self.is_counted and not (connection.vendor == "sqlite" and self.returns_rows):
            counted: int | None = getattr(self.context["cursor"].cursor, "rowcount", None)
            if counted is not None and counted >= 0:
                return counted
            if connection.vendor == "sqlite" and not self.many:
                with connection.cursor() as cursor:
                    return int(cursor.execute("SELECT changes()").fetchone()[0])
        return written_rows(self.sql) if use.operation == "insert" and not self.many else None


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
    if sql[:7].upper() == "SELECT " and ";" not in sql and not _tells_reads():
        return ()
    return tuple(
        (use, tables[use.table]) for use in tables_of(sql) if use.table in tables and use.operation not in _SCHEMA
    )


@functools.cache
def _tells_reads() -> bool:
    return any(table.reads for table in watched().values())


_of_interest = functools.lru_cache(maxsize=_CACHED_STATEMENTS)(_look)

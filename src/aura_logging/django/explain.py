"""Ask the database how it would run a SELECT, without running it again."""

from __future__ import annotations

import re
from typing import Any

from django.db import DatabaseError, transaction

__all__ = ["explain"]

_PREFIXES = {
    "postgresql": "EXPLAIN ",
    "sqlite": "EXPLAIN QUERY PLAN ",
    "mysql": "EXPLAIN FORMAT=TREE ",
    "mariadb": "EXPLAIN FORMAT=JSON ",
}
_MAX_PLAN = 4_000

# PostgreSQL: "Seq Scan on books_book"; SQLite: "SCAN books_book", but an index it scans is named behind USING;
# MySQL's tree: "Table scan on books_book"; MariaDB's JSON: "access_type": "ALL".
_SCANS = re.compile(
    r"(?:Seq Scan on|Table scan on|\bSCAN(?: TABLE)?) [\"`]?(\w+)[\"`]?(?! USING)"
    r'|"table_name": "(\w+)",\s*"access_type": "ALL"'
)


def explain(connection: Any, sql: str, params: Any) -> tuple[str, tuple[str, ...]]:
    """Return the plan's text, at most 4,000 characters, and the tables it reads from end to end.

    The query is planned, never run (`ANALYZE` is not used). Both are empty where the backend is none of PostgreSQL,
    SQLite, MySQL and MariaDB, where it refuses, or where a semicolon may begin another statement; a savepoint keeps a
    refusal from the transaction around it. The plan may quote values of the query: it is for the eyes, not for the
    record.
    """
    prefix = _PREFIXES.get(_product(connection))
    # A second statement behind it would be run again, whatever it is.
    is_one = ";" not in sql.rstrip("; \n\t")
    if prefix is None or not is_one or not sql.lstrip("( \n\t").upper().startswith("SELECT"):
        return "", ()
    try:
        # Where there is a transaction already, this is a savepoint of it.
        with transaction.atomic(using=connection.alias):
            plan = _ask(connection, prefix + sql, params)
    except DatabaseError:
        return "", ()
    return plan[:_MAX_PLAN], tuple(dict.fromkeys(one or other for one, other in _SCANS.findall(plan)))


def _product(connection: Any) -> str:
    # Django speaks to both through one backend, but the two explain in different ways.
    return "mariadb" if getattr(connection, "mysql_is_mariadb", False) else str(connection.vendor)


def _ask(connection: Any, sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return "\n".join(" ".join(str(part) for part in row) for row in cursor.fetchall())

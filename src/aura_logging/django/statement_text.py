"""Get the text of a statement that was not written as text: what a driver composes, or bytes."""

from __future__ import annotations

from typing import Any

__all__ = ["text_of", "without_savepoint"]

_OF_SAVEPOINTS = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")


def text_of(sql: Any, connection: Any) -> str:
    """Return the statement as the driver would send it: `psycopg.sql` composes objects, and takes bytes too."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    render = getattr(sql, "as_string", None)
    return str(sql) if render is None else str(render(connection.connection))


def without_savepoint(sql: str) -> str:
    """Return `RELEASE SAVEPOINT` for `RELEASE SAVEPOINT "s1_x1"`: Django makes up a new name for each."""
    return sql[: sql.index("POINT ") + 5] if sql.startswith(_OF_SAVEPOINTS) else sql

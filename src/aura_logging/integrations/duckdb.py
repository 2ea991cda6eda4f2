"""Ask SQL of log files, plain and compressed, through DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson

from aura_logging.schema import FIELDS

__all__ = ["Answer", "QueryError", "ask"]

_ALWAYS_THERE = ("timestamp", "@timestamp", "message", "body")
_TYPES = {"long": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "date": "TIMESTAMP"}


class QueryError(Exception):
    """The statement cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows and the names of their columns."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]

    def as_json(self) -> Iterator[str]:
        """Yield each row as a JSON object."""
        for row in self.rows:
            yield orjson.dumps(dict(zip(self.columns, row, strict=True)), default=str).decode()


def ask(statement: str, files: Sequence[Path], limit: int) -> Answer:
    """Answer one statement over the table `logs`, at most `limit` rows; `QueryError` says what is wrong with it.

    Our own fields have their types; fields of yours are what DuckDB makes of them, and one that is not in the files'
    beginning is found with `json`. A line that is no JSON is left out. Files that were written in another schema
    than ours have that schema's names. Nothing but these files can be read, and nothing is written.
    """
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": False})
    try:
        _make_table(connection, files)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        found = connection.execute(statement)
        return Answer(tuple(column[0] for column in found.description or ()), found.fetchmany(limit))
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    finally:
        connection.close()


def _make_table(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET allowed_paths = ?", [[str(path) for path in files]])
    readable = [str(path) for path in files if path.exists() and path.stat().st_size]
    if not readable:
        columns = ", ".join(f'"{field.name}" {_TYPES.get(field.kind, "VARCHAR")}' for field in FIELDS)
        connection.execute(f"CREATE TABLE logs ({columns})")
        return
    listed = "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in readable) + "]"
    options = "format = 'newline_delimited', union_by_name = true, ignore_errors = true, sample_size = 2000"
    source = f"SELECT * FROM read_json({listed}, {options})"  # noqa: S608  # our own paths, quoted
    types = connection.execute(f"DESCRIBE {source}").fetchall()
    # A time with a zone comes to Python through a package that DuckDB does not bring along. Ours are all in UTC.
    plain_times = ", ".join(
        f"""CAST(CAST("{name}" AS VARCHAR) AS TIMESTAMP) AS "{name}" """
        for name, kind, *_ in types
        if kind == "TIMESTAMP WITH TIME ZONE" and '"' not in name
    )
    chosen = f"* REPLACE ({plain_times})" if plain_times else "*"
    # DuckDB makes a row of nothing of a line that is no JSON.
    telling = [name for name, *_ in types if name in _ALWAYS_THERE] or [types[0][0]]
    is_line = " OR ".join(f'"{name}" IS NOT NULL' for name in telling)
    connection.execute(f"CREATE VIEW logs AS SELECT {chosen} FROM ({source}) WHERE {is_line}")  # noqa: S608  # as above

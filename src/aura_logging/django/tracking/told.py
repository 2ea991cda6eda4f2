"""Know what is being told row by row on a connection, so that the statement behind it is not told a second time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from aura_logging.django.tracking.statements import Use
from aura_logging.django.tracking.unobserved import unobserved

__all__ = ["Told", "told_on"]

_ATTRIBUTE = "_aura_audit_told"


class Told:
    """Belongs to one connection, and so to one thread.

    What signals announce may never come to its end: it counts as long as the `atomic` block is open in which it was
    announced. A statement that is not expected exactly so is told once more; none is left out.
    """

    def __init__(self) -> None:
        self.is_quiet = False
        self._tables: dict[str, int] = {}
        self._announced: dict[tuple[str, str], tuple[Any, bool]] = {}
        self._rows: dict[str, tuple[Any, set[str]]] = {}
        self._parts: tuple[Any, set[tuple[Any, str]]] = (None, set())

    @contextmanager
    def saving(self, table: str) -> Iterator[None]:
        """Tell row by row what is inserted into the table, or updated in it, within the block."""
        tables = self._tables
        tables[table] = tables.get(table, 0) + 1
        try:
            yield
        finally:
            tables[table] -= 1

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Tell nothing of what is read within the block: we are looking ourselves."""
        before, self.is_quiet = self.is_quiet, True
        try:
            with unobserved():
                yield
        finally:
            self.is_quiet = before

    def announce(self, connection: Any, operation: str, table: str) -> None:
        """Expect such statements until `over`."""
        if connection.atomic_blocks:
            self._announced[operation, table] = (connection.atomic_blocks[-1], False)

    def announce_one(self, connection: Any, operation: str, table: str) -> None:
        """Expect one such statement, within the block around this one."""
        if len(connection.atomic_blocks) > 1:
            self._announced[operation, table] = (connection.atomic_blocks[-2], True)

    def over(self, operation: str, table: str) -> None:
        """Expect them no more."""
        self._announced.pop((operation, table), None)

    def is_announced(self, connection: Any, operation: str, table: str) -> bool:
        """Tell whether such a statement is expected."""
        block, _ = self._announced.get((operation, table), (None, False))
        return block is not None and _is_open(connection, block)

    def deleting(self, connection: Any, table: str, keys: Iterable[Any]) -> None:
        """Expect a row to be deleted, by its key as the database has it; of a composite one, by its parts."""
        block, rows = self._rows.get(table, (None, set()))
        if block is None or not _is_open(connection, block):
            block, rows = (connection.atomic_blocks[-1] if connection.atomic_blocks else None), set()
            self._rows[table] = (block, rows)
        rows.update(map(str, keys))

    def part_is_told(self, connection: Any, model: Any, key: str) -> None:
        """Expect the deletion of a row that a deleted one inherited from: it is told of already."""
        block = connection.atomic_blocks[-1] if connection.atomic_blocks else None
        if self._parts[0] is not block:
            self._parts = (block, set())
        self._parts[1].add((model, key))

    def is_part(self, connection: Any, model: Any, key: str) -> bool:
        """Tell whether that is such a row, and expect it no more."""
        block, parts = self._parts
        if (model, key) not in parts or not _is_open(connection, block):
            return False
        parts.discard((model, key))
        return True

    def knows(self, connection: Any, use: Use, parameters: Any) -> bool:
        """Tell whether somebody else tells of what this statement does to this table."""
        operation, table = use.operation, use.table
        if operation in ("insert", "update") and self._tables.get(table):
            return True
        block, once = self._announced.get((operation, table), (None, False))
        if block is not None:
            if once or not _is_open(connection, block):
                del self._announced[operation, table]
            if _is_open(connection, block):
                return True
        return operation == "delete" and bool(parameters) and self._expects(connection, table, parameters)

    def _expects(self, connection: Any, table: str, parameters: Any) -> bool:
        block, rows = self._rows.get(table, (None, set()))
        if block is None or not _is_open(connection, block):
            self._rows.pop(table, None)
            return False
        keys = set(map(str, parameters))
        if not keys <= rows:
            return False
        rows -= keys
        return True


def told_on(connection: Any) -> Told:
    """Return what is told row by row on this connection now."""
    told: Told | None = connection.__dict__.get(_ATTRIBUTE)
    if told is None:
        told = connection.__dict__[_ATTRIBUTE] = Told()
    return told


def _is_open(connection: Any, block: Any) -> bool:
    return any(each is block for each in connection.atomic_blocks)

"""Keep what is said about a trail of files in three more: its checkpoints, its tombstones, its legal holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson

from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.holds import Hold
from aura_logging.audit.stores.base import AuditError, CheckpointConflictError
from aura_logging.audit.stores.statements import StatementFile
from aura_logging.audit.tombstones import Tombstone

__all__ = ["TrailStatements"]

_NUMBER = re.compile(rb'"number":([0-9]{1,18}),')


class TrailStatements:
    """That part of an `AuditStore` which is small: read whole, appended to under a lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._checkpoints = StatementFile(directory / "checkpoints.jsonl")
        self._tombstones = StatementFile(directory / "tombstones.jsonl")
        self._holds = StatementFile(directory / "holds.jsonl")

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Yield the checkpoints from their file."""
        for place, line in enumerate(self._checkpoints.lines(), 1):
            if 0 < _number_of(line) <= after:
                continue
            try:
                yield Checkpoint.parse(line)
            except ValueError:
                yield Checkpoint(place, 0.0, b"", 0, b"", (), "", b"")

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Append a checkpoint if it is the next."""

        def check() -> None:
            last = self._last_number()
            if checkpoint.number != last + 1:
                raise CheckpointConflictError(f"checkpoint {checkpoint.number} cannot follow {last}")

        self._state(self._checkpoints, [checkpoint.as_json()], check)

    def _last_number(self) -> int:
        line = self._checkpoints.last()
        try:
            return Checkpoint.parse(line).number if line else 0
        except ValueError:
            return sum(1 for _ in self._checkpoints.lines())  # as `checkpoints` counts it

    def tombstones(self, writer: str | None = None) -> Iterator[Tombstone]:
        """Yield the tombstones from their file."""
        found: list[Tombstone] = []
        for line in self._tombstones.lines():
            try:
                found.append(Tombstone.parse(line))
            except ValueError:
                found.append(Tombstone("", 0, 0, b"", b"", b"", 0.0, "not a tombstone"))
        for tombstone in sorted(found, key=lambda each: (each.writer, each.first, each.last)):
            if writer is None or tombstone.writer == writer:
                yield tombstone

    def _keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        self._state(self._tombstones, [each.as_json() for each in tombstones])

    def holds(self) -> Sequence[Hold]:
        """Return the holds in force: the file keeps who was put in force and lifted, in order."""
        found: dict[str, Hold] = {}
        for line in self._holds.lines():
            try:
                statement = orjson.loads(line)
                if "lift" in statement:
                    found.pop(statement["lift"], None)
                else:
                    hold = Hold.parse(line)
                    found[hold.name] = hold
            except ValueError as error:
                raise AuditError(f"{self._holds.path} has a line that is no hold; nothing may be purged now") from error
        return list(found.values())

    def add_hold(self, hold: Hold) -> None:
        """Append a hold."""
        self._state(self._holds, [hold.as_json()])

    def lift_hold(self, name: str) -> bool:
        """Append that a hold is lifted."""
        is_there = any(hold.name == name for hold in self.holds())
        if is_there:
            self._state(self._holds, [orjson.dumps({"lift": name})])
        return is_there

    def _state(self, file: StatementFile, lines: Sequence[bytes], check: Callable[[], None] = lambda: None) -> None:
        try:
            file.append(lines, check)
        except OSError as error:
            raise AuditError(f"{file.path} cannot be written: {error}") from error


def _number_of(checkpoint_line: bytes) -> int:
    match = _NUMBER.search(checkpoint_line)
    return int(match[1]) if match else 0

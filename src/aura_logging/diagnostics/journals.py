"""Tell what waits in a journal's directory, in a few numbers that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aura_logging.resilience.journal import JournalFile, pending

__all__ = ["Waiting", "waiting_in"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies in the journals of one name."""

    name: str
    lines: int
    """Of dead processes, not delivered yet."""
    line_bytes: int
    dead: int
    """Processes that left something."""
    alive: int
    """Processes that write here now, or deliver for another."""
    unreadable: int
    """Files that could not be read, or were set aside for a person to look at."""


def waiting_in(directory: Path, name: str | None = None) -> list[Waiting]:
    """Return what waits there, by journal name: of all, or of the one that is asked for.

    Changes nothing. `OSError` if the directory cannot be listed; one that does not exist holds nothing.
    """
    files: dict[str, list[JournalFile]] = {}
    for file in pending(directory, name):
        files.setdefault(file.name, []).append(file)
    return [_waiting(of_name, found) for of_name, found in sorted(files.items())]


def _waiting(name: str, files: list[JournalFile]) -> Waiting:
    alive = {file.stream for file in files if file.is_alive}
    orphans = [file for file in files if file.stream not in alive and not file.is_aside]
    return Waiting(
        name,
        lines=sum(file.unacknowledged_frames for file in orphans),
        line_bytes=sum(file.unacknowledged_bytes for file in orphans),
        dead=len({file.stream for file in orphans if file.unacknowledged_frames}),
        alive=len(alive),
        unreadable=sum(file.problem is not None or file.is_aside for file in files),
    )

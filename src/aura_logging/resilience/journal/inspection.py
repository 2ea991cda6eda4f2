"""Look at the journals of a directory without claiming, changing or delaying any of them for long."""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from aura_logging.resilience.journal.frames import RawFrame, scan
from aura_logging.resilience.journal.headers import Unreadable, read_acknowledgement, read_header
from aura_logging.resilience.journal.names import ASIDE, UNFINISHED, names_in
from aura_logging.resilience.journal.voids import VOIDS, voided_by

__all__ = ["JournalFile", "pending"]


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One file as it was a moment ago; of a live one the counts are already old."""

    path: Path
    name: str
    stream: str
    file_bytes: int
    is_alive: bool
    """A writer or an adopter holds it; otherwise `recover` would take it."""
    is_aside: bool
    """Kept for a human: `recover` does not look at it again."""
    pid: int | None = None
    """Its writer's, for information: the number may belong to another process by now."""
    created_ns: int | None = None
    unacknowledged_frames: int = 0
    unacknowledged_bytes: int = 0
    problem: str | None = None
    """Why it could not be read; the counts are then 0."""


def pending(directory: str | os.PathLike[str], name: str | None = None) -> list[JournalFile]:
    """Describe the journals in `directory`, oldest stream first: all, or those called `name`.

    Raises `OSError` only when the directory cannot be listed; one that does not exist holds none.
    Reads every file once. To ask whether one is alive its lock is tried, shared and for microseconds; an
    adopter that comes at that instant passes the stream by until its next look.
    """
    root = Path(directory)
    files = []
    for found in names_in(root, name):
        if found.fate == UNFINISHED:
            continue
        path, is_aside = root / found.file_name(), found.fate == ASIDE
        try:
            files.append(_look_at(path, found.name, found.stream, is_aside=is_aside))
        except FileNotFoundError:
            continue
        except OSError as error:
            files.append(
                JournalFile(path, found.name, found.stream, 0, is_alive=False, is_aside=is_aside, problem=str(error))
            )
    return files


def _look_at(path: Path, name: str, stream: str, *, is_aside: bool) -> JournalFile:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return JournalFile(path, name, stream, 0, is_alive=False, is_aside=is_aside, problem="no regular file")
        is_alive = _is_locked(fd)
        size = found.st_size
        content = file.read(size) or b""
    try:
        header = read_header(content)
    except Unreadable as unreadable:
        problem = str(unreadable) if content.strip(b"\0") else None  # a spare not begun yet is no problem
        return JournalFile(path, name, stream, size, is_alive, is_aside, problem=problem)
    start = read_acknowledgement(content, header.generation).offset
    frames = [found for found in scan(content, start, header.key) if isinstance(found, RawFrame)]
    # Of the lines taken back, those are known that this very file says.
    voided = {sequence for frame in frames if frame.kind == VOIDS for sequence in voided_by(frame.line)}
    frames = [f for f in frames if f.kind != VOIDS and header.first_sequence + f.number not in voided]
    return JournalFile(
        path=path,
        name=header.name,
        stream=header.stream,
        file_bytes=size,
        is_alive=is_alive,
        is_aside=is_aside,
        pid=header.pid,
        created_ns=header.created_ns,
        unacknowledged_frames=len(frames),
        unacknowledged_bytes=sum(len(frame.line) for frame in frames),
    )


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False

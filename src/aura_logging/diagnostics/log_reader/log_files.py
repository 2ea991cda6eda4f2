"""Find all files of one log: the live one, our segments, and what logrotate or RotatingFileHandler left."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from aura_logging.resilience.log_files.segment_names import SegmentNames

__all__ = ["LogFile", "files_of"]

_FOREIGN = re.compile(r"[.-](?P<number>\d{1,3}|\d{4}-?\d{2}-?\d{2}[-_\d]*)(?P<compressed>\.gz|\.zst)?")
"""`app.log.3`, `app.log-20261123.gz`, `app.log.2026-11-23`: after the live file's name."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log. `closed_at` (Unix seconds) is when its last line was written; None for the live file."""

    path: Path
    compressed: str
    """`.gz`, `.zst`, or nothing."""
    closed_at: float | None
    opened_at: float | None = None
    """When the segment before it was closed, so that nothing in it is older; None where that is not known."""

    def may_hold(self, since: float | None, until: float | None) -> bool:
        """Tell whether lines of that time can be in it, by its name alone."""
        if since is not None and self.closed_at is not None and self.closed_at < since:
            return False
        return until is None or self.opened_at is None or self.opened_at <= until


def files_of(live: Path) -> list[LogFile]:
    """Return the files of a log, newest first; an empty list if there is none. `OSError` if we may not look.

    Segments in the middle of being compressed are taken once, as the plain file that is there until the end.
    """
    live = Path(os.path.realpath(live))
    names = SegmentNames(live.name)
    segments: dict[tuple[int, int], LogFile] = {}
    foreign: list[LogFile] = []
    found_live = False
    for entry in os.scandir(live.parent) if live.parent.is_dir() else ():
        if entry.name == live.name:
            found_live = True
            continue
        parsed = names.parse(entry.name)
        if parsed is not None:
            key = (parsed.segment.closed_at_us, parsed.segment.sequence)
            if not parsed.is_partial and (key not in segments or not parsed.compressed):
                segments[key] = LogFile(Path(entry.path), parsed.compressed, parsed.segment.closed_at)
        elif entry.name.startswith(live.name):
            match = _FOREIGN.fullmatch(entry.name[len(live.name) :])
            if match is not None and entry.is_file():
                foreign.append(LogFile(Path(entry.path), match["compressed"] or "", entry.stat().st_mtime))
    closed = sorted([*segments.values(), *foreign], key=lambda file: (file.closed_at or 0.0, file.path.name))
    files: list[LogFile] = []
    before: float | None = None
    for file in closed:
        files.append(LogFile(file.path, file.compressed, file.closed_at, before))
        before = file.closed_at
    if found_live:
        files.append(LogFile(live, "", None, before))
    return files[::-1]

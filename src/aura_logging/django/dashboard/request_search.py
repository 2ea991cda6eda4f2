"""Find a request's lines within the time of a page: near the moment it is known to be from, else newest files first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.diagnostics.log_reader import LogFile, LogLine, Problem, find_request
from aura_logging.resilience.clock import Clock

__all__ = ["FoundLines", "search_request"]

_NEAR_SECONDS = 600.0
"""A request's lines lie within minutes; what a killed process left may be written later than it happened."""

_SECONDS = 0.6
"""What a page may spend on the search; files that were begun are read to their end."""


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines, oldest first. `further` (a Unix time) is from where on older files were not looked through."""

    lines: tuple[LogLine, ...] = ()
    files_read: int = 0
    further: float | None = None
    problems: tuple[Problem, ...] = ()
    is_cut: bool = False
    """Whether there are more lines than these."""


def search_request(
    files: Sequence[LogFile],
    correlation_id: str,
    *,
    near: float | None = None,
    before: float | None = None,
    seconds: float = _SECONDS,
    clock: Clock = time.monotonic,
) -> FoundLines:
    """Look for a request in files, newest first, until it is found, they end, or so many seconds are over.

    `near` (Unix seconds) is when it happened: files with lines of that time come first. `before` goes on where a
    search ended. At least one file is looked through.
    """
    deadline = clock() + seconds

    def in_time(_: LogFile) -> bool:
        return clock() < deadline

    if near is not None:
        close = [file for file in files if file.may_hold(near - _NEAR_SECONDS, near + _NEAR_SECONDS)]
        found = find_request(close, correlation_id, go_on=in_time)
        if found.lines:
            return FoundLines(found.lines, found.files_read, None, found.problems, found.is_cut)
    chosen = [file for file in files if before is None or _ends_by(file, before)]
    found = find_request(chosen, correlation_id, go_on=in_time)
    is_open = not found.lines and found.files_left
    return FoundLines(
        found.lines,
        found.files_read,
        chosen[found.files_read].closed_at if is_open else None,
        found.problems,
        found.is_cut,
    )


def _ends_by(file: LogFile, at: float) -> bool:
    # Links have whole microseconds.
    return file.closed_at is not None and file.closed_at <= at + 1e-6

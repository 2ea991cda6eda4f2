"""Show one request: its lines in order, its queries and its timeline.

Looks through the live file and the segments, compressed or not, newest first, until the request is found.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from aura_logging.diagnostics.log_reader import LogFile, find_request
from aura_logging.diagnostics.pretty_lines import request_story
from aura_logging.django.management.logs.selection import (
    add_log,
    add_output,
    add_times,
    chosen_logs,
    files_of_all,
    is_colour_wanted,
)
from aura_logging.django.management.logs.wording import counted

__all__ = ["add_arguments", "run"]

_PATIENCE_SECONDS = 1.0
"""So long nobody wonders whether anything happens."""


def add_arguments(parser: CommandParser) -> None:
    """Declare the id, the log, and how far to look."""
    parser.add_argument("correlation_id", metavar="CORRELATION_ID", help="As in X-Request-ID; a trace id will do.")
    add_log(parser)
    add_times(parser)
    parser.add_argument("--all", action="store_true", help="Look through all segments, also once it is found.")
    add_output(parser)


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Show it; 1 if it is not there, or a file could not be read."""
    files = [file for file in files_of_all(chosen_logs(options)) if file.may_hold(options["since"], options["until"])]
    progress = _Progress(err, files)
    found = find_request(files, options["correlation_id"], everywhere=options["all"], go_on=progress.after)
    progress.end()
    if options["json"]:
        for line in found.lines:
            out.write(line.raw.decode("utf-8", "backslashreplace"))
    elif found.lines:
        for text in request_story(found.lines, colour=is_colour_wanted(options, out)):
            out.write(text)
    for problem in found.problems:
        err.write(problem.reason)
    count, files_read = len(found.lines), counted(found.files_read, "file")
    if not count:
        err.write(f"No line has this id, in {files_read}.")
        err.write("Sampling may have left them out, or retention removed their segment.")
        return 1
    left = f"; {found.files_left:,} older not read (--all reads them)" if found.files_left else ""
    err.write(f"{counted(count, 'line')} in {files_read}{left}.")
    return 1 if found.problems else 0


class _Progress:
    """Tells somebody who watches how far a search has come, once it takes long; on the error stream, and wiped."""

    def __init__(self, err: OutputWrapper, files: Sequence[LogFile]) -> None:
        self._err = err
        self._count = len(files)
        self._read = 0
        self._is_watched = err.isatty()
        self._tells_from = time.monotonic() + _PATIENCE_SECONDS
        self._is_told = False

    def after(self, file: LogFile) -> bool:
        """Note that a file was looked through."""
        self._read += 1
        if self._is_watched and time.monotonic() >= self._tells_from:
            back_to = "" if file.opened_at is None else f", back to {datetime.fromtimestamp(file.opened_at, UTC):%F %R}"
            self._write(f"\r{self._read} of {self._count} files looked through{back_to}\x1b[K")
            self._is_told = True
        return True

    def end(self) -> None:
        """Wipe what was told."""
        if self._is_told:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._err.write(text, ending="")
        self._err.flush()

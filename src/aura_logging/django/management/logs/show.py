"""Show one request: its lines in order, its queries and its timeline.

Looks through the live file and the segments, compressed or not, newest first, until the request is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from aura_logging.diagnostics.log_reader import find_request
from aura_logging.diagnostics.pretty_lines import request_story
from aura_logging.django.management.logs.selection import (
    add_log,
    add_output,
    add_times,
    chosen_logs,
    files_of_all,
    is_colour_wanted,
)

__all__ = ["add_arguments", "run"]


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
    found = find_request(files, options["correlation_id"], everywhere=options["all"])
    if options["json"]:
        for line in found.lines:
            out.write(line.raw.decode("utf-8", "backslashreplace"))
    elif found.lines:
        for text in request_story(found.lines, colour=is_colour_wanted(options, out)):
            out.write(text)
    for problem in found.problems:
        err.write(problem.reason)
    count = len(found.lines)
    left = f"; {found.files_left} older not read (--all reads them)" if found.files_left and count else ""
    err.write(f"{count:,} lines in {found.files_read} files{left}.")
    if not count:
        err.write("Sampling may have left them out, or retention removed their segment.")
    return 1 if found.problems or not count else 0

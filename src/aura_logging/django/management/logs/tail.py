"""Show the newest lines and follow what is written, through rotations.

Lines are shown as the console shows them; --json writes them as they are. Ctrl-C ends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.diagnostics.log_reader import search
from aura_logging.diagnostics.log_reader.following import follow
from aura_logging.diagnostics.log_reader.lines import fields_of
from aura_logging.diagnostics.log_reader.wanted import Wanted
from aura_logging.diagnostics.pretty_lines import PrettyLines
from aura_logging.django.management.logs.selection import (
    add_filters,
    add_log,
    add_output,
    chosen_logs,
    files_of_all,
    is_colour_wanted,
    wanted_by,
)

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare the log, how many lines, the filters, and how to show them."""
    add_log(parser)
    parser.add_argument(
        "-n", "--lines", type=int, default=10, metavar="N", help="How many old lines first. Default: 10."
    )
    parser.add_argument("--no-follow", action="store_true", help="Show those and end.")
    add_filters(parser)
    add_output(parser)


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Show lines until Ctrl-C; 0."""
    logs, wanted = chosen_logs(options), wanted_by(options)
    if len(logs) > 1 and not options["no_follow"]:
        err.write(f"Following {logs[0]}; another with --log.")
    if options["lines"] < 0:
        raise CommandError("--lines must be 0 or more.", returncode=2)
    pretty = PrettyLines(colour=is_colour_wanted(options, out))

    def show(raw: bytes) -> None:
        out.write(raw.decode("utf-8", "backslashreplace") if options["json"] else pretty(raw))
        out.flush()

    # Before the old lines are read: what is written while they are is not lost. It may be met twice.
    new = iter(()) if options["no_follow"] else follow(logs[0])
    shown = set()
    old = search(files_of_all(logs), wanted, options["lines"], lambda problem: err.write(problem.reason))
    for line in list(old)[::-1]:
        show(line.raw)
        shown.add(line.raw)
    try:
        for raw in _wanted_of(new, wanted):
            if raw in shown:
                shown.discard(raw)
                continue
            show(raw)
    except KeyboardInterrupt:
        return 0
    return 0


def _wanted_of(lines: Iterator[bytes], wanted: Wanted) -> Iterator[bytes]:
    needles = wanted.needles()
    for raw in lines:
        if all(any(needle in raw for needle in each) for each in needles) and wanted.matches(raw, fields_of(raw)):
            yield raw

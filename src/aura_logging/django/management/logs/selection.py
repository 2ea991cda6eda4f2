"""Let the user say which log is meant, and which of its lines: the flags that tail, show and query share."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.diagnostics.log_reader import LogFile, Wanted, files_of
from aura_logging.diagnostics.log_reader.lines import level_number
from aura_logging.diagnostics.terminal_text import wants_colour
from aura_logging.diagnostics.topology import file_of, read_topology

__all__ = [
    "add_filters",
    "add_log",
    "add_output",
    "add_times",
    "chosen_logs",
    "files_of_all",
    "is_colour_wanted",
    "wanted_by",
]

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_log(parser: CommandParser) -> None:
    """Declare `--log`."""
    parser.add_argument(
        "--log",
        metavar="FILE",
        type=Path,
        action="append",
        help="The live log file; its rotated and compressed segments are found beside it. May be given again. "
        "Default: the file that the root logger's handlers write.",
    )


def add_filters(parser: CommandParser) -> None:
    """Declare the filters."""
    parser.add_argument("--level", type=_level, help="This level and above.")
    parser.add_argument("--logger", default="", help="This logger and those below it.")
    parser.add_argument("--route", default="", help="This route, as in orders/<int:pk>/.")
    parser.add_argument("--user", default="", help="This user's id.")
    parser.add_argument("--id", dest="correlation_id", default="", help="This correlation id or trace id.")
    parser.add_argument("--text", default="", help="This anywhere in the line; in any case, unless it has a capital.")


def add_output(parser: CommandParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="Write the lines as they are in the file.")


def add_times(parser: CommandParser) -> None:
    """Declare `--since` and `--until`."""
    for name in ("since", "until"):
        parser.add_argument(
            f"--{name}",
            type=_time,
            help="A time (2026-11-23T05:00, UTC) or how long ago (90s, 15m, 2h, 7d). Spares whole segments.",
        )


def chosen_logs(options: Mapping[str, Any]) -> list[Path]:
    """Return the live files that are meant; `CommandError` if there is none."""
    if options["log"]:
        paths: list[Path] = options["log"]
        for path in paths:
            if not files_of(path):
                raise CommandError(f"--log {path}: there is no such file, and no segment of it.", returncode=2)
        return paths
    topology = read_topology()
    ends = [end for node in topology.reached_from("") for end in topology.chain(node)]
    found = dict.fromkeys(file_of(end.handler) for end in ends)
    logs = [path for path in found if path is not None and not str(path).startswith("/dev/")]
    if not logs:
        raise CommandError(
            "No handler of the root logger writes a file. Name the log with --log FILE, or give LOGGING a "
            "StructuredFileHandler.",
            returncode=2,
        )
    return logs


def files_of_all(logs: list[Path]) -> list[LogFile]:
    """Return the files of all logs, newest first; `CommandError` where a directory may not be read."""
    try:
        found = [file for log in logs for file in files_of(log)]
    except OSError as error:
        raise CommandError(str(error), returncode=1) from error
    return sorted(found, key=lambda file: float("inf") if file.closed_at is None else file.closed_at, reverse=True)


def wanted_by(options: Mapping[str, Any]) -> Wanted:
    """Return which lines are meant."""
    return Wanted(
        level=options["level"] or "",
        logger=options["logger"],
        route=options["route"],
        user=options["user"],
        correlation_id=options["correlation_id"],
        text=options["text"],
        since=options.get("since"),
        until=options.get("until"),
    )


def is_colour_wanted(options: Mapping[str, Any], out: OutputWrapper) -> bool:
    """Tell whether the output goes to somebody who sees colours."""
    if options.get("no_color"):
        return False
    return bool(options.get("force_color")) or wants_colour(out)


def _level(name: str) -> str:
    if level_number(name) == 0:
        raise ArgumentTypeError(f"{name!r} is no level; use DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return name.upper()


def _time(text: str) -> float:
    amount, unit = text[:-1], text[-1:]
    if unit in _UNITS and amount.replace(".", "", 1).isdigit():
        return time.time() - float(amount) * _UNITS[unit]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a time like 2026-11-23T05:00 nor a span like 15m") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

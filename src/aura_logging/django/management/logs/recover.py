"""Deliver what processes that died left in the journal.

It happens by itself in every process that logs; this is for when none does, or for a directory of another machine.
A process that lives is left alone, so it is safe beside a running site.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.diagnostics.journals import Waiting, waiting_in
from aura_logging.diagnostics.live_handlers import Journaled, journaled_handlers
from aura_logging.django.management.logs.wording import counted
from aura_logging.handlers.orphans import Recovered, write_orphans

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare `--journal` and `--dry-run`."""
    parser.add_argument(
        "--journal",
        metavar="DIR",
        type=Path,
        help="Write the lines in this directory to standard output, whatever LOGGING says. "
        "Default: deliver through the handlers of LOGGING that have a journal.",
    )
    parser.add_argument("--dry-run", action="store_true", help="Tell what waits; deliver and change nothing.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Recover; 0 if nothing is left that could be delivered, 1 if something is, or was damaged."""
    directory: Path | None = options["journal"]
    if directory is not None and not directory.is_dir():
        raise CommandError(f"--journal {directory} is not a directory.", returncode=2)
    handlers = journaled_handlers() if directory is None else []
    if directory is None and not handlers:
        raise CommandError(
            "No handler in LOGGING has a journal. Give an AsyncBufferedHandler one, as in "
            '"journal": "logs/journal", or name a directory with --journal DIR.',
            returncode=2,
        )
    try:
        if options["dry_run"]:
            return _tell(handlers, directory, out)
        return _to_stdout(directory, out, err) if directory is not None else _through(handlers, out, err)
    except OSError as error:
        raise CommandError(str(error), returncode=1) from error


def _tell(handlers: list[Journaled], directory: Path | None, out: OutputWrapper) -> int:
    places: list[tuple[Path, str | None]] = [(directory, None)] if directory is not None else []
    places += [(each.journal_directory, each.journal_name) for each in handlers if each.journal_directory]
    for place, name in places:
        found = waiting_in(place, name)
        out.write(f"{place}")
        for waiting in found:
            out.write(_row(waiting.name, _what_waits(waiting)))
        if not found:
            out.write(_row(name or "", "nothing waits"))
    return 0


def _what_waits(waiting: Waiting) -> str:
    parts = ["nothing waits"]
    if waiting.dead or waiting.lines:
        whose = counted(waiting.dead, "dead process", "dead processes")
        parts = [f"{counted(waiting.lines, 'line')} ({waiting.line_bytes:,} bytes) of {whose}"]
    if waiting.alive:
        parts.append(f"{waiting.alive} alive")
    if waiting.unreadable:
        parts.append(f"{counted(waiting.unreadable, 'file')} unreadable")
    return ", ".join(parts)


def _through(handlers: list[Journaled], out: OutputWrapper, err: OutputWrapper) -> int:
    codes = []
    for handler in handlers:
        recovered = handler.recover()
        out.write(_row(handler.journal_name, f"{counted(recovered.delivered, 'line')} delivered"))
        codes.append(_complain(handler.journal_name, recovered, err))
    return max(codes)


def _to_stdout(directory: Path, out: OutputWrapper, err: OutputWrapper) -> int:
    def write(lines: bytes) -> None:
        out.write(lines.decode("utf-8", "backslashreplace"), ending="")
        out.flush()  # before they count as delivered

    recovered = write_orphans(directory, write)
    err.write(_row(str(directory), f"{counted(recovered.delivered, 'line')} written"))
    return _complain(str(directory), recovered, err)


def _complain(what: str, recovered: Recovered, err: OutputWrapper) -> int:
    """Say what did not go well; return the exit code."""
    if recovered.alive:
        alive = counted(recovered.alive, "process is", "processes are")
        err.write(_row(what, f"{alive} alive and will deliver what is theirs"))
    wrong = []
    if recovered.refused:
        wrong.append(f"{counted(recovered.refused, 'line')} refused by the target's own code and gone")
    if recovered.damaged:
        wrong.append(f"{counted(recovered.damaged, 'line')} damaged; files that held whole ones are kept as *.corrupt")
    if recovered.error is not None:
        wrong.append(f"stopped: {recovered.error}; the rest waits")
    for problem in wrong:
        err.write(_row(what, problem))
    return 1 if wrong else 0


def _row(name: str, text: str) -> str:
    return f"  {name:<14} {text}"

"""Look for personal data and secrets in log files that are there already.

Tells path, line number, detector and field of each finding, and never the value. Plain files and .gz, .bz2 and .xz
are read; AURA["PRIVACY"] says what counts as private.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.django.conf import options as options_of
from aura_logging.privacy.options import PrivacyOptions
from aura_logging.privacy.scan import Progress, scan_file

__all__ = ["add_arguments", "run"]

_TELL_EVERY_BYTES = 64 * 1024 * 1024


def add_arguments(parser: CommandParser) -> None:
    """Declare the files."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="A log file, plain or compressed.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Scan; 0 if nothing was found, 1 if something was, or a file could not be read to its end."""
    files: list[Path] = options["files"]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise CommandError(f"{missing[0]} is not a file.", returncode=2)
    scrubber = options_of(PrivacyOptions).scrubber()
    found: Counter[str] = Counter()
    unread = 0
    for path in files:
        try:
            for hit in scan_file(path, scrubber, _Teller(err)):
                found[hit.detector] += 1
                out.write(f"{hit.path}:{hit.line}: {hit.detector}" + (f" in {hit.field}" if hit.field else ""))
        except OSError as error:
            unread += 1
            err.write(str(error))
    kinds = ", ".join(f"{count:,} x {detector}" for detector, count in found.most_common())
    err.write(f"{len(files) - unread} of {len(files)} files read: {kinds or 'nothing found'}")
    return 1 if found or unread else 0


class _Teller:
    """Says how far a long file has been read, every so many bytes."""

    def __init__(self, err: OutputWrapper) -> None:
        self._err = err
        self._tell_at = _TELL_EVERY_BYTES

    def __call__(self, progress: Progress) -> None:
        if progress.done_bytes < self._tell_at or progress.total_bytes <= _TELL_EVERY_BYTES:
            return
        self._tell_at = progress.done_bytes + _TELL_EVERY_BYTES
        self._err.write(f"{progress.path}: {progress.done_bytes / progress.total_bytes:.0%}")

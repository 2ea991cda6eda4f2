"""Tell our journal files from everything else in a directory by their names alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from aura_logging.options import OptionError
from aura_logging.resilience.journal.headers import NAME_BYTES

__all__ = ["SegmentName", "checked_name", "names_in"]

SUFFIX = ".journal"
UNFINISHED = ".new"
"""A file whose maker has not finished it; it becomes a journal by being renamed."""
ASIDE = ".corrupt"
"""A journal that could not be understood, kept for a human."""

_PATTERN = re.compile(
    r"(?P<name>[A-Za-z0-9_.~%-]+)\.(?P<stream>[0-9a-f]{24})\.(?P<number>[0-9]{6,})\.journal(?P<fate>\.new|\.corrupt)?"
)


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """`<name>.<stream>.<number>.journal`: whose file it is, before it is opened.

    `stream` is one writer in one process: its start in nanoseconds and 32 random bits, in hex, so that
    streams sort by age.
    """

    stream: str
    number: int
    name: str
    fate: str = ""

    def file_name(self) -> str:
        """Spell it; characters no file system minds, the rest percent-encoded."""
        return f"{self.stem(self.name, self.stream)}{self.number:06d}{SUFFIX}{self.fate}"

    @staticmethod
    def stem(name: str, stream: str) -> str:
        """Return what the names of all files of one stream begin with."""
        return f"{quote(name, safe='')}.{stream}."

    @classmethod
    def parse(cls, file_name: str) -> SegmentName | None:
        """Return what the name says, or None for a file that is not ours."""
        match = _PATTERN.fullmatch(file_name)
        if match is None:
            return None
        return cls(match["stream"], int(match["number"]), unquote(match["name"]), match["fate"] or "")


def checked_name(name: str) -> str:
    """Return the journal's name if a file can carry it, or raise `OptionError`."""
    if not name or len(quote(name, safe="")) > NAME_BYTES:
        raise OptionError(f"name={name!r} must have from 1 to {NAME_BYTES} characters once percent-encoded.")
    return name


def names_in(directory: Path, name: str | None = None) -> list[SegmentName]:
    """List our files, of every fate, oldest stream first; of one journal's name if it is given.

    A directory that is not there holds none; another `OSError` goes to the caller.
    """
    try:
        with_names = [SegmentName.parse(entry.name) for entry in directory.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(found for found in with_names if found is not None and name in (None, found.name))

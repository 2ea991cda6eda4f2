"""Name the files of a chain so that names sort like entries, and find them in a directory.

A writer's live segment is `WRITER.000000000001.jsonl`, after the number of its first entry; closed it has that of its
last one too, `WRITER.000000000001-000000004711.jsonl`, and when compressed `.gz` behind it. Names are for finding; what
is in a file, and whether all of it is there, only verification tells.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aura_logging.audit.stores.base import Entry
from aura_logging.audit.stores.last_line import last_line
from aura_logging.audit.stores.lines import read_line, read_tail, seq_of

__all__ = ["SegmentFile", "last_seq", "read_segment", "segments"]

_MOST_LOOKS = 20

_NAME = re.compile(r"([A-Za-z0-9._-]{1,150})\.([0-9]{12,19})(?:-([0-9]{12,19}))?\.jsonl(\.gz)?")


@dataclass(frozen=True, slots=True, order=True)
class SegmentFile:
    """One file: `last` is 0 for a segment that is live, or was when its process died."""

    writer: str
    first: int
    last: int
    is_compressed: bool

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.plain_name}.gz" if self.is_compressed else self.plain_name

    @property
    def plain_name(self) -> str:
        """The name that it has, or had, as plain lines."""
        closed = f"-{self.last:012}" if self.last else ""
        return f"{self.writer}.{self.first:012}{closed}.jsonl"

    @classmethod
    def parse(cls, name: str) -> SegmentFile | None:
        """Return what a name says; None for any name that is not exactly one of ours."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        file = cls(match[1], int(match[2]), int(match[3] or 0), match[4] is not None)
        return file if file.name == name and (file.last or not file.is_compressed) else None


def segments(directory: Path, writer: str | None = None) -> dict[str, list[SegmentFile]]:
    """Return the segments of each writer, or of one, in order, writers sorted by name.

    Where a crash left a segment in two forms, the form that was there first counts: its lines were never touched.
    """
    try:
        names = _names(directory)
    except FileNotFoundError:
        return {}
    chosen: dict[tuple[str, int], SegmentFile] = {}
    for name in names:
        file = SegmentFile.parse(name)
        if file is None or writer not in (None, file.writer):
            continue
        other = chosen.get((file.writer, file.first))
        if other is None or (file.is_compressed, file.last) < (other.is_compressed, other.last):
            chosen[file.writer, file.first] = file
    found: dict[str, list[SegmentFile]] = {}
    for file in sorted(chosen.values()):
        found.setdefault(file.writer, []).append(file)
    return found


def _names(directory: Path) -> set[str]:
    """Return the names in a directory, none left out because it was being renamed: the system does not promise that."""
    names = set(os.listdir(directory))  # noqa: PTH208  # names are all we need
    for _ in range(_MOST_LOOKS):
        before, names = names, set(os.listdir(directory))  # noqa: PTH208
        if names == before:
            return names
    return names


def read_segment(directory: Path, file: SegmentFile, *, is_last: bool) -> Iterator[Entry]:
    """Yield the entries of a segment. `FileNotFoundError` before the first if it was closed meanwhile.

    Of a live segment, whole lines only, once they are on the disk: nobody may rely on an entry that a power cut could
    take back. Of a dead writer's last segment the tail too, whatever it is.
    """
    path = directory / file.name
    if file.is_compressed:
        yield from _read_compressed(path, file.writer)
        return
    with path.open("rb") as lines:
        if file.last == 0 and is_last and _is_live(lines.fileno()):
            os.fsync(lines.fileno())
            end = os.fstat(lines.fileno()).st_size
            while lines.tell() < end and (line := lines.readline()).endswith(b"\n"):
                yield read_line(file.writer, line)
            return
        for line in lines:
            if line.endswith(b"\n"):
                yield read_line(file.writer, line)
            else:
                entry = read_tail(file.writer, line)
                yield entry if is_last or entry.event_bytes else entry._replace(damage="half an entry")


def last_seq(directory: Path, files: list[SegmentFile]) -> int:
    """Return the number of the last whole line in a writer's segments, from names where they say it."""
    for file in reversed(files):
        last = file.last or seq_of(last_line(directory / file.name))
        if last:
            return last
    return 0


def _read_compressed(path: Path, writer: str) -> Iterator[Entry]:
    with gzip.open(path) as lines:
        try:
            for line in lines:
                yield read_line(writer, line)
        except (OSError, EOFError, zlib.error) as error:
            yield read_line(writer, b"")._replace(damage=f"the compressed segment is damaged: {error}")


def _is_live(fd: int) -> bool:
    """Tell whether a living process holds the segment; asking with a shared lock disturbs nobody."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False

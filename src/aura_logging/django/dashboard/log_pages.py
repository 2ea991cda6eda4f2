"""Read a log page by page, newest line first, each page within bounds of time and bytes, and go on where it ended."""

from __future__ import annotations

import re
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aura_logging.diagnostics.log_reader import LogFile, LogLine, Problem, Wanted
from aura_logging.diagnostics.log_reader.blocks import blocks, blocks_backwards
from aura_logging.diagnostics.log_reader.lines import fields_of
from aura_logging.diagnostics.log_reader.search import lines_in
from aura_logging.resilience.clock import Clock

__all__ = ["Bounds", "LogPage", "Place", "read_page"]

_PLACE = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,8})-([0-9a-f]{1,16})-([0-9a-f]{1,16})")
_MOST_HEAD_BYTES = 4_096
_LINE_BREAK = ord("\n")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a log a page ended: what lies before `offset` (in the decompressed file) has not been looked at.

    A file is known by the checksum of its first line, `head`: rotation leaves its inode as it is, compression gives it
    another, and a new file may get the old one. Of one that is gone, `at` (Unix microseconds) says how old what comes
    next may be.
    """

    inode: int
    head: int
    offset: int
    at: int

    def __str__(self) -> str:
        return f"{self.inode:x}-{self.head:x}-{self.offset:x}-{self.at:x}"

    @staticmethod
    def parse(text: str) -> Place | None:
        """Return the place that a link named; None for what is none."""
        match = _PLACE.fullmatch(text)
        return Place(*(int(part, 16) for part in match.groups())) if match else None


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a page ends: at so many lines, or when so many seconds are over or so many bytes were looked through."""

    lines: int = 50
    seconds: float = 0.4
    bytes: int = 128 << 20


@dataclass(frozen=True, slots=True)
class LogPage:
    """The lines that were found, newest first. `further` is where older ones may be; None at the log's end.

    `looked_back_to` is the time (ISO 8601) down to which all was looked through, empty where that is not known.
    """

    lines: tuple[LogLine, ...]
    further: Place | None
    bytes_read: int
    looked_back_to: str
    problems: tuple[Problem, ...]
    is_full: bool
    """Whether it ended because it has all the lines it may have."""


def read_page(
    files: Sequence[LogFile],
    wanted: Wanted,
    start: Place | None = None,
    bounds: Bounds | None = None,
    clock: Clock = time.monotonic,
) -> LogPage:
    """Return one page of the wanted lines; never raises for a file that cannot be read.

    `files` is newest first. At least one block is looked through, however short the time; a compressed file is looked
    through whole, for it can only be read from its beginning.
    """
    reading = _Reading(wanted, bounds or Bounds(), clock)
    for file, before in _from(files, start):
        if not file.may_hold(wanted.since, wanted.until):
            continue
        try:
            reading.read(file, before)
        except FileNotFoundError:
            continue  # removed by retention
        except OSError as error:
            reading.problems.append(Problem(file.path, str(error)))
        if reading.is_over:
            break
    return reading.page()


def _from(files: Sequence[LogFile], start: Place | None) -> Iterator[tuple[LogFile, int | None]]:
    """Yield the files from the place on, each with the offset before which it is to be read (None: all of it)."""
    if start is None:
        yield from ((file, None) for file in files)
        return
    found = _file_of(files, start)
    if found is not None:
        yield found, start.offset
        yield from ((file, None) for file in files[files.index(found) + 1 :])
        return
    at = start.at / 1e6
    yield from ((file, None) for file in files if file.closed_at is not None and file.closed_at <= at)


def _file_of(files: Sequence[LogFile], place: Place) -> LogFile | None:
    same_inode = [file for file in files if _inode(file) == place.inode]
    return next((file for file in (*same_inode, *files) if _head(file) == place.head), None)


def _head(file: LogFile) -> int:
    """Return the checksum of a file's first line; -1 where it has none, or cannot be read."""
    try:
        beginning = next(blocks(file), b"") if file.compressed else _beginning(file)
    except OSError:
        return -1
    first_line, line_break, _ = beginning[:_MOST_HEAD_BYTES].partition(b"\n")
    return zlib.crc32(first_line) if first_line or line_break else -1


def _beginning(file: LogFile) -> bytes:
    with file.path.open("rb", buffering=0) as opened:
        return opened.read(_MOST_HEAD_BYTES)


def _inode(file: LogFile) -> int:
    try:
        return file.path.stat().st_ino
    except OSError:
        return 0


class _Reading:
    """One page being read: what was found, and what may still be spent."""

    def __init__(self, wanted: Wanted, bounds: Bounds, clock: Clock) -> None:
        self.problems: list[Problem] = []
        self.is_over = False
        self._wanted = wanted
        self._needles = wanted.needles()
        self._bounds = bounds
        self._clock = clock
        self._deadline = clock() + bounds.seconds
        self._found: list[LogLine] = []
        self._bytes_read = 0
        self._further: Place | None = None
        self._oldest = ""

    def page(self) -> LogPage:
        """Return what was found."""
        return LogPage(
            tuple(self._found),
            self._further,
            self._bytes_read,
            self._oldest if self._further is not None else "",
            tuple(self.problems),
            is_full=len(self._found) >= self._bounds.lines,
        )

    def read(self, file: LogFile, before: int | None) -> None:
        """Take what is wanted of a file, or of what of it lies before an offset."""
        self._further = None
        if file.compressed:
            self._read_forwards(file, before)
        else:
            self._read_backwards(file, before)

    def _read_backwards(self, file: LogFile, before: int | None) -> None:
        end = file.path.stat().st_size if before is None else before
        for block in blocks_backwards(file.path, end):
            begin = end - len(block)
            self._bytes_read += len(block)
            at = len(block)
            for line in reversed(list(lines_in(block, self._wanted, file.path, self._needles))):
                at = _place_before(block, line.raw, at)
                self._found.append(line)
                if len(self._found) >= self._bounds.lines:
                    self._stop(file, begin + at, line.timestamp)
                    return
            end = begin
            if self._is_spent():
                self._stop(file, begin, _first_timestamp(block))
                return

    def _read_forwards(self, file: LogFile, before: int | None) -> None:
        room = self._bounds.lines - len(self._found)
        newest: deque[tuple[int, LogLine]] = deque(maxlen=room)
        begin = 0
        oldest = ""
        for block in blocks(file):
            oldest = oldest or _first_timestamp(block)
            at = 0
            for line in lines_in(block, self._wanted, file.path, self._needles):
                at = _place_after(block, line.raw, at)
                if before is not None and begin + at >= before:
                    break
                newest.append((begin + at, line))
                at += len(line.raw)
            begin += len(block)
            if before is not None and begin >= before:
                break
        self._bytes_read += begin
        self._found.extend(line for _, line in reversed(newest))
        if len(newest) == room:
            self._stop(file, newest[0][0], newest[0][1].timestamp)
        elif self._is_spent():
            self._stop(file, 0, oldest)

    def _is_spent(self) -> bool:
        return self._clock() >= self._deadline or self._bytes_read >= self._bounds.bytes

    def _stop(self, file: LogFile, offset: int, timestamp: str) -> None:
        self.is_over = True
        self._oldest = timestamp
        self._further = Place(_inode(file), max(0, _head(file)), offset, _microseconds(timestamp))


def _place_before(block: bytes, line: bytes, end: int) -> int:
    """Return where a line begins that is in a block before `end`; its text may be part of others, too."""
    at = block.rfind(line, 0, end)
    while not _is_whole(block, at, len(line)):
        at = block.rfind(line, 0, at + len(line) - 1)
    return at


def _place_after(block: bytes, line: bytes, begin: int) -> int:
    """Return where a line begins that is in a block from `begin` on."""
    at = block.find(line, begin)
    while not _is_whole(block, at, len(line)):
        at = block.find(line, at + 1)
    return at


def _is_whole(block: bytes, at: int, length: int) -> bool:
    ends = at + length
    is_begun = at <= 0 or block[at - 1] == _LINE_BREAK
    return at < 0 or (is_begun and (ends >= len(block) or block[ends] == _LINE_BREAK))


def _first_timestamp(block: bytes) -> str:
    end = block.find(b"\n")
    return str(fields_of(block[: end if end >= 0 else len(block)]).get("timestamp", ""))


def _microseconds(timestamp: str) -> int:
    try:
        return max(0, int(datetime.fromisoformat(timestamp).timestamp() * 1e6))
    except ValueError:
        return 0

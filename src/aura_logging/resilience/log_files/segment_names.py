"""Name the closed segments of a log file so that names sort by time and no other file is taken for one.

The live file `app.jsonl` is closed as `app.20261123T053216.123456Z-000001.jsonl`: the moment it was closed (UTC,
microseconds), then a sequence number that counts on from the newest segment there is, so that a reader can tell
whether one is missing. A compressed segment has `.gz` or `.zst` after that; `.partial` marks a compression that is
not finished and may be removed by whoever keeps house.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["COMPRESSED_SUFFIXES", "PARTIAL_SUFFIX", "Segment", "SegmentFile", "SegmentNames"]

COMPRESSED_SUFFIXES = (".gz", ".zst")
PARTIAL_SUFFIX = ".partial"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One closed stretch of the log; segments of one log are ordered by when they were closed."""

    closed_at_us: int
    """Microseconds since 1970 UTC."""

    sequence: int
    """Counts from 1."""

    @property
    def closed_at(self) -> float:
        """Seconds since 1970 UTC."""
        return self.closed_at_us / 1_000_000


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What a file's name says: which segment it holds, how it is compressed, and whether it is finished."""

    segment: Segment
    compressed: str = ""
    """The suffix of the compression, or nothing for the lines as they were written."""

    is_partial: bool = False


class SegmentNames:
    """Speak and read the names of one log file's segments; knows no directory and touches no file.

    A name counts only if it is exactly one that `name` would give: what deletes files trusts this.
    """

    def __init__(self, live_name: str) -> None:
        stem, dot, extension = live_name.rpartition(".")
        self._stem, self._suffix = (stem, dot + extension) if stem and extension else (live_name, "")
        self._pattern = re.compile(
            re.escape(self._stem)
            + r"\.([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})\.([0-9]{6})Z-([0-9]{6,18})"
            + re.escape(self._suffix)
            + r"(\.gz|\.zst)?(\.partial)?"
        )

    def name(self, file: SegmentFile) -> str:
        """Return the file name of a segment in the given state."""
        at = _EPOCH + timedelta(microseconds=file.segment.closed_at_us)
        stamp = f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}.{at.microsecond:06}Z"
        partial = PARTIAL_SUFFIX if file.is_partial else ""
        return f"{self._stem}.{stamp}-{file.segment.sequence:06}{self._suffix}{file.compressed}{partial}"

    def parse(self, file_name: str) -> SegmentFile | None:
        """Return what the name says, or `None` for any name that is not exactly one of ours."""
        match = self._pattern.fullmatch(file_name)
        if match is None:
            return None
        *moment, sequence, compressed, partial = match.groups()
        year, month, day, hour, minute, second, microsecond = map(int, moment)
        try:
            closed_at = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
        except ValueError:
            return None
        segment = Segment((closed_at - _EPOCH) // timedelta(microseconds=1), int(sequence))
        file = SegmentFile(segment, compressed or "", partial is not None)
        return file if self.name(file) == file_name else None

    def index_name(self, segment: Segment) -> str:
        """Return the name of the hidden file that says which ids a segment mentions: see `id_index`."""
        return f".{self.name(SegmentFile(segment))}.ids"

    def parse_index(self, file_name: str) -> Segment | None:
        """Return whose index a file is, or `None` for any name that is not exactly one of ours."""
        file = self.parse(file_name[1:].removesuffix(".ids"))
        return file.segment if file is not None and self.index_name(file.segment) == file_name else None

    @staticmethod
    def following(newest: Segment | None, now: float) -> Segment:
        """Return the segment to close at `now` (seconds since 1970 UTC), later than the newest there is.

        A clock that stepped back keeps the newest stamp, so that order by name stays the order of writing.
        """
        now_us = min(max(int(now * 1_000_000), 0), _LATEST_US)
        if newest is None:
            return Segment(now_us, 1)
        return Segment(max(now_us, newest.closed_at_us), newest.sequence + 1)

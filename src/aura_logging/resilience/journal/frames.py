"""Encode one line as a checked frame, and find every whole frame again in damaged bytes.

A frame is 20 bytes and the line, little-endian:

    marker 4s | length u32 | check u32 | ticket u32 | level u24, kind u8 | line

`marker` is 0xFF and three random bytes: UTF-8 never contains 0xFF, so no line can look like a frame.
`ticket` counts the segment's frames from a random first one, so a reader knows how many are missing between
two. `check` is the CRC-32 of the line begun from `ticket ^ level and kind`, so it vouches for those too.
Marker and first ticket are drawn anew each time a segment's file is used again: what lay there before does
not read as frames. Room not yet used is zero, so that anything else at the end is known for the beginning of
a frame that was torn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

__all__ = [
    "FRAME",
    "FRAME_BYTES",
    "KIND_SHIFT",
    "MAX_LEVEL",
    "Damage",
    "FrameKey",
    "JournalFrame",
    "RawFrame",
    "scan",
]

FRAME = struct.Struct("<4sIIII")
FRAME_BYTES = FRAME.size
KIND_SHIFT = 24
MAX_LEVEL = (1 << KIND_SHIFT) - 1

_FAILED_CHECKS_PER_BYTE = 4
"""Bytes checksummed in vain per byte of file before a scan gives up: keeps it linear whatever the content."""


@dataclass(frozen=True, slots=True)
class FrameKey:
    """What one use of a segment's file marks its frames with."""

    marker: bytes
    first_ticket: int

    @classmethod
    def drawn_from(cls, entropy: bytes) -> FrameKey:
        """Make a key of seven random bytes; tickets stay below 2**31 however many frames a segment holds."""
        return cls(b"\xff" + entropy[:3], int.from_bytes(entropy[3:7], "little") >> 2)


class RawFrame(NamedTuple):
    """One whole frame as it lies in a segment; `end` is the offset after it."""

    number: int
    level: int
    kind: int
    line: bytes
    end: int


class JournalFrame(NamedTuple):
    """One line read back; pass `position` to `acknowledge` once it is delivered, or to `read` to go on."""

    position: int
    sequence: int
    level: int
    kind: int
    line: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no frame: in front of the next whole one, or at the end of what was written.

    `frames` is how many frames they held, None where nothing after them tells (a torn end).
    """

    skipped_bytes: int
    frames: int | None


def scan(content: bytes, start: int, key: FrameKey) -> Iterator[RawFrame | Damage]:
    """Yield the frames from offset `start` on, in order, and a `Damage` wherever bytes had to be skipped.

    Terminates in time linear in the content, and raises on none. Unused room at the end is not damage.
    """
    offset, last_number = start, -1
    work_left = _FAILED_CHECKS_PER_BYTE * len(content)
    while True:
        found = _whole_frame_at(content, offset, key, last_number)
        if isinstance(found, RawFrame):
            yield found
            offset, last_number = found.end, found.number
            continue
        work_left -= found
        hole = offset
        while not isinstance(found, RawFrame):
            offset = content.find(key.marker, offset + 1)
            if offset < 0 or work_left < 0:
                break
            found = _whole_frame_at(content, offset, key, last_number)
            if not isinstance(found, RawFrame):
                work_left -= found
        if not isinstance(found, RawFrame):
            torn = len(content[hole:].rstrip(b"\0"))
            if torn:
                yield Damage(torn, None)
            return
        # A scan that starts after an acknowledgement cannot know how many frames its first hole held.
        lost = found.number - last_number - 1 if last_number >= 0 or start == 0 else 1
        yield Damage(offset - hole, max(1, lost))
        yield found
        offset, last_number = found.end, found.number


def _whole_frame_at(content: bytes, offset: int, key: FrameKey, last_number: int) -> RawFrame | int:
    """Return the frame that begins at `offset`, or how many bytes were read to learn that none does."""
    if len(content) - offset < FRAME_BYTES:
        return 0
    fields: tuple[bytes, int, int, int, int] = FRAME.unpack_from(content, offset)
    marker, length, check, ticket, tag = fields
    number = ticket - key.first_ticket
    body = offset + FRAME_BYTES
    if marker != key.marker or length > len(content) - body or number <= last_number:
        return FRAME_BYTES
    line = bytes(content[body : body + length])
    if crc32(line, ticket ^ tag) != check:
        return FRAME_BYTES + length
    return RawFrame(number, tag & MAX_LEVEL, tag >> KIND_SHIFT, line, body + length)

"""Encode one line as a checked frame, and find every whole frame again in damaged bytes.

A frame is 24 bytes and the line, little-endian:

    marker 4s | length u32 | check u32 | index u32 | level i32 | kind u8 | 3 bytes of zero | line

`marker` is 0xFF and three random bytes: UTF-8 never contains 0xFF, so no line can look like a frame.
`check` is the CRC-32 of the line, begun from `salt ^ index ^ level << 16 ^ kind << 8`, so it vouches for
the header too. Marker and salt are drawn anew each time a segment's file is used again: what lay there
before does not read as frames. `index` numbers the frames of a segment from 0, so a reader knows how many
were lost between two. Room not yet used is zero, so that anything else at the end is known for the
beginning of a frame that was torn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

__all__ = ["FRAME", "FRAME_BYTES", "Damage", "FrameKey", "RawFrame", "scan"]

FRAME = struct.Struct("<4sIIIiB3x")
FRAME_BYTES = FRAME.size

_FAILED_CHECKS_PER_BYTE = 4
"""Bytes checksummed in vain per byte of file before a scan gives up: keeps it linear whatever the content."""


@dataclass(frozen=True, slots=True)
class FrameKey:
    """What one use of a segment's file marks its frames with."""

    marker: bytes
    salt: int

    @classmethod
    def drawn_from(cls, entropy: bytes) -> FrameKey:
        """Make a key of seven random bytes."""
        return cls(b"\xff" + entropy[:3], int.from_bytes(entropy[3:7], "little"))


class RawFrame(NamedTuple):
    """One whole frame as it lies in a segment; `end` is the offset after it."""

    number: int
    level: int
    kind: int
    line: bytes
    end: int


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
    offset, last_index = start, -1
    work_left = _FAILED_CHECKS_PER_BYTE * len(content)
    while True:
        found = _whole_frame_at(content, offset, key, last_index)
        if isinstance(found, RawFrame):
            yield found
            offset, last_index = found.end, found.number
            continue
        work_left -= found
        hole = offset
        while not isinstance(found, RawFrame):
            offset = content.find(key.marker, offset + 1)
            if offset < 0 or work_left < 0:
                break
            found = _whole_frame_at(content, offset, key, last_index)
            if not isinstance(found, RawFrame):
                work_left -= found
        if not isinstance(found, RawFrame):
            torn = len(content[hole:].rstrip(b"\0"))
            if torn:
                yield Damage(torn, None)
            return
        # A scan that starts after an acknowledgement cannot know how many frames its first hole held.
        lost = found.number - last_index - 1 if last_index >= 0 or start == 0 else 1
        yield Damage(offset - hole, max(1, lost))
        yield found
        offset, last_index = found.end, found.number


def _whole_frame_at(content: bytes, offset: int, key: FrameKey, last_index: int) -> RawFrame | int:
    """Return the frame that begins at `offset`, or how many bytes were read to learn that none does."""
    if len(content) - offset < FRAME_BYTES:
        return 0
    fields: tuple[bytes, int, int, int, int, int] = FRAME.unpack_from(content, offset)
    marker, length, check, index, level, kind = fields
    body = offset + FRAME_BYTES
    if marker != key.marker or length > len(content) - body or index <= last_index:
        return FRAME_BYTES
    line = bytes(content[body : body + length])
    if crc32(line, (key.salt ^ index ^ level << 16 ^ kind << 8) & 0xFFFFFFFF) != check:
        return FRAME_BYTES + length
    return RawFrame(index, level, kind, line, body + length)

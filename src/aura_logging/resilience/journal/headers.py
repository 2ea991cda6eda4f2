"""Encode what a segment says about itself: whose it is, how its frames are marked, what was acknowledged.

The first page holds two copies of the header and two acknowledgement slots, each with its own checksum. The
slots are written in turns, so that a process killed in the middle of one leaves the other; an acknowledgement
of an earlier use of the file carries an earlier generation and does not count.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from zlib import crc32

from aura_logging.resilience.journal.frames import FrameKey

__all__ = [
    "Acknowledgement",
    "FORMAT_VERSION",
    "HEADER_BYTES",
    "NAME_BYTES",
    "SegmentHeader",
    "Unreadable",
    "read_acknowledgement",
    "read_header",
    "write_acknowledgement",
    "write_header",
]

HEADER_BYTES = 4096
"""Frames begin here: one page."""

FORMAT_VERSION = 1
NAME_BYTES = 128

_MAGIC = b"AURAJRNL"
_HEADER = struct.Struct(f"<8sHHIQQQQ4sI24s16s{NAME_BYTES}s")
_HEADER_OFFSETS = (0, 1024)
_CHECK = struct.Struct("<I")
_SLOT = struct.Struct("<QQ")
_SLOT_OFFSETS = (2048, 3072)


class Unreadable(ValueError):  # noqa: N818 - it is a finding, not a fault of ours
    """The bytes are no segment this version can read; `from_the_future` when a later version wrote them."""

    def __init__(self, reason: str, *, from_the_future: bool = False) -> None:
        super().__init__(reason)
        self.from_the_future = from_the_future


class Writable(Protocol):
    """A memory map, or a bytearray in a test."""

    def __setitem__(self, where: slice, content: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """One use of one file by one process.

    `first_sequence` is the sequence number of its frame 0; `generation` counts the uses of the file.
    """

    name: str
    stream: str
    boot_id: bytes
    pid: int
    created_ns: int
    segment_bytes: int
    generation: int
    first_sequence: int
    key: FrameKey


class Acknowledgement(NamedTuple):
    """Every frame before `offset` was taken; `turn` is the slot that says so, the next goes to the other."""

    offset: int
    turn: int


def write_header(target: Writable, header: SegmentHeader) -> None:
    """Write both copies."""
    packed = _HEADER.pack(
        _MAGIC,
        FORMAT_VERSION,
        HEADER_BYTES,
        header.pid,
        header.created_ns,
        header.segment_bytes,
        header.generation,
        header.first_sequence,
        header.key.marker,
        header.key.first_ticket,
        header.stream.encode("ascii"),
        header.boot_id,
        header.name.encode(),
    )
    packed += _CHECK.pack(crc32(packed))
    for offset in _HEADER_OFFSETS:
        target[offset : offset + len(packed)] = packed


def read_header(page: bytes) -> SegmentHeader:
    """Return the latest whole copy, or raise `Unreadable`."""
    copies = [copy for offset in _HEADER_OFFSETS if (copy := _copy_at(page, offset)) is not None]
    if copies:
        return max(copies, key=lambda header: header.generation)
    version = int.from_bytes(page[8:10], "little")
    if page[:8] == _MAGIC and version > FORMAT_VERSION:
        raise Unreadable(f"written in format {version}; this version reads {FORMAT_VERSION}", from_the_future=True)
    raise Unreadable("no whole header")


def _copy_at(page: bytes, offset: int) -> SegmentHeader | None:
    packed = page[offset : offset + _HEADER.size]
    check = page[offset + _HEADER.size : offset + _HEADER.size + _CHECK.size]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != crc32(packed):
        return None
    magic, version, header_bytes, *rest = _HEADER.unpack(packed)
    if magic != _MAGIC or version != FORMAT_VERSION or header_bytes != HEADER_BYTES:
        return None
    (
        pid,
        created_ns,
        segment_bytes,
        generation,
        first_sequence,
        marker,
        first_ticket,
        stream,
        boot_id,
        name,
    ) = rest
    try:
        return SegmentHeader(
            name=name.rstrip(b"\0").decode(),
            stream=stream.decode("ascii"),
            boot_id=boot_id,
            pid=pid,
            created_ns=created_ns,
            segment_bytes=segment_bytes,
            generation=generation,
            first_sequence=first_sequence,
            key=FrameKey(marker, first_ticket),
        )
    except UnicodeDecodeError:
        return None


def write_acknowledgement(target: Writable, *, turn: int, generation: int, offset: int) -> None:
    """Say that every frame before `offset` was taken by the target; `turn` alternates between the slots."""
    packed = _SLOT.pack(generation, offset)
    packed += _CHECK.pack(crc32(packed))
    where = _SLOT_OFFSETS[turn & 1]
    target[where : where + len(packed)] = packed


def read_acknowledgement(page: bytes, generation: int) -> Acknowledgement:
    """Return the furthest acknowledgement of this generation; the first frame's offset when there is none."""
    furthest = Acknowledgement(HEADER_BYTES, 1)
    for turn, where in enumerate(_SLOT_OFFSETS):
        packed = page[where : where + _SLOT.size]
        check = page[where + _SLOT.size : where + _SLOT.size + _CHECK.size]
        if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != crc32(packed):
            continue
        of_generation, offset = _SLOT.unpack(packed)
        if of_generation == generation:
            furthest = max(furthest, Acknowledgement(offset, turn))
    return furthest

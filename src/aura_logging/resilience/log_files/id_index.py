"""Remember which ids a closed segment mentions, so that a search need not decompress those that have other ones.

A Bloom filter (https://en.wikipedia.org/wiki/Bloom_filter) in a hidden file beside the segment: about ten bits for
each request. It may be missing, damaged or removed at any time: then the segment is read.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from pathlib import Path

from aura_logging.schema import SCHEMAS

__all__ = ["IdCollector", "index_path", "may_mention"]

_FIELDS = ("correlation_id", "trace_id")
_NAMES = sorted({schema.name(field) for schema in SCHEMAS.values() for field in _FIELDS})
# One at a time: a pattern that begins with fixed text is looked for twice as fast as alternatives are.
_IDS = [re.compile(rb'"%b": ?"([^"]*)"' % re.escape(name.encode())) for name in _NAMES]

_BITS_PER_ID = 10
_HASHES = 4
"""With ten bits for each id, one in eighty segments is read in vain."""

_LEAST_BITS = 64
_MOST_IDS = 1_000_000
"""So many take 100 MB of memory; a segment of more has no index."""

_LONGEST_LINE_BYTES = 16 << 20
_MAGIC = b"aura ids 1\n"
_HEADER = struct.Struct(">11sIII")
"""Magic, number of ids, number of bits, checksum of the bits."""


class IdCollector:
    """Takes in a segment's bytes, in order and in any pieces, and makes its index; for one thread."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._rest = b""
        self._is_complete = True

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        if not self._is_complete:
            return
        end = data.rfind(b"\n") + 1
        if not end:
            self._rest += data
        else:
            whole, self._rest = self._rest + data[:end], data[end:]
            self._take(whole)
        if len(self._numbers) > _MOST_IDS or len(self._rest) > _LONGEST_LINE_BYTES:
            self._is_complete, self._rest = False, b""
            self._numbers.clear()

    def index(self) -> bytes | None:
        """Return the index of all that was taken in; None where it would be too large to be worth it."""
        if not self._is_complete:
            return None
        self._take(self._rest)
        size = max(_LEAST_BITS, -(-len(self._numbers) * _BITS_PER_ID // 8) * 8)
        bits = bytearray(size // 8)
        for number in self._numbers:
            for place in _places(number, size):
                bits[place >> 3] |= 1 << (place & 7)
        return _HEADER.pack(_MAGIC, len(self._numbers), size, zlib.crc32(bits)) + bits

    def _take(self, lines: bytes) -> None:
        for pattern in _IDS:
            self._numbers.update(map(_number, set(pattern.findall(lines))))


def index_path(segment: Path) -> Path:
    """Return where the index of a segment is, whether or not it is there; compression makes no difference."""
    return segment.with_name(f".{segment.name.removesuffix('.gz').removesuffix('.zst')}.ids")


def may_mention(segment: Path, id_: bytes) -> bool:
    """Tell whether a line with this id, as it stands in JSON, can be in the segment; true where nobody knows."""
    if b"\\" in id_:
        return True
    try:
        data = index_path(segment).read_bytes()
        magic, _, size, checksum = _HEADER.unpack_from(data)
    except (OSError, struct.error):
        return True
    bits = data[_HEADER.size :]
    if magic != _MAGIC or size != len(bits) * 8 or checksum != zlib.crc32(bits):
        return True
    return all(bits[place >> 3] & 1 << (place & 7) for place in _places(_number(id_), size))


def _number(id_: bytes) -> int:
    # Of all processes, so not `hash`, which differs from one to the next.
    return int.from_bytes(hashlib.blake2b(id_, digest_size=8).digest())


def _places(number: int, size: int) -> list[int]:
    # Two halves make any number of hashes: https://www.eecs.harvard.edu/~michaelm/postscripts/rsa2008.pdf.
    first, step = number >> 32, number & 0xFFFFFFFF | 1
    return [(first + turn * step) % size for turn in range(_HASHES)]

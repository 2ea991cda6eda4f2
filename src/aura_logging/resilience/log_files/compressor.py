"""Name what every compression library offers: bytes in, fewer bytes out, and an end."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Compressor"]


class Compressor(Protocol):
    """One compression under way."""

    def compress(self, data: bytes, /) -> bytes:
        """Take in some bytes and return what output is ready."""
        ...

    def flush(self) -> bytes:
        """Return the rest of the output, checksum included."""
        ...

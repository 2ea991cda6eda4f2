"""Offer zstd from whichever library the interpreter has: its own from Python 3.14 on, else `zstandard`."""

from __future__ import annotations

import sys

from aura_logging.resilience.log_files.compressor import Compressor

__all__ = ["begin"]

_LEVEL = 3
"""The format's own default; on JSON lines already smaller and several times faster than gzip at 6."""

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor

    def begin() -> Compressor:
        """Begin a frame that carries a checksum."""
        options = {CompressionParameter.compression_level: _LEVEL, CompressionParameter.checksum_flag: 1}
        return ZstdCompressor(options=options)
else:
    import zstandard

    def begin() -> Compressor:
        """Begin a frame that carries a checksum."""
        return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()

"""Read a file in large blocks of whole lines: forwards from any compression, backwards from a plain file."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from aura_logging.diagnostics.log_reader.log_files import LogFile

__all__ = ["BLOCK_BYTES", "blocks", "blocks_backwards"]

BLOCK_BYTES = 1 << 20
_READ_BYTES = 1 << 18
_LONGEST_LINE_BYTES = 16 << 20
"""A file without line breaks is no log; it is read in pieces of this size."""


def blocks(file: LogFile, should_stop: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Yield a file's content, decompressed, in blocks that end where a line ends; in constant memory.

    `OSError` for one that cannot be read, or whose compression is damaged, after what came before the damage. A file
    that is compressed away meanwhile is read under its new name.
    """
    rest = b""
    for piece in _pieces(file):
        if should_stop():
            return
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end] if rest else piece[:end]
            rest = piece[end:]
        else:
            rest += piece
            if len(rest) > _LONGEST_LINE_BYTES:
                yield rest
                rest = b""
    if rest:
        yield rest


def blocks_backwards(path: Path, end: int | None = None) -> Iterator[bytes]:
    """Yield a plain file's content from its end on, in blocks of whole lines, as it was when it was opened.

    `end` is where a line ends in it, to begin there.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        position = size if end is None else min(end, size)
        rest = b""
        while position:
            size = min(BLOCK_BYTES, position)
            position -= size
            file.seek(position)
            piece = file.read(size) + rest
            begin = piece.find(b"\n") + 1 if position else 0
            if position and (begin == 0 or begin == len(piece)) and len(piece) < _LONGEST_LINE_BYTES:
                rest = piece
                continue
            rest = piece[:begin]
            yield piece[begin:]


def _pieces(file: LogFile) -> Iterator[bytes]:
    with _opened(file.path) as raw:
        suffix = raw.name.rpartition(".")[2]
        try:
            if suffix == "gz":
                yield from _gunzipped(raw)
            elif suffix == "zst":
                yield from _unzstd(raw, str(raw.name))
            else:
                while piece := raw.read(BLOCK_BYTES):
                    yield piece
        except zlib.error as error:
            raise OSError(f"{raw.name} is damaged: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        for suffix in (".gz", ".zst"):
            compressed = path.with_name(path.name + suffix)
            if compressed.exists():
                return compressed.open("rb")
        raise


def _gunzipped(raw: IO[bytes]) -> Iterator[bytes]:
    # zlib itself: gzip.GzipFile copies everything once more, and costs half as much again.
    stream = zlib.decompressobj(wbits=31)
    while data := raw.read(_READ_BYTES):
        while data:
            piece = stream.decompress(data, BLOCK_BYTES)
            data = stream.unconsumed_tail
            if piece:
                yield piece
            if stream.eof:
                data = stream.unused_data
                stream = zlib.decompressobj(wbits=31)
            elif not piece and not data:
                break
    rest = stream.flush()
    if rest:
        yield rest


if sys.version_info >= (3, 14):

    def _unzstd(raw: IO[bytes], name: str) -> Iterator[bytes]:
        from compression.zstd import ZstdError, ZstdFile

        try:
            with ZstdFile(raw) as stream:
                while piece := stream.read(BLOCK_BYTES):
                    yield piece
        except (ZstdError, EOFError) as error:
            raise OSError(f"{name} is damaged: {error}") from error

else:

    def _unzstd(raw: IO[bytes], name: str) -> Iterator[bytes]:
        try:
            import zstandard
        except ImportError as error:
            raise OSError(f'{name} needs a library to read it: pip install "aura-logging[zstd]"') from error
        try:
            stream: Any = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            while piece := stream.read(BLOCK_BYTES):
                yield piece
        except zstandard.ZstdError as error:
            raise OSError(f"{name} is damaged: {error}") from error

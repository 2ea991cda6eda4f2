"""Look for personal data and secrets in log files that are already written; say where, never what.

Reads plain, gzip, bzip2 and xz files, JSON lines and any other text, in the memory of one batch; UTF-16, which Windows
writes, is known by its byte order mark.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import orjson

from aura_logging.privacy.scrubber import Scrubber

__all__ = ["Hit", "Progress", "scan_file"]

# In one go the scan costs half of what it does line by line, and the GIL is free for longer.
_BATCH_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 20
_HEAD_BYTES = 64
# What two pieces of a longer line have in common, so that no value is cut in two.
_OVERLAP_BYTES = 1 << 12

_OPENERS: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    ".gz": lambda raw: cast("IO[bytes]", gzip.GzipFile(fileobj=raw)),
    ".bz2": lambda raw: bz2.BZ2File(raw),
    ".xz": lambda raw: lzma.LZMAFile(raw),  # noqa: SIM115  # it closes with the file beneath it
}


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A place where something was found: lines count from 1; a field is given where the line is JSON."""

    path: Path
    line: int
    detector: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a file, as it lies on disk, has been read."""

    path: Path
    done_bytes: int
    total_bytes: int


def scan_file(path: Path, scrubber: Scrubber, on_progress: Callable[[Progress], None] | None = None) -> Iterator[Hit]:
    """Yield the hits of a file in order, one for each detector and field of a line.

    `on_progress` is called after each batch. `OSError` for a file that cannot be read or whose compression is
    damaged, after the hits of what came before. A line of more than 1 MiB is looked at in overlapping pieces.
    """
    total_bytes = path.stat().st_size
    with path.open("rb") as raw:
        opener = _OPENERS.get(path.suffix.lower())
        try:
            number = 1
            for batch in _batches(_as_utf8(raw if opener is None else opener(raw))):
                if scrubber.engine.suspects(b"".join(batch)):
                    yield from _hits(path, number, batch, scrubber)
                number += sum(piece.endswith(b"\n") for piece in batch)
                if on_progress is not None:
                    on_progress(Progress(path, min(raw.tell(), total_bytes), total_bytes))
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise OSError(f"{os.fspath(path)} is damaged: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            # What gzip and bzip2 say quotes the file and does not name it.
            raise OSError(f"{os.fspath(path)} is damaged, or not what its name says") from None


def _as_utf8(text: IO[bytes]) -> IO[bytes]:
    peek: Callable[[int], bytes] = getattr(text, "peek", lambda _: b"")
    head = peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if head[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or 0 not in head:
        return text
    return cast("IO[bytes]", codecs.EncodedFile(text, "utf-8", "utf-16", "replace"))


def _batches(text: IO[bytes]) -> Iterator[list[bytes]]:
    """Yield lines, or overlapping pieces of very long ones, in batches; what came before an error too."""
    batch: list[bytes] = []
    size = 0
    before = b""
    try:
        while piece := text.readline(_LONGEST_LINE_BYTES):
            batch.append(before + piece)
            before = b"" if piece.endswith(b"\n") else piece[-_OVERLAP_BYTES:]
            size += len(piece)
            if size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except (EOFError, OSError, zlib.error, lzma.LZMAError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _hits(path: Path, number: int, batch: list[bytes], scrubber: Scrubber) -> Iterator[Hit]:
    for piece in batch:
        if scrubber.engine.suspects(piece):
            seen = dict.fromkeys(_found_in(piece, scrubber))
            for detector, field in seen:
                yield Hit(path, number, detector, field)
        number += piece.endswith(b"\n")


def _found_in(line: bytes, scrubber: Scrubber) -> Iterator[tuple[str, str]]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if isinstance(fields, dict):
        _, findings = scrubber.scrub_value(fields)
    else:
        findings = scrubber.find(line.decode("utf-8", "replace").rstrip("\r\n"))
    for finding in findings:
        yield finding.detector, finding.path

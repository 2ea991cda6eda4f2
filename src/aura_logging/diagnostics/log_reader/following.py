"""Follow a log that is being written, through rotations, losing no line between two of its files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO

from aura_logging.diagnostics.log_reader.blocks import BLOCK_BYTES, blocks, blocks_backwards
from aura_logging.diagnostics.log_reader.log_files import LogFile, files_of

__all__ = ["follow", "last_lines"]

_LOOK_SECONDS = 0.25


def last_lines(path: Path, count: int) -> list[bytes]:
    """Return the last lines of the live file, oldest first; none if there is no file."""
    found: list[bytes] = []
    if count > 0 and path.exists():
        for block in blocks_backwards(path):
            found = block.rstrip(b"\n").split(b"\n") + found
            if len(found) >= count:
                break
    return [line for line in found if line][-count:] if count > 0 else []


def follow(
    path: Path,
    sleep: Callable[[float], object] = time.sleep,
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[bytes]:
    """Yield each line that is written from now on, without its line break; waits for the file if it is not there.

    The file is looked at four times a second. When it is rotated, the old one is read to its end, then any segment
    that came and went in between, then the new one. A file that was truncated is read from its beginning.
    """
    known = _closed(path)
    file = _open(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    rest = b""
    while go_on():
        if file is None:
            file = _open(path)
        if file is not None:
            rest = yield from _new_lines(file, rest)
            if _was_replaced(file, path):
                rest = yield from _new_lines(file, rest)
                if rest:
                    yield rest
                    rest = b""
                file.close()
                file = _open(path)
                closed = _closed(path)
                # The first of the new segments is the file that was read just now; the others were missed.
                new = [each for name, each in closed.items() if name not in known]
                for missed in new[1:]:
                    for block in blocks(missed):
                        yield from filter(None, block.split(b"\n"))
                known = closed
                continue
        sleep(_LOOK_SECONDS)
    if file is not None:
        file.close()


def _new_lines(file: IO[bytes], rest: bytes) -> Generator[bytes, None, bytes]:
    """Yield the whole lines written since; return the beginning of one that is still being written."""
    if os.fstat(file.fileno()).st_size < file.tell():
        file.seek(0)
        rest = b""
    while piece := file.read(BLOCK_BYTES):
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(None, whole)
    return rest


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _was_replaced(file: IO[bytes], path: Path) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return True
    ours = os.fstat(file.fileno())
    return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)


def _closed(path: Path) -> dict[str, LogFile]:
    """Return the closed segments, oldest first, by their name without a compression's suffix."""
    return {
        file.path.name.removesuffix(".gz").removesuffix(".zst"): file
        for file in reversed(files_of(path))
        if file.closed_at is not None
    }

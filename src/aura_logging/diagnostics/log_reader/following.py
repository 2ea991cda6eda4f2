"""Follow a log that is being written, through rotations, losing no line between two of its files."""

from __future__ import annotations

import contextlib
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
    """Return each line that is written after this call, without its line break; waits for a file that is not there.

    The file is looked at four times a second. When it is rotated, the old one is read to its end, then any segment
    that came and went in between, then the new one. A file that was truncated is read from its beginning.
    """
    known = set(_closed(path))
    file = _open(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    return _followed(path, file, known, sleep, go_on)


def _followed(
    path: Path, file: IO[bytes] | None, known: set[str], sleep: Callable[[float], object], go_on: Callable[[], bool]
) -> Iterator[bytes]:
    rest = b""
    try:
        while go_on():
            if file is None:
                file = _open(path)
                if file is not None:
                    for segment in _came_and_went(path, known, _inode(file)):
                        # Retention may have removed it: what was written faster than it is kept is gone.
                        with contextlib.suppress(FileNotFoundError):
                            for block in blocks(segment):
                                yield from filter(None, block.split(b"\n"))
            if file is not None:
                rest = yield from _new_lines(file, rest)
                if _was_replaced(file, path):
                    # What was written between the last look and the rotation.
                    rest = yield from _new_lines(file, rest)
                    if rest:
                        yield rest
                    rest = b""
                    known |= _names_of(path, known, _inode(file))
                    file.close()
                    file = None
                    continue
            sleep(_LOOK_SECONDS)
    finally:
        if file is not None:
            file.close()


def _came_and_went(path: Path, known: set[str], opened: int) -> list[LogFile]:
    """Return the segments that nobody has read, oldest first, and add them to those that are known.

    The file that was just opened is not among them, nor those after it, should it have been rotated already.
    """
    new = {name: file for name, file in _closed(path).items() if name not in known}
    unread: list[LogFile] = []
    for name, file in new.items():
        if _inode_of(file.path) == opened:
            break
        unread.append(file)
        known.add(name)
    return unread


def _names_of(path: Path, known: set[str], inode: int) -> set[str]:
    """Return the name that a file has got by its rotation; of one compressed since, that of the oldest unknown."""
    new = [(name, _inode_of(file.path)) for name, file in _closed(path).items() if name not in known]
    same = {name for name, of_it in new if of_it == inode}
    return same or {name for name, _ in new[:1]}


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


def _inode(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_ino


def _inode_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None

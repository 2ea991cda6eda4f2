"""Mirror what a process has counted in a mapped file, so that a neighbour can deliver it if this one is killed.

The file has three banks of numbers, all of them running totals of this process: `live`, which every count is
written to as it happens, and two into which `live` is copied in turn before a batch is sent. So whoever finds the
file of a dead process knows what was in its last batch, sends that again under the same id (a store counts a batch
once), and then what came after it. The pages belong to the kernel: SIGKILL does not lose them, a power cut may.

The owner holds a lock on its file as long as it lives; a file whose lock is free has no owner any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from aura_logging.metrics.model import Series

__all__ = ["Mirror", "Remains", "remains_in"]

_MAGIC = b"AURAMIR1"
_HEADER_BYTES = 64
_ID_BYTES = slice(8, 40)
_PROGRESS = 5  # in units of eight bytes: the number of the last batch sent, and in the upper half of the last delivered
_UPPER = 32
_LOWER_MASK = (1 << _UPPER) - 1
SLOTS = 16_384
"""Numbers in a bank. A counter needs one, a histogram of request durations 67; four hundred routes fit."""

_BANK_BYTES = SLOTS * 8
_FILE_BYTES = _HEADER_BYTES + 3 * _BANK_BYTES


class Mirror:
    """The file of this process. Not for a forked child, which calls `leave` and makes its own.

    Making one raises `OSError`: a full disk, no permission. It is called under the registries' locks, except where
    said.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.id = uuid.uuid4().hex
        self.full = False
        self._used = 0
        self._path = directory / f"{self.id}.live"
        self._names_path = directory / f"{self.id}.names"
        making = directory / f"{self.id}.new"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(making, flags, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # Not sparse: writing to a hole on a full disk kills the process by SIGBUS.
            os.posix_fallocate(self._file, 0, _FILE_BYTES)
            self._map = mmap.mmap(self._file, _FILE_BYTES)
            self._names = os.open(self._names_path, flags | os.O_APPEND, 0o600)
        except BaseException:
            making.unlink(missing_ok=True)
            os.close(self._file)
            raise
        self._map[:8] = _MAGIC
        self._map[_ID_BYTES] = self.id.encode()
        self._whole = memoryview(self._map)
        self._progress = self._whole[:_HEADER_BYTES].cast("Q")
        self.live = self._whole[_HEADER_BYTES : _HEADER_BYTES + _BANK_BYTES].cast("d")
        making.rename(self._path)

    def allocate(self, series: Series, width: int) -> int | None:
        """Return where in `live` a series has its `width` numbers; None if there is no room, or no disk."""
        if self._used + width > SLOTS:
            self.full = True
            return None
        slot = self._used
        line = orjson.dumps([slot, series.name, series.kind, series.labels, series.bounds]) + b"\n"
        try:
            # Before the first number is written there, so that no number is without a name.
            os.write(self._names, line)
        except OSError:
            self.full = True
            return None
        self._used += width
        return slot

    def snapshot(self) -> bytes:
        """Return the totals of this moment."""
        return bytes(self._whole[_HEADER_BYTES : _HEADER_BYTES + 8 * self._used])

    def sending(self, snapshot: bytes) -> str:
        """Note that what came between the last batch and the snapshot is being sent; return the batch's id.

        Only when everything before is delivered. Needs no lock, as the two below.
        """
        sent, delivered = self._read_progress()
        self._write_bank(sent + 1, snapshot)
        self._progress[_PROGRESS] = (sent + 1) | delivered << _UPPER
        return _batch_id(self.id, sent + 1)

    def delivered(self) -> None:
        """Note that the batch that was being sent is in the store."""
        sent, _ = self._read_progress()
        self._progress[_PROGRESS] = sent | sent << _UPPER

    def caught_up(self, snapshot: bytes) -> None:
        """Note that everything up to the snapshot is in the store, in whatever batches."""
        sent, _ = self._read_progress()
        self._write_bank(sent + 1, snapshot)
        self._progress[_PROGRESS] = (sent + 1) | (sent + 1) << _UPPER

    def remove(self) -> None:
        """Delete the file: all is delivered. Nobody may write to `live` any more."""
        self._path.unlink(missing_ok=True)
        self._names_path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Let go of the file and of the lock, and leave it to whoever finds it; to its owner, in a forked child."""
        # A copy of the descriptor, as in a child or inside the map, would hold the lock on.
        for view in (self.live, self._progress, self._whole):
            view.release()
        with contextlib.suppress(BufferError):
            self._map.close()
        os.close(self._file)
        os.close(self._names)

    def _read_progress(self) -> tuple[int, int]:
        return _split(self._progress[_PROGRESS])

    def _write_bank(self, batch: int, snapshot: bytes) -> None:
        begin = _bank_begin(batch)
        self._map[begin : begin + len(snapshot)] = snapshot


class Remains:
    """The file of a dead process, locked by this one while it is looked at."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def batches(self) -> list[tuple[str, dict[Series, list[float]]]]:
        """Return by batch id the increases that may be missing in the store; nonsense yields none."""
        content = os.pread(self._descriptor, _FILE_BYTES, 0)
        if len(content) < _FILE_BYTES or content[:8] != _MAGIC:
            return []
        name = content[_ID_BYTES].decode("ascii", "replace")
        sent, delivered = _split(int(memoryview(content)[:_HEADER_BYTES].cast("Q")[_PROGRESS]))
        live, last, before = (
            _bank(content, begin) for begin in (_HEADER_BYTES, _bank_begin(sent), _bank_begin(sent - 1))
        )
        places = list(self._places())
        found = []
        if sent != delivered:
            found.append((_batch_id(name, sent), _increases(places, before, last)))
        found.append((_batch_id(name, sent + 1), _increases(places, last, live)))
        return [(batch, increases) for batch, increases in found if increases]

    def bury(self) -> None:
        """Delete the file: its counts are in the store."""
        self._path.with_suffix(".names").unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)

    def _places(self) -> Iterator[tuple[int, int, Series]]:
        try:
            lines = self._path.with_suffix(".names").read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            # The last line may be torn: then nothing was counted there yet.
            with contextlib.suppress(ValueError, TypeError):
                slot, name, kind, labels, bounds = orjson.loads(line)
                series = Series(name, kind, tuple((key, value) for key, value in labels), tuple(map(float, bounds)))
                yield slot, width_of(series), series


def remains_in(directory: Path, most: int) -> Iterator[Remains]:
    """Yield what dead processes left, at most so many; each is locked until the next is asked for."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".live")
    except OSError:
        return
    for path in paths:
        if most <= 0:
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = path.stat().st_ino == os.fstat(descriptor).st_ino
        except OSError:
            is_there = False
        if not is_there:
            os.close(descriptor)
            continue
        most -= 1
        remains = Remains(path, descriptor)
        try:
            yield remains
        finally:
            remains.close()


def width_of(series: Series) -> int:
    """Return how many numbers a series needs: a histogram its buckets and its sum; a gauge is not mirrored."""
    if series.kind == "histogram":
        return len(series.bounds) + 2
    return 1 if series.kind == "counter" else 0


def _increases(places: list[tuple[int, int, Series]], before: Any, after: Any) -> dict[Series, list[float]]:
    found = {}
    for slot, width, series in places:
        # Never below zero, whatever a power cut has left of the file.
        increase = [max(0.0, after[index] - before[index]) for index in range(slot, slot + width)]
        if any(increase) and all(number < float("inf") for number in increase):
            found[series] = increase
    return found


def _bank_begin(batch: int) -> int:
    return _HEADER_BYTES + (1 + batch % 2) * _BANK_BYTES


def _bank(content: bytes, begin: int) -> Any:
    return memoryview(content)[begin : begin + _BANK_BYTES].cast("d")


def _split(progress: int) -> tuple[int, int]:
    return progress & _LOWER_MASK, progress >> _UPPER


def _batch_id(name: str, number: int) -> str:
    return f"{name}-{number}"

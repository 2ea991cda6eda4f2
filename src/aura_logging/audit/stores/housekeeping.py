"""Close what dead writers left, compress what is closed, and take out what was purged."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aura_logging.audit.stores.base import TORN
from aura_logging.audit.stores.lines import read_tail, seq_of
from aura_logging.audit.stores.live_segment import sync_directory
from aura_logging.audit.stores.segment_files import SegmentFile, last_seq, segments
from aura_logging.audit.tombstones import Tombstone
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.log_files.compression import Codec, compress_file
from aura_logging.resilience.log_files.descriptors import Descriptors
from aura_logging.resilience.log_files.file_lock import try_lock

__all__ = ["AuditHousekeeper"]

_LOCK_NAME = ".housekeeping.lock"
_MODE = 0o600
_BEYOND = 1 << 64
_ABANDONED_SECONDS = 60.0


class AuditHousekeeper:
    """Brings closed segments into the state that they should be in; finishes what a killed process began.

    Processes agree by a lock file in the directory. Live segments, and files that are not ours, are never touched.
    """

    def __init__(self, directory: Path, codec: Codec | None, files: Descriptors, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self._directory = directory
        self._codec = codec
        self._files = files
        self.repaired = 0
        """Half-written last lines that were cut from dead writers' segments."""
        self.completed = 0
        """Whole last lines that lacked nothing but their newline."""
        self.compressed = 0
        self.last_error: OSError | None = None

    def tidy(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Close, repair and compress what can be; a pass that another process is at is left to it. Never raises."""
        self.last_error = None
        try:
            with self._alone(wait=False) as is_alone:
                if is_alone:
                    self._tidy(should_stop)
        except FileNotFoundError:
            pass  # there is no trail here yet
        except OSError as error:
            self.last_error = error

    def purge(self, tombstones: Sequence[Tombstone]) -> int:
        """Remove the entries that the tombstones cover from segments that are closed; return how many went."""
        gone: dict[str, list[Tombstone]] = {}
        for tombstone in tombstones:
            gone.setdefault(tombstone.writer, []).append(tombstone)
        with self._alone(wait=True):
            self._tidy(lambda: False)
            return sum(
                self._purge_segment(file, gone[writer])
                for writer, files in segments(self._directory).items()
                if writer in gone
                for file in files
                if file.last
            )

    @contextlib.contextmanager
    def _alone(self, *, wait: bool) -> Iterator[bool]:
        fd = self._files.open(self._directory / _LOCK_NAME, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            if wait:
                fcntl.flock(fd, fcntl.LOCK_EX)
            is_alone = wait or try_lock(fd)
            try:
                yield is_alone
            finally:
                if is_alone:
                    fcntl.flock(fd, fcntl.LOCK_UN)  # also on behalf of the copy that a child forked meanwhile may hold
        finally:
            self._files.close(fd)

    def _tidy(self, should_stop: Callable[[], bool]) -> None:
        self._remove_remains()
        for files in segments(self._directory).values():
            for file in files:
                closed = file if file.last else self._close_if_dead(file)
                if should_stop():
                    return
                if closed is not None and self._codec is not None and not closed.is_compressed:
                    self._compress(closed, self._codec, should_stop)

    def _remove_remains(self) -> None:
        """Remove what a killed process was making under a hidden name, and compressed copies of what is still there."""
        for path in self._directory.iterdir():
            file = SegmentFile.parse(path.name)
            if file is None:
                is_ours = path.name.startswith(".") and path.name.endswith((".partial", ".new"))
                is_left = is_ours and (path.name.endswith(".partial") or self._is_abandoned(path))
            else:
                # Only a compressed copy, and only while the plain lines are there, which nobody else removes. (A
                # segment that is closed just now may be listed under both its names: both are the only one.)
                is_left = file.is_compressed and (self._directory / file.plain_name).exists()
            if is_left:
                path.unlink(missing_ok=True)

    def _is_abandoned(self, path: Path) -> bool:
        """Tell a file that a killed process was about to make from one that is being made."""
        try:
            return self._clock() - path.stat().st_mtime > _ABANDONED_SECONDS
        except FileNotFoundError:
            return False

    def _close_if_dead(self, file: SegmentFile) -> SegmentFile | None:
        """Rename a dead writer's segment to that of a closed one, its torn last line cut off and kept beside it."""
        path = self._directory / file.name
        try:
            fd = self._files.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None  # its process has just closed it
        try:
            if not try_lock(fd) or not path.exists():
                return None
            self._repair(fd, path, file.writer)
            last = last_seq(self._directory, [file])
            if last < file.first:
                if os.fstat(fd).st_size == 0:
                    path.unlink()  # killed before its first entry
                return None  # nothing in it is an entry: verification says so, and nobody touches it
            closed = SegmentFile(file.writer, file.first, last, is_compressed=False)
            path.rename(path.with_name(closed.name))
            sync_directory(self._directory, self._files)
            return closed
        finally:
            self._files.close(fd)

    def _repair(self, fd: int, path: Path, writer: str) -> None:
        size = os.fstat(fd).st_size
        if not size or os.pread(fd, 1, size - 1) == b"\n":
            return
        content = os.pread(fd, size, 0)
        whole = content.rfind(b"\n") + 1
        entry = read_tail(writer, content[whole:])
        if entry.event_bytes:
            os.pwrite(fd, b"\n", size)
            self.completed += 1
        elif entry.damage == TORN:
            torn = self._files.open(path.with_suffix(".torn"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
            try:
                os.write(torn, content[whole:])
                os.fsync(torn)
            finally:
                self._files.close(torn)
            os.ftruncate(fd, whole)
            self.repaired += 1
        os.fsync(fd)

    def _compress(self, file: SegmentFile, codec: Codec, should_stop: Callable[[], bool]) -> None:
        source = self._directory / file.name
        target = source.with_name(file.name + codec.suffix)
        if compress_file(source, target, source.with_name(f".{target.name}.partial"), codec, self._files, should_stop):
            source.unlink()
            self.compressed += 1

    def _purge_segment(self, file: SegmentFile, tombstones: Sequence[Tombstone]) -> int:
        spans = sorted((each.first, each.last) for each in tombstones)
        if not any(first <= file.last and file.first <= last for first, last in spans):
            return 0
        path = self._directory / file.name
        partial = path.with_name(f".{file.name}.partial")
        opened = gzip.open if file.is_compressed else open
        kept = removed = 0
        with opened(path, "rb") as source, opened(partial, "wb") as target:
            for line in source:
                seq = seq_of(line)
                at = bisect_right(spans, (seq, _BEYOND)) - 1
                if at >= 0 and seq <= spans[at][1]:
                    removed += 1
                else:
                    target.write(line)
                    kept += 1
        if not removed:
            partial.unlink()
            return 0
        partial.chmod(_MODE)
        fd = self._files.open(partial, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            self._files.close(fd)
        if kept:
            partial.replace(path)
        else:
            path.unlink()
            partial.unlink()
        sync_directory(self._directory, self._files)
        return removed

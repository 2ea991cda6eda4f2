"""Compress the closed segments of a log and remove the oldest, in one process at a time and off the writers' way."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.log_files.compression import Codec, compress_file
from aura_logging.resilience.log_files.descriptors import Descriptors
from aura_logging.resilience.log_files.file_lock import try_lock
from aura_logging.resilience.log_files.id_index import IdCollector, index_path
from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

__all__ = ["SegmentKeeper"]


class SegmentKeeper:
    """Bring the segments beside a live file into the state that they should be in.

    Every pass begins with a look at the directory, so it finishes whatever a killed process began: where the plain
    lines are still there they are the truth and are compressed again; an unfinished copy is removed. Processes agree
    by a lock on the hidden file `.NAME.lock`, which stays; who does not get it leaves the work to the holder, who
    looks again after letting go. Only files whose name is exactly a segment's are ever touched, and never links.

    `tidy` must run on one thread at a time. The counters are of this process.
    """

    def __init__(self, retention: RetentionPolicy, codec: Codec | None, *, mode: int, clock: Clock) -> None:
        self._retention = retention
        self._codec = codec
        self._mode = mode
        self._clock = clock
        self._files = Descriptors()
        self._count_from_nought()
        tell_after_fork(self)

    def _count_from_nought(self) -> None:
        self.compressed = 0
        self.removed = 0
        self.failed = 0
        self.retained: int | None = None
        """Segments left by this process's last pass."""
        self.last_error: OSError | None = None
        """Why the last pass could not do everything."""

    def after_fork_in_child(self) -> None:
        """In a forked child: close the copies of the parent's descriptors, so that its locks do not outlive it."""
        self._files.abandon()
        self._count_from_nought()

    def tidy(self, live_path: Path, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Keep house until nothing is left to do, another process does it, or something fails; never raises.

        What fails is counted and left for the next call.
        """
        shelf = _Shelf(live_path.parent, SegmentNames(live_path.name))
        lock_path = live_path.with_name(f".{live_path.name}.lock")
        self.last_error = None
        try:
            while not should_stop():
                with self._alone(lock_path) as is_alone:
                    if not is_alone:
                        return
                    self._tidy_once(shelf, should_stop)
                # Whoever closed a segment meanwhile found the lock taken and relies on us to look again.
                shelf.look()
                if self.last_error is not None or not self._has_work(shelf):
                    return
        except OSError as error:
            self._fail(error)

    @contextlib.contextmanager
    def _alone(self, lock_path: Path) -> Iterator[bool]:
        fd = self._files.open(lock_path, os.O_RDWR | os.O_CREAT, self._mode)
        try:
            is_alone = try_lock(fd)
            try:
                yield is_alone
            finally:
                if is_alone:
                    fcntl.flock(fd, fcntl.LOCK_UN)  # also on behalf of the copy that a child forked meanwhile may hold
        finally:
            self._files.close(fd)

    def _has_work(self, shelf: _Shelf) -> bool:
        uncompressed = shelf.plain if self._codec is not None else {}
        return bool(uncompressed or shelf.unfinished() or self._expired(shelf, self._retention))

    def _expired(self, shelf: _Shelf, retention: RetentionPolicy) -> list[Segment]:
        return retention.expired(shelf.size_bytes(), self._clock())

    def _tidy_once(self, shelf: _Shelf, should_stop: Callable[[], bool]) -> None:
        shelf.look()
        # We hold the lock, so whoever was compressing these has been killed; the plain lines are still there.
        for file in shelf.unfinished():
            self._attempt(shelf.remove_file, file)
        # By count and age first: it costs nothing and may make the room that compression needs.
        self._remove(shelf, self._expired(shelf, self._retention.without_bytes()))
        shelf.look()
        if self._codec is not None:
            for segment in sorted(shelf.plain):
                if should_stop():
                    return
                self._attempt(self._compress, shelf, segment, self._codec, should_stop)
            shelf.look()
        self._remove(shelf, self._expired(shelf, self._retention))
        shelf.look()
        for segment in shelf.indexes_alone():
            self._attempt(shelf.remove_index, segment)
        self.retained = len(shelf.size_bytes())

    def _remove(self, shelf: _Shelf, segments: list[Segment]) -> None:
        for segment in segments:
            self.removed += self._attempt(shelf.remove, segment)

    def _compress(self, shelf: _Shelf, segment: Segment, codec: Codec, should_stop: Callable[[], bool]) -> None:
        source = shelf.path(SegmentFile(segment))
        target = shelf.path(SegmentFile(segment, codec.suffix))
        partial = shelf.path(SegmentFile(segment, codec.suffix, is_partial=True))
        try:
            ids = IdCollector()
            if compress_file(source, target, partial, codec, self._files, should_stop, ids.add):
                self._write_index(target, ids.index())
                source.unlink()
                self.compressed += 1
        except FileNotFoundError:
            if partial.exists():
                raise
            # Somebody removes files by hand: the segment, or what was to replace it. The next look tells what is left.

    def _write_index(self, compressed: Path, index: bytes | None) -> None:
        if index is None:
            return
        path = index_path(compressed)
        try:
            # Never into what somebody may be reading, nor through a link.
            path.unlink(missing_ok=True)
            fd = self._files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                os.fchmod(fd, compressed.stat().st_mode & 0o777)
                os.write(fd, index)
            finally:
                self._files.close(fd)
        except OSError as error:  # without it a search is slower, and no more
            self.last_error = error

    def _attempt(self, step: Callable[..., None], *arguments: object) -> bool:
        try:
            step(*arguments)
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: OSError) -> None:
        self.failed += 1
        self.last_error = error


class _Shelf:
    """The segments of one log as the last look into its directory found them."""

    def __init__(self, directory: Path, names: SegmentNames) -> None:
        self._directory = directory
        self._names = names
        self.plain: dict[Segment, int] = {}
        self.compressed: dict[SegmentFile, int] = {}
        self.partial: list[SegmentFile] = []
        self.indexes: dict[Segment, int] = {}

    def look(self) -> None:
        """Read the directory; sizes are in bytes."""
        self.plain, self.compressed, self.partial, self.indexes = {}, {}, [], {}
        with os.scandir(self._directory) as entries:
            for entry in entries:
                file = self._names.parse(entry.name)
                index_of = self._names.parse_index(entry.name)
                if (file is None and index_of is None) or not entry.is_file(follow_symlinks=False):
                    continue
                if file is not None and file.is_partial:
                    self.partial.append(file)
                    continue
                try:
                    size = entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
                if index_of is not None:
                    self.indexes[index_of] = size
                elif file is None:
                    continue
                elif file.compressed:
                    self.compressed[file] = size
                else:
                    self.plain[file.segment] = size

    def unfinished(self) -> list[SegmentFile]:
        """Return what a compression left that did not come to removing the plain lines."""
        return [*self.partial, *(file for file in self.compressed if file.segment in self.plain)]

    def size_bytes(self) -> dict[Segment, int]:
        """Return every segment with the bytes of all its files."""
        sizes = dict(self.plain)
        for file, size in self.compressed.items():
            sizes[file.segment] = sizes.get(file.segment, 0) + size
        for segment, size in self.indexes.items():
            if segment in sizes:
                sizes[segment] += size
        return sizes

    def indexes_alone(self) -> list[Segment]:
        """Return the segments that are gone, or are no longer compressed, and of which there is an index."""
        return sorted(self.indexes.keys() - {file.segment for file in self.compressed})

    def remove_index(self, segment: Segment) -> None:
        (self._directory / self._names.index_name(segment)).unlink(missing_ok=True)

    def path(self, file: SegmentFile) -> Path:
        return self._directory / self._names.name(file)

    def remove(self, segment: Segment) -> None:
        """Remove the segment in every form in which it was seen."""
        if segment in self.plain:
            self.remove_file(SegmentFile(segment))
        for file in self.compressed:
            if file.segment == segment:
                self.remove_file(file)

    def remove_file(self, file: SegmentFile) -> None:
        self.path(file).unlink(missing_ok=True)

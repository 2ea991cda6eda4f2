"""Append whole batches of lines to a log file that several processes share and rotate."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aura_logging.resilience.batches import Line, single_lines
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import fork_guard, tell_after_fork
from aura_logging.resilience.log_files.descriptors import Descriptors
from aura_logging.resilience.log_files.file_lock import SharedLock
from aura_logging.resilience.log_files.log_path import LogPath, resolve
from aura_logging.resilience.log_files.output_stream import OutputStream
from aura_logging.resilience.log_files.rotation import RotationPolicy
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

__all__ = ["SharedFile"]

_CLOSED = -1
_UNKNOWN = -1
_NEWLINE = b"\n"
_MOST_PIECES_AT_ONCE = os.sysconf("SC_IOV_MAX")
_DIRECTORY_MODE = 0o750

_ROTATE_AGAIN_SECONDS = 30.0
"""How long a rotation that failed is left alone; meanwhile the file grows, which is better than losing lines."""

_CLOCK_GRAIN_SECONDS = 0.05
"""File times lag behind the clock by up to a tick; without this a new file could look older than its interval."""

_MOST_RACES = 1000
"""Each lost race means that another process closed a whole segment; so many in a row are a defect, not bad luck."""


class SharedFile:
    """The live file of a log. Not thread-safe: its owner lets one thread in at a time.

    Every batch is written under an exclusive `flock` of the live file itself, after a look whether the name still
    leads to it. Hence, among processes that use this class:

    * Lines never mix, and each process's lines keep their order.
    * A closed segment gets no further line: it is renamed under the same lock, and whoever waited for that lock sees
      that the name leads elsewhere and opens the file anew.
    * A batch that fails half-way (no space left, say) is taken back before the lock is let go.
    * Half a line left by a killed process is ended with a newline before the next batch.

    Where the name leads to a pipe or a device, lines are written to it as to any stream, and nothing is rotated.
    The counters are of this process; a forked child begins at nought.
    """

    def __init__(
        self,
        path: Path,
        *,
        rotation: RotationPolicy,
        mode: int,
        max_wait_seconds: float,
        clock: Clock,
        on_segment_closed: Callable[[Path], object] = lambda live_path: None,
    ) -> None:
        self._path = path
        self._rotation = rotation
        self._mode = mode
        self._max_wait_seconds = max_wait_seconds
        self._lock = SharedLock(max_wait_seconds)
        self._clock = clock
        self._on_segment_closed = on_segment_closed
        self._files = Descriptors()
        self._forget()
        tell_after_fork(self)

    def _forget(self) -> None:
        self.written = 0
        self.written_bytes = 0
        self.live_bytes = 0
        """The file's size after this process's last batch."""
        self.rotated = 0
        """Segments closed by this process."""
        self.reopened = 0
        """How often the name was found to lead elsewhere: rotated by another process, moved or removed."""
        self.torn_lines_ended = 0
        self.rotation_failed = 0
        self.rotation_error: OSError | None = None
        """Why the file could not be closed when it was due; `None` once it could."""
        self._rotation_failed_at: float | None = None
        self._same_process = fork_guard()
        self._fd = _CLOSED
        self._target = LogPath(self._path)
        self._stream: OutputStream | None = None
        self._stream_is_torn = False
        self._identity = (_UNKNOWN, _UNKNOWN)
        self._interval = 0
        self._ends_whole_at = _UNKNOWN

    def after_fork_in_child(self) -> None:
        """In a forked child: open the file anew at the next batch. Closing a copy leaves the parent's lock alone."""
        self._files.abandon()
        self._forget()

    def append(self, lines: Sequence[Line], count: int | None = None) -> None:
        """Write the lines, or blocks of them, each of which ends with a newline, or raise `OSError`.

        After an error none of them is in the file, unless the disk refuses even to take back what it has taken.
        The next call opens the file anew, and creates directories that are missing.
        """
        if not self._same_process[0]:  # a fork that ran no Python hooks
            self.after_fork_in_child()
        incoming_bytes = sum(map(len, lines))
        try:
            for _ in range(_MOST_RACES):
                if self._fd == _CLOSED:
                    self._open()
                if self._append_if_live(lines, incoming_bytes):
                    self.written += len(lines) if count is None else count
                    self.written_bytes += incoming_bytes
                    return
                self.close()
        except OSError:
            self.close()
            raise
        raise OSError(errno.EAGAIN, "other processes rotate faster than this one can write", str(self._path))

    def close(self) -> None:
        """Close the file; the next batch opens whatever the name then leads to."""
        if self._stream is not None:
            self._stream_is_torn = self._stream.is_torn
        fd, self._fd, self._stream = self._fd, _CLOSED, None
        if fd != _CLOSED:
            # Every batch saw the errors of its own writes; a late one belongs to no batch that could be repeated.
            with contextlib.suppress(OSError):
                self._files.close(fd)

    def _append_if_live(self, lines: Sequence[Line], incoming_bytes: int) -> bool:
        """Write to the open file; false if it is not the live file, or not any more."""
        if self._stream is not None:
            self._stream.write(single_lines(lines))
            return True
        fd = self._fd
        try:
            self._lock.take(fd)
            size = self._size_if_live()
            if size is None:
                self.reopened += 1
                return False
            if self._is_due(size, incoming_bytes) and self._close_segment():
                return False
            self._write(fd, lines, incoming_bytes, size)
            return True
        finally:
            self._lock.give_back(fd)

    def _size_if_live(self) -> int | None:
        try:
            status = os.stat(self._path)  # noqa: PTH116  # once per batch, and Path.stat costs twice as much
        except FileNotFoundError:
            return None
        return status.st_size if (status.st_dev, status.st_ino) == self._identity else None

    def _write(self, fd: int, lines: Sequence[Line], incoming_bytes: int, size: int) -> None:
        # Only somebody else can have left half a line at the end, so look only when somebody else has written.
        if size not in (self._ends_whole_at, 0) and os.pread(fd, 1, size - 1) != _NEWLINE:
            lines = [_NEWLINE, *lines]
            incoming_bytes += 1
            self.torn_lines_ended += 1
        self._ends_whole_at = _UNKNOWN
        written = 0
        try:
            for pieces, expected in _batches(lines, incoming_bytes):
                taken = os.writev(fd, pieces)  # no join: one large bytes object costs 9 times as much in page faults
                written += taken
                if taken < expected:
                    rest = memoryview(b"".join(pieces))[taken:]
                    while rest:
                        taken = os.write(fd, rest)
                        written += taken
                        rest = rest[taken:]
        except OSError:
            self._take_back(fd, size, written)
            raise
        self.live_bytes = self._ends_whole_at = size + incoming_bytes

    @staticmethod
    def _take_back(fd: int, size: int, written: int) -> None:
        # A program that writes here without our lock may have added something, which is not ours to cut off. Where
        # the tail has to stay, the next batch begins with a newline.
        with contextlib.suppress(OSError):
            if written and os.fstat(fd).st_size == size + written:
                os.ftruncate(fd, size)

    def _open(self) -> None:
        target = resolve(self._path)
        if target.inherited_fd is not None:
            fd = self._files.adopt(os.dup(target.inherited_fd))
        elif target.is_stream:
            # Not blocking, so that a pipe without a reader is an error and not a hang.
            fd = self._files.open(target.path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        else:
            fd = self._open_file(target.path)
        self._fd, self._target = fd, target
        if target.is_stream:
            self._stream = OutputStream(fd, self._max_wait_seconds, is_torn=self._stream_is_torn)
            return
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EAGAIN, "the file was replaced while it was being opened", str(target.path))
        self._identity = (status.st_dev, status.st_ino)
        self._ends_whole_at = _UNKNOWN
        begun_at = now = self._clock()
        if status.st_size > 0:
            begun_at = min(now, status.st_mtime + _CLOCK_GRAIN_SECONDS)
        self._interval = self._rotation.interval(begun_at)

    def _open_file(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # readable, to look for half a line at its end
        try:
            return self._files.open(path, flags, self._mode)
        except FileNotFoundError:
            path.parent.mkdir(_DIRECTORY_MODE, parents=True, exist_ok=True)
            return self._files.open(path, flags, self._mode)

    def _is_due(self, size: int, incoming_bytes: int) -> bool:
        now = self._clock()
        if not self._rotation.is_due(size, incoming_bytes, self._interval, now):
            return False
        failed_at = self._rotation_failed_at
        return failed_at is None or not 0 <= now - failed_at < _ROTATE_AGAIN_SECONDS

    def _close_segment(self) -> bool:
        """Rename the live file, whose lock we hold, to a segment; false if that is impossible for now."""
        path = self._target.path
        now = self._clock()
        names = SegmentNames(path.name)
        try:
            segment = names.following(_newest(path.parent, names), now)
            status = path.lstat()
            if (status.st_dev, status.st_ino) != self._identity:
                return True  # moved away by a program that does not ask for our lock
            path.rename(path.with_name(names.name(SegmentFile(segment))))
        except FileNotFoundError:
            return True
        except OSError as error:
            self.rotation_failed += 1
            self.rotation_error = error
            self._rotation_failed_at = now
            return False
        self.rotated += 1
        self.rotation_error = self._rotation_failed_at = None
        self._on_segment_closed(path)
        return True


def _newest(directory: Path, names: SegmentNames) -> Segment | None:
    found = (names.parse(name) for name in os.listdir(directory))  # noqa: PTH208  # names are all we need
    return max((file.segment for file in found if file is not None), default=None)


def _batches(lines: Sequence[Line], total_bytes: int) -> Iterator[tuple[Sequence[Line], int]]:
    """Split what one `writev` cannot take; with each part comes its size."""
    if len(lines) <= _MOST_PIECES_AT_ONCE:
        yield lines, total_bytes
        return
    for first in range(0, len(lines), _MOST_PIECES_AT_ONCE):
        part = lines[first : first + _MOST_PIECES_AT_ONCE]
        yield part, sum(map(len, part))

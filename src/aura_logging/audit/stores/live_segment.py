"""Append to the one file that only this process writes, and return when the bytes are on the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from pathlib import Path

from aura_logging.audit.stores.segment_files import SegmentFile
from aura_logging.resilience.log_files.descriptors import Descriptors

__all__ = ["LiveSegment"]

_MODE = 0o600

# What `fsync` adds are times of access and change, which nobody asks for.
_sync = getattr(os, "fdatasync", os.fsync)


class LiveSegment:
    """A new segment, held by an exclusive `flock` for as long as the process lives.

    `write` under the owner's lock; `sync` without it: whoever comes while another thread syncs waits for that, and
    mostly finds that the next sync has done its work too. When `is_usable` has become false the owner gives it up.
    """

    def __init__(self, directory: Path, file: SegmentFile, files: Descriptors) -> None:
        """Make the segment; `OSError` if it cannot be, or one of that name is there."""
        self.path = directory / file.name
        self.file = file
        self.written = 0
        self._synced = 0
        self._failure: OSError | None = None
        self._sync_lock = threading.RLock()
        self._files = files
        self._is_open = True
        # Under its name it must be held from the first moment: who finds it free takes it for a dead writer's.
        hidden = self.path.with_name(f".{file.name}.new")
        self._fd = files.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, _MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.link(hidden, self.path, follow_symlinks=False)
            sync_directory(directory, files)
        except OSError:
            files.close(self._fd)
            raise
        finally:
            hidden.unlink(missing_ok=True)

    @property
    def is_usable(self) -> bool:
        """Whether it can be said for certain what is in the file."""
        return self._failure is None

    def write(self, line: bytes) -> int:
        """Write a line and return where it ends; after `OSError` none of it is there."""
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            if not self._take_back(self.written):
                self._failure = error
            raise
        self.written += len(line)
        return self.written

    def distrust(self) -> None:
        """Say that nobody knows what was written: what was not acknowledged is taken back, and another chain begins."""
        self._failure = InterruptedError(errno.EINTR, "interrupted while an entry was being written")

    def sync(self, end: int) -> None:
        """Return when everything up to `end` is on the disk; `OSError` if it may not be, and then it is taken back."""
        if self._synced >= end:
            return
        with self._sync_lock:
            if self._synced >= end:
                return
            if self._failure is not None:
                raise OSError(self._failure.errno, self._failure.strerror, str(self.path))
            upto = self.written
            try:
                _sync(self._fd)
            except OSError as error:
                # After a failed sync the kernel may have thrown the pages away and report the next one as well.
                self._failure = error
                raise
            # A signal handler may have come here in between and be further.
            self._synced = max(self._synced, upto)

    def give_up(self) -> None:
        """When nobody writes any more: take back what was never acknowledged, and let go; idempotent."""
        with self._sync_lock:
            if self._is_open:
                self._take_back(self._synced)
                if self._synced == 0:
                    self.path.unlink(missing_ok=True)
                self._close()

    def finish(self, last: int) -> None:
        """When everything is synced: let go and rename to the name of a closed segment whose last entry is `last`."""
        closed = SegmentFile(self.file.writer, self.file.first, last, is_compressed=False)
        with self._sync_lock:
            # While it is held, so that nobody takes it for a dead writer's; if this fails they do, and are right.
            with contextlib.suppress(OSError):
                self.path.rename(self.path.with_name(closed.name))
            self._close()

    def _take_back(self, size: int) -> bool:
        try:
            os.ftruncate(self._fd, size)
            os.fsync(self._fd)
        except OSError:  # then half a line stays, as after a kill
            return False
        return True

    def _close(self) -> None:
        self._is_open = False
        with contextlib.suppress(OSError):  # everything that was acknowledged was synced
            self._files.close(self._fd)


def sync_directory(directory: Path, files: Descriptors) -> None:
    """See to it that the names in a directory survive a power cut."""
    fd = files.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        files.close(fd)

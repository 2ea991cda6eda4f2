"""Hold one segment's file: made whole, locked and mapped by its one writer.

**The lock that says "alive" is a flock**, taken before the file gets its name and held until the map is
closed. It belongs to the open file description, so it cannot be lost while the writer lives, whatever
else in the process opens and closes the file (a POSIX `fcntl` lock would go with the first such close,
and another process would adopt a live segment). Its price is that it travels through `fork`: a child must
close what it inherited (`abandon`), which does not release its parent's lock. A child that cannot (a fork
without Python's hooks) only delays adoption until it ends. Programs started by exec inherit nothing: the
descriptors are close-on-exec.

**Room is allocated before it is mapped**: a write into a hole of a full disk is a SIGBUS that kills the
host. The same happens when somebody truncates a live segment; nothing we can do prevents that, so keep
log rotation away from the directory. On copy-on-write file systems (btrfs, ZFS) allocation is no promise
against a full disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
from pathlib import Path

from aura_logging.resilience.journal.headers import (
    HEADER_BYTES,
    SegmentHeader,
    write_acknowledgement,
    write_header,
)
from aura_logging.resilience.journal.names import UNFINISHED, SegmentName

__all__ = ["Segment", "abandon_descriptors"]

_STEP_BYTES = 1 << 18
"""Done in one go while holding the GIL: about 0.2 ms."""
_ZEROS = bytes(_STEP_BYTES)
_MADV_POPULATE_WRITE = 23
"""From Linux's <asm-generic/mman-common.h>, since 5.14; Python's mmap module has no name for it."""


_MOST_SWEPT = 10
"""Each is lost to a recovery that looked within microseconds; so many in a row are a defect, not bad luck."""


class _SweptError(Exception):
    """Another process deleted the file before we had locked it."""


class Segment:
    """A mapped file of `size` bytes; `base` is where it begins in the journal's positions.

    `end`, `acknowledged` and `synced` are offsets in the file; `end` is None while the journal appends here.
    """

    __slots__ = ("_fd", "_turn", "acknowledged", "base", "end", "header", "map", "path", "size", "synced")

    header: SegmentHeader

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self.path = path
        self.size = size
        self.map = mmap.mmap(fd, size)
        self.base = 0
        self.synced = 0
        self.end: int | None = None
        self.acknowledged = HEADER_BYTES
        self._fd = fd
        self._turn = 0

    @classmethod
    def create(cls, path: Path, size: int, *, durable: bool) -> Segment:
        """Make, lock, allocate and map the file before it gets its name; raises `OSError`."""
        for _ in range(_MOST_SWEPT):
            with contextlib.suppress(_SweptError):
                return cls._create(path, size, durable=durable)
        raise OSError(errno.EAGAIN, "other processes keep sweeping up the file before it is made", str(path))

    @classmethod
    def _create(cls, path: Path, size: int, *, durable: bool) -> Segment:
        unfinished = path.with_name(path.name + UNFINISHED)
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # Waits: between these two lines another process's recovery may have taken it for a dead maker's.
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink == 0:
                raise _SweptError  # noqa: TRY301  # the clean-up below is for this, too
            _allocate(fd, size)
            segment = cls(path, fd, size)
            unfinished.rename(path)
            if durable:
                _sync_directory(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            os.close(fd)
            raise
        return segment

    def prefault(self) -> None:
        """Have the kernel give every page now, so that no append waits for one."""
        with contextlib.suppress(OSError, ValueError):  # an older kernel faults page by page instead
            for offset in range(0, self.size, _STEP_BYTES):
                self.map.madvise(_MADV_POPULATE_WRITE, offset, min(_STEP_BYTES, self.size - offset))

    def begin(self, header: SegmentHeader, base: int) -> None:
        """Start a new use of the file; its room must be zero."""
        self.base = base
        self.header = header
        self.synced = 0
        self.end = None
        self.acknowledged = HEADER_BYTES
        write_header(self.map, header)

    def acknowledge(self, offset: int) -> None:
        """Persist that the target took every frame before `offset`."""
        self.acknowledged = offset
        self._turn ^= 1
        write_acknowledgement(self.map, turn=self._turn, generation=self.header.generation, offset=offset)

    def zero(self) -> None:
        """Blank what was used; everything in it must have been acknowledged in the map before."""
        for offset in range(HEADER_BYTES, self.end or self.size, len(_ZEROS)):
            until = min(offset + len(_ZEROS), self.size)
            self.map[offset:until] = _ZEROS[: until - offset]

    def sync(self) -> None:
        """Wait until the file's content is on the disk; raises `OSError`.

        `fdatasync`, not `msync`: it writes mapped pages as well, and Python lets go of the GIL meanwhile.
        """
        os.fdatasync(self._fd)

    def is_linked(self) -> bool:
        """Return whether the file still has a name, so that somebody could recover it."""
        return os.fstat(self._fd).st_nlink > 0

    def unlink(self) -> None:
        """Delete the file, then let it go; a file or directory that is gone already is what was wanted."""
        if self.is_linked():
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Close the map and the descriptor and touch nothing else; idempotent.

        The writer's lock goes with the last of them. In a forked child this leaves the parent's lock in
        place.
        """
        with contextlib.suppress(BufferError):  # exported at this instant by a thread the fork left behind
            self.map.close()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def abandon_descriptors(directory: Path, name: str, stream: str) -> None:
    """In a forked child, close every descriptor of the parent's stream that is left.

    A thread of the parent may have held one in its hands, making a file or blanking it; that thread is not
    here to close it, and the file's lock would outlive the parent in this process.
    """
    prefix = os.path.join(os.path.realpath(directory), SegmentName.stem(name, stream))  # noqa: PTH118
    try:
        numbers = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    except OSError:  # without /proc its adoption waits for this process to end
        return
    for number in numbers:
        with contextlib.suppress(OSError):
            if str(Path(f"/proc/self/fd/{number}").readlink()).startswith(prefix):
                os.close(number)


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    while size > 0:  # macOS: writing zeros is the portable way to own the blocks
        size -= os.write(fd, _ZEROS[:size])


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot, and does not need to
            raise
    finally:
        os.close(fd)

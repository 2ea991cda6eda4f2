"""Own file descriptors that a forked child has to give back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["Descriptors"]


class Descriptors:
    """Open and close descriptors, and remember which are open.

    A forked child inherits every descriptor of threads that it does not have. Left open, a copy keeps a lock held
    after its parent has died and keeps the bytes of a removed file on the disk.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()

    def open(self, path: str | Path, flags: int, mode: int = 0o600) -> int:
        """Open a file that is never a symbolic link and that no program we start inherits."""
        return self.adopt(os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY, mode))

    def adopt(self, fd: int) -> int:
        """Take over a descriptor that somebody else opened."""
        self._open.add(fd)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor; raises `OSError` when the kernel reports a late write error."""
        self._open.discard(fd)
        os.close(fd)

    def abandon(self) -> None:
        """In a forked child: close the copies, which leaves the parent's files and locks as they are."""
        inherited, self._open = self._open, set()
        for fd in inherited:
            with contextlib.suppress(OSError):  # a child that closes every descriptor itself was faster
                os.close(fd)

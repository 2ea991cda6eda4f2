"""Keep few signed statements, one a line, in a file that processes append to in turn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.stores.last_line import last_line

__all__ = ["StatementFile"]

_MODE = 0o600


class StatementFile:
    """A file of lines. Nothing is kept open; a line is on the disk when `append` returns.

    Half a line at the end was never acknowledged: it is passed over, and cut off by the next append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines, without their newlines."""
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise AuditError(f"{self.path} cannot be read: {error}") from error
        with stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def last(self) -> bytes:
        """Return the last whole line, nothing if there is none."""
        try:
            return last_line(self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise AuditError(f"{self.path} cannot be read: {error}") from error

    def append(self, lines: Sequence[bytes], check: Callable[[], None] = lambda: None) -> None:
        """Append lines together; `check` runs while nobody else can append, and may raise to prevent it."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            check()
            self._cut_half_a_line(fd)
            rest = memoryview(b"".join(line + b"\n" for line in lines))
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _cut_half_a_line(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.ftruncate(fd, os.pread(fd, size, 0).rfind(b"\n") + 1)

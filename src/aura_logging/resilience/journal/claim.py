"""Claim the files of a dead stream, all or none, for one adopter at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from aura_logging.resilience.journal.headers import read_acknowledgement, write_acknowledgement

__all__ = ["Claim", "Foreign", "StreamAlive", "claim_all"]

_READ_BYTES = 1 << 20


class StreamAlive(Exception):  # noqa: N818 - the usual finding, not a fault
    """A file of the stream is locked: by its writer, or by another adopter."""


class Foreign(Exception):  # noqa: N818 - a finding
    """The name is ours, the thing is not: no regular file, or another user's."""


class Claim:
    """One locked file of a dead stream, read and written with plain calls: a bad disk raises, no SIGBUS."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: Path) -> None:
        """Open and lock, or raise `StreamAlive`, `Foreign`, or `OSError`."""
        self.path = path
        # O_NONBLOCK so that a named pipe of that name cannot keep us waiting.
        self._fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._lock()
        except BaseException:
            self.release()
            raise

    def _lock(self) -> None:
        found = os.fstat(self._fd)
        # A journal in a directory others can write to must not let them put words into our log.
        if not stat.S_ISREG(found.st_mode) or os.geteuid() not in (0, found.st_uid):
            raise Foreign(self.path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StreamAlive(self.path) from None
        if not os.path.samestat(found, self.path.lstat()):
            raise FileNotFoundError(self.path)  # finished by another adopter between our open and our lock

    def size(self) -> int:
        """Return the file's length in bytes."""
        return os.fstat(self._fd).st_size

    def is_blank(self) -> bool:
        """Return whether the file holds nothing but zeros; reads on only while it does."""
        size, offset = self.size(), 0
        while offset < size:
            part = self.content(offset, 4096 if offset == 0 else _READ_BYTES)
            if part.strip(b"\0"):
                return False
            if not part:
                break
            offset += len(part)
        return True

    def content(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""
        parts = []
        while length > 0 and (part := os.pread(self._fd, min(length, _READ_BYTES), offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def acknowledge(self, generation: int, offset: int) -> None:
        """Persist that every frame before `offset` was taken."""
        turn = read_acknowledgement(self.content(0, 4096), generation).turn ^ 1
        write_acknowledgement(self, turn=turn, generation=generation, offset=offset)

    def __setitem__(self, where: slice, content: bytes, /) -> None:
        os.pwrite(self._fd, content, where.start)

    def delete(self) -> None:
        """Delete the file while it is still locked."""
        self.path.unlink()

    def release(self) -> None:
        """Close the file and let the lock go; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def claim_all(paths: list[Path]) -> tuple[list[Claim], list[tuple[Path, Exception]]]:
    """Claim every file of one stream; returns also the files that cannot be, with the reason.

    Raises `StreamAlive`, holding nothing, when any of them is locked. Adopters racing for a stream go in
    the same order, so one of them wins; files another one has just finished are left out.
    """
    claims: list[Claim] = []
    refused: list[tuple[Path, Exception]] = []
    try:
        for path in paths:
            try:
                claims.append(Claim(path))
            except FileNotFoundError:
                continue
            except (OSError, Foreign) as error:
                refused.append((path, error))
    except BaseException:
        for claim in claims:
            claim.release()
        raise
    return claims, refused

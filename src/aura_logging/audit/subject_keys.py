"""Keep subjects' keys in a directory of their own, one small file each."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from aura_logging.audit.shredding import KEY_BYTES
from aura_logging.audit.stores.base import AuditError

__all__ = ["FileSubjectKeys"]


class FileSubjectKeys:
    """See `SubjectKeys`. Files are named by the SHA-256 of the subject and hold 32 random bytes, for their owner only.

    `erase` writes over the file before it removes it; on storage that keeps old blocks (SSDs, copy-on-write, snapshots)
    that is best effort, so encrypt the disk or keep the keys in a system that can forget.
    """

    def __init__(self, directory: str | os.PathLike[str], entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.directory = Path(directory).absolute()
        self._entropy = entropy

    def key(self, subject: str) -> bytes | None:
        """Return a subject's key, if there is one."""
        try:
            key = self._path(subject).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuditError(f"the key of a subject cannot be read: {error}") from error
        if len(key) != KEY_BYTES or not any(key):
            return None  # an erasure was killed half-way
        return key

    def make_key(self, subject: str) -> bytes:
        """Return a subject's key; of two processes that make one at once, one finds the other's."""
        found = self.key(subject)
        if found is not None:
            return found
        path = self._path(subject)
        hidden = path.with_name(f".{path.name}.{self._entropy(8).hex()}")
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(hidden, self._entropy(KEY_BYTES), os.O_CREAT | os.O_EXCL)
            try:
                if path.exists() and self.key(subject) is None:
                    path.unlink(missing_ok=True)  # what a killed erasure left
                with contextlib.suppress(FileExistsError):
                    os.link(hidden, path)
            finally:
                hidden.unlink()
            _sync_directory(self.directory)
        except OSError as error:
            raise AuditError(f"no key can be made for a subject: {error}") from error
        found = self.key(subject)
        if found is None:
            raise AuditError("the key of a subject was erased while an event about it was being sealed")
        return found

    def erase(self, subject: str) -> bool:
        """Write over a subject's key and remove it."""
        path = self._path(subject)
        try:
            if not path.exists():
                return False
            _write(path, bytes(KEY_BYTES), 0)
            path.unlink()
            _sync_directory(self.directory)
        except OSError as error:
            raise AuditError(f"the key of a subject cannot be erased: {error}") from error
        return True

    def _path(self, subject: str) -> Path:
        return self.directory / hashlib.sha256(subject.encode()).hexdigest()


def _write(path: Path, content: bytes, flags: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    try:
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

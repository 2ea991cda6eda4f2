"""Find out what a log file's name leads to, and refuse a link that a stranger laid."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LogPath", "resolve"]

_MOST_LINKS = 40
"""As many links as Linux follows before it says ELOOP."""

_INHERITED = re.compile(r"/dev/(?:(stdout)|(stderr)|fd/([0-9]+))|/proc/self/fd/([0-9]+)")


@dataclass(frozen=True, slots=True)
class LogPath:
    """Where lines really go: a file that can be rotated, or a stream that cannot."""

    path: Path
    is_stream: bool = False
    inherited_fd: int | None = None
    """The process's own descriptor that the name stands for, as `/dev/stdout` stands for 1."""


def resolve(path: Path) -> LogPath:
    """Follow the name's own symbolic links to a file, a pipe or a device; a file need not exist yet.

    A link is followed only if root or this process's user owns it: whoever else can write to the directory could
    otherwise make a service append to any file it may write. (Links among the parent directories are the
    administrator's business.) Raises `PermissionError` for a stranger's link and `OSError` for directories,
    sockets and loops.
    """
    for _ in range(_MOST_LINKS):
        inherited = _INHERITED.fullmatch(str(path))
        if inherited is not None:
            stdout, stderr, *numbers = inherited.groups()
            fd = 1 if stdout else 2 if stderr else int(next(filter(None, numbers)))
            return LogPath(path, is_stream=True, inherited_fd=fd)
        try:
            status = path.lstat()
        except FileNotFoundError:
            return LogPath(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFLNK:
            if status.st_uid not in (0, os.geteuid()):
                raise PermissionError(
                    errno.EPERM, f"refusing to follow a symbolic link owned by uid {status.st_uid}", str(path)
                )
            path = path.parent / path.readlink()
        elif kind == stat.S_IFREG:
            return LogPath(path)
        elif kind in (stat.S_IFIFO, stat.S_IFCHR):
            return LogPath(path, is_stream=True)
        else:
            raise OSError(errno.EINVAL, "a log must be a file, a pipe or a character device", str(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))

"""Tell whether a directory lies on a network file system, where locks and maps cannot be trusted."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["filesystem_type", "is_network_filesystem"]

# fmt: off
_NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2", "glusterfs",
    "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "smb3", "smbfs", "vboxsf",
    "vmhgfs",
})
# fmt: on
_NETWORK_FUSE = re.compile(
    r"fuse\.(sshfs|glusterfs|s3fs|s3ql|goofys|geesefs|gcsfuse|blobfuse2?|rclone|juicefs|ceph|ceph-fuse|davfs2?"
    r"|mfs|moosefs|lizardfs|seaweedfs|cvmfs2?|curlftpfs|smbnetfs|mount-s3|mountpoint-s3|weed|hdfs|vmhgfs-fuse)"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def filesystem_type(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the kernel's name for the file system `path` lies (or would lie) on; None where it cannot tell.

    The longest mount point above the resolved path wins, the later of two on the same point: that one is
    on top.
    """
    real = os.path.realpath(path)
    try:
        mounts = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # not Linux, or a sandbox without /proc
        return None
    best: tuple[int, str | None] = (-1, None)
    for mount in mounts:
        # man 5 proc: id parent dev root MOUNT_POINT options [optional fields] - TYPE source options
        before, separator, after = mount.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= best[0]:
            best = (len(point), after.split(" ", 1)[0])
    return best[1]


def is_network_filesystem(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> bool:
    """Return whether `path` lies on a file system known to be shared by machines; False if unknown."""
    kind = filesystem_type(path, mountinfo)
    return kind is not None and (kind in _NETWORK or _NETWORK_FUSE.fullmatch(kind) is not None)

"""Which directories a journal may trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_logging.resilience.journal import filesystem_type, is_network_filesystem

MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
30 22 0:40 / /srv/nfs rw shared:1 - nfs4 server:/export rw,vers=4.2
31 22 0:41 / /srv/nfs/local rw - tmpfs tmpfs rw
32 22 0:42 / /srv/with\040space rw - cifs //server/share rw
33 22 0:43 / /home/me/cloud rw - fuse.sshfs me@there: rw
34 22 0:44 / /home/me/vault rw - fuse.gocryptfs x rw
35 22 0:45 / /stacked rw - nfs server:/a rw
36 35 0:46 / /stacked rw - xfs /dev/sdb rw
broken line
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/log", "ext4", False),
        ("/srv/nfs", "nfs4", True),
        ("/srv/nfs/logs/app", "nfs4", True),
        ("/srv/nfs2", "ext4", False),
        ("/srv/nfs/local/x", "tmpfs", False),
        ("/srv/with space/x", "cifs", True),
        ("/home/me/cloud/x", "fuse.sshfs", True),
        ("/home/me/vault/x", "fuse.gocryptfs", False),
        ("/stacked/x", "xfs", False),
    ],
)
def test_the_mount_a_path_lies_on_decides(tmp_path: Path, path: str, kind: str, network: bool) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)

    assert filesystem_type(Path(path), mountinfo) == kind
    assert is_network_filesystem(Path(path), mountinfo) is network


def test_without_the_kernels_list_nothing_is_known_and_nothing_refused(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path, tmp_path / "missing") is None
    assert not is_network_filesystem(tmp_path, tmp_path / "missing")


def test_this_machines_own_list_can_be_read(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path)

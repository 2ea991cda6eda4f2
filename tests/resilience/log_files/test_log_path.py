from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from aura_logging.resilience.log_files.log_path import LogPath, resolve


def test_a_file_that_does_not_exist_yet_is_a_file(tmp_path: Path) -> None:
    assert resolve(tmp_path / "no" / "app.log") == LogPath(tmp_path / "no" / "app.log")


def test_a_link_of_our_own_leads_to_where_the_log_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "app.log").touch()
    (tmp_path / "middle").symlink_to("data/app.log")
    (tmp_path / "app.log").symlink_to(tmp_path / "middle")

    assert resolve(tmp_path / "app.log") == LogPath(tmp_path / "data" / "app.log")


def test_a_link_may_lead_to_a_file_that_is_yet_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "app.log").symlink_to("later.log")

    assert resolve(tmp_path / "app.log") == LogPath(tmp_path / "later.log")


def test_a_strangers_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.log").symlink_to("/etc/passwd")
    owner = (tmp_path / "app.log").lstat().st_uid
    if owner == 0:
        os.lchown(tmp_path / "app.log", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(PermissionError, match="refusing to follow a symbolic link owned by uid"):
        resolve(tmp_path / "app.log")


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError) as circle:
        resolve(tmp_path / "a")

    assert circle.value.errno == errno.ELOOP


@pytest.mark.parametrize(
    ("name", "fd"), [("/dev/stdout", 1), ("/dev/stderr", 2), ("/dev/fd/7", 7), ("/proc/self/fd/12", 12)]
)
def test_names_of_our_own_descriptors_stand_for_them(name: str, fd: int) -> None:
    assert resolve(Path(name)) == LogPath(Path(name), is_stream=True, inherited_fd=fd)


def test_a_link_to_standard_output_is_standard_output(tmp_path: Path) -> None:
    (tmp_path / "app.log").symlink_to("/dev/stdout")

    assert resolve(tmp_path / "app.log").inherited_fd == 1


def test_pipes_and_devices_are_streams(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert resolve(tmp_path / "pipe").is_stream
    assert resolve(Path("/dev/null")).is_stream


def test_a_directory_and_a_socket_are_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))

        for path in (tmp_path, tmp_path / "socket"):
            with pytest.raises(OSError, match="must be a file, a pipe or a character device"):
                resolve(path)

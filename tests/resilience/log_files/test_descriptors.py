from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aura_logging.resilience.log_files.descriptors import Descriptors


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_what_is_open_can_be_given_back_at_once(tmp_path: Path) -> None:
    files = Descriptors()
    kept = [files.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("a", "b")]
    closed = files.open(tmp_path / "c", os.O_RDWR | os.O_CREAT)
    files.close(closed)
    reused = os.open(tmp_path, os.O_RDONLY)  # gets the number that was closed

    files.abandon()

    assert not any(map(is_open, kept))
    assert is_open(reused)
    os.close(reused)


def test_giving_back_what_is_closed_already_is_no_error(tmp_path: Path) -> None:
    files = Descriptors()
    os.close(files.open(tmp_path / "a", os.O_RDWR | os.O_CREAT))

    files.abandon()


def test_a_link_is_never_opened_and_no_program_inherits_a_file(tmp_path: Path) -> None:
    files = Descriptors()
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(OSError) as refused:
        files.open(tmp_path / "link", os.O_RDWR | os.O_CREAT)
    fd = files.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)

    assert refused.value.errno == errno.ELOOP
    assert not os.get_inheritable(fd)
    files.close(fd)

"""A disk that is full, a directory that goes, a right that is lost: errors while they last, and no torn line after."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60

MOUNT = 'mkdir -p "$0" && mount -t tmpfs -o size=256k none "$0"'


def can_mount() -> bool:
    """Whether this user may mount a file system of his own, which containers often forbid."""
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=256k none /mnt"]
    return sys.platform == "linux" and subprocess.run(command, capture_output=True, check=False).returncode == 0


# A limit on the size of files fails in the same call and the same way as a full disk, and needs no privilege.
DISKS = ["limited", *(["tmpfs"] if can_mount() else [])]


def run(script: str, *arguments: object, mount: Path | None = None) -> str:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    if mount is not None:
        command = ["unshare", "-m", "sh", "-c", f'{MOUNT} && exec "$@"', str(mount), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_is_an_error_that_tears_no_line_and_passes(tmp_path: Path, disk: str) -> None:
    run(
        """
        import resource, sys
        from pathlib import Path
        from aura_logging.handlers.files import StructuredFileHandler

        disk, directory = sys.argv[1], Path(sys.argv[2])
        if disk == "limited":
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        else:
            (directory / "filler").write_bytes(b"x" * 100_000)

        path = directory / "app.jsonl"
        handler = StructuredFileHandler(path, max_bytes=None)
        written, refused = [], 0
        while refused < 20:
            lines = [b"line %06d %b\\n" % (number, b"x" * 61) for number in range(7)]
            try:
                handler.write_lines(lines)
            except OSError:
                refused += 1
            else:
                assert not refused, "what did not fit fits now"
                written += lines
        health = handler.health().as_dict()
        assert health["status"] == "unhealthy", health
        assert health["failures"] == {"EFBIG" if disk == "limited" else "ENOSPC": 20}, health
        assert path.read_bytes() == b"".join(written)

        if disk == "limited":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        else:
            (directory / "filler").unlink()
        handler.write_lines([b"space again\\n"])

        assert path.read_bytes() == b"".join(written) + b"space again\\n"
        health = handler.health().as_dict()
        assert health["status"] == "healthy", health
        assert health["delivered"] == len(written) + 1 > 1000, health
        assert health["torn_lines_ended"] == 0, health
        """,
        disk,
        tmp_path,
        mount=tmp_path if disk == "tmpfs" else None,
    )


def test_a_disk_too_full_to_compress_keeps_the_segment_until_there_is_room(tmp_path: Path) -> None:
    run(
        """
        import gzip, os, resource, sys
        from pathlib import Path
        from aura_logging.handlers.files import StructuredFileHandler

        directory = Path(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
        lines = [os.urandom(999).replace(b"\\n", b"") + b"\\n" for _ in range(3)]  # does not compress

        first = StructuredFileHandler(directory / "app.jsonl", max_bytes=1_000)
        first.write_lines(lines[:1])
        first.write_lines(lines[1:2])
        first.close()
        health = first.health().as_dict()
        assert (health["status"], health["housekeeping_failures"]) == ("degraded", 1), health
        assert [path.suffix for path in sorted(directory.glob("app.2*"))] == [".jsonl"]

        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        second = StructuredFileHandler(directory / "app.jsonl", max_bytes=1_000)
        second.write_lines(lines[2:])
        second.close()
        assert second.health().as_dict()["status"] == "healthy"
        closed = sorted(directory.glob("app.2*"))
        assert [gzip.decompress(path.read_bytes()) for path in closed] == lines[:2], closed
        """,
        tmp_path,
    )


AS_NOBODY = """
import logging, os, shutil, sys, tempfile
from pathlib import Path
from aura_logging.handlers.files import StructuredFileHandler

if os.geteuid() == 0:
    os.setuid(65534)  # root is refused nothing
directory = Path(tempfile.mkdtemp()) / "logs"
directory.mkdir()
path = directory / "app.jsonl"

def outcome(handler, line):
    try:
        handler.write_lines([line])
    except OSError as error:
        return type(error).__name__
    return "written"
"""


def as_nobody(script: str) -> None:
    run(AS_NOBODY + textwrap.dedent(script) + "\nshutil.rmtree(directory.parent)\n")


def test_a_directory_that_lets_nobody_in_is_an_error_until_it_does_again() -> None:
    as_nobody(
        """
        handler = StructuredFileHandler(path)
        handler.write_lines([b"one\\n"])
        directory.chmod(0o000)
        assert outcome(handler, b"two\\n") == "PermissionError"
        assert handler.health().facts["failures"] == {"EACCES": 1}
        directory.chmod(0o700)
        assert outcome(handler, b"three\\n") == "written"
        assert path.read_text() == "one\\nthree\\n"
        """
    )


def test_a_file_that_may_not_be_written_any_more_is_an_error_until_it_may() -> None:
    as_nobody(
        """
        path.write_text("one\\n")
        path.chmod(0o400)
        handler = StructuredFileHandler(path)
        assert outcome(handler, b"two\\n") == "PermissionError"
        path.chmod(0o600)
        assert outcome(handler, b"three\\n") == "written"
        assert path.read_text() == "one\\nthree\\n"
        """
    )


def test_a_directory_that_lets_nothing_be_renamed_costs_rotation_and_no_line() -> None:
    as_nobody(
        """
        handler = StructuredFileHandler(path, max_bytes=5)
        handler.write_lines([b"one\\n"])
        directory.chmod(0o500)
        assert outcome(handler, b"two\\n") == outcome(handler, b"three\\n") == "written"
        health = handler.health().as_dict()
        assert (health["status"], health["rotation_failures"]) == ("degraded", 1), health
        directory.chmod(0o700)
        assert path.read_text() == "one\\ntwo\\nthree\\n"
        """
    )


def test_a_directory_that_is_removed_under_a_running_service_comes_back_with_its_log(tmp_path: Path) -> None:
    run(
        """
        import logging, shutil, sys
        from pathlib import Path
        from aura_logging.handlers.files import StructuredFileHandler

        directory = Path(sys.argv[1]) / "var" / "log"
        handler = StructuredFileHandler(directory / "app.jsonl", max_bytes=60)
        logger = logging.getLogger("service")
        logger.addHandler(handler)
        for number in range(200):
            logger.warning("line %d", number)
            if number % 50 == 25:
                shutil.rmtree(directory.parent, ignore_errors=True)
        assert '"line 199"' in (directory / "app.jsonl").read_text()
        assert directory.stat().st_mode & 0o007 == 0
        health = handler.health().as_dict()
        assert (health["status"], health["delivered"], health["failures"]) == ("healthy", 200, {}), health
        """,
        tmp_path,
    )

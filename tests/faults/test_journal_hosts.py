"""Hosts that fork behind Python's back, and disks that are full: noticed, refused, survived."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FORK_WITHOUT_HOOKS = """
import ctypes, os, sys
from aura_logging.resilience.journal import Journal, pending

journal = Journal(sys.argv[1], name="a", segment_bytes=1 << 16, max_bytes=1 << 20)
journal.append(b"parent 0\\n")
child = ctypes.CDLL(None).fork()  # as uWSGI and daemonising libraries do
if child == 0:
    assert journal.append(b"child 0\\n") is not None
    assert [f.line for f in journal.read(0)] == [b"child 0\\n"]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
journal.append(b"parent 1\\n")
assert [f.line for f in journal.read(0)] == [b"parent 0\\n", b"parent 1\\n"]
files = pending(sys.argv[1])
assert sorted((f.is_alive, f.unacknowledged_frames) for f in files) == [(False, 1), (True, 2)], files
journal.close()
"""

ON_A_SMALL_DISK = """
import json, os, resource, sys
from aura_logging.resilience.journal import Journal, recover

directory, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
clock = [0.0]
journal = Journal(directory, name="a", segment_bytes=1 << 16, max_bytes=1 << 20, clock=lambda: clock[0])
line = b"x" * 999 + b"\\n"
accepted = 0
while accepted < 5000 and journal.append(line) is not None:
    accepted += 1
reason, error = journal.refusal, journal.last_error
if not limit:  # not a byte is left on the disk when the rest of the segments is written to
    with open(os.path.join(directory, "filler"), "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    journal.acknowledge(journal.read(0, 100, 1 << 20)[-1].position)
    while journal.append(line) is not None:
        accepted += 1
read = len(journal.read(0, 10_000, 1 << 30))
journal.close()
recovered = 0
with recover(directory) as recovery:
    for batch in recovery:
        recovered += len(batch.frames)
        batch.acknowledge()
print(json.dumps({"accepted": accepted, "read": read, "recovered": recovered,
                  "reason": str(reason), "errno": error.errno if error else 0}))
"""

MOUNT_AND_RUN = 'mount -t tmpfs -o size=400k tmpfs "$1" && shift && exec "$@"'
IN_A_SMALL_TMPFS = ("unshare", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh")
CAN_MOUNT = shutil.which("unshare") is not None and not subprocess.call(
    [*IN_A_SMALL_TMPFS, "/tmp", "true"],
    stderr=subprocess.DEVNULL,  # only in a namespace of its own
)


def python(script: str, *arguments: str, before: tuple[str, ...] = ()) -> str:
    command = [*before, sys.executable, "-W", "error", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fork_without_pythons_hooks_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    python(FORK_WITHOUT_HOOKS, str(tmp_path))


@pytest.mark.parametrize("disk", ["file size limit", *(["full tmpfs"] if CAN_MOUNT else [])])
def test_a_full_disk_is_a_refusal_and_never_a_signal(tmp_path: Path, disk: str) -> None:
    if disk == "full tmpfs":
        before = (*IN_A_SMALL_TMPFS, str(tmp_path))
        seen = json.loads(python(ON_A_SMALL_DISK, str(tmp_path), "0", before=before))
        assert seen["accepted"] > 300
        assert seen["recovered"] == seen["read"] == seen["accepted"] - 100
    else:
        seen = json.loads(python(ON_A_SMALL_DISK, str(tmp_path), str(1 << 15)))
        assert seen["accepted"] == seen["recovered"] == 0

    assert seen["reason"] == "journal_unavailable"
    assert seen["errno"] != 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1 << 15

"""Recovery: the dead's lines once and in order, the living's never, and no content that stops it."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from aura_logging.resilience.journal import Journal, RecoveredFrame, RecoveryReport, pending, recover
from aura_logging.resilience.journal.headers import HEADER_BYTES
from aura_logging.resilience.journal.tidying import MAX_FILES_ASIDE

SMALL: dict[str, Any] = {"segment_bytes": 8192, "max_bytes": 8 * 8192}


def orphan(directory: Path, lines: list[bytes], *, name: str = "a", acknowledged: int = 0) -> Path:
    """Leave a dead journal behind; returns its only file, or its oldest."""
    before = set(directory.iterdir()) if directory.exists() else set()
    journal = Journal(directory, name=name, **SMALL)
    positions = [journal.append(line, 20 + n % 3, n % 2) or 0 for n, line in enumerate(lines)]
    if acknowledged:
        journal.acknowledge(positions[acknowledged - 1])
    journal.close()
    return sorted(set(directory.iterdir()) - before)[0]


def recovered(directory: Path, name: str | None = None, **limits: int) -> tuple[list[bytes], RecoveryReport]:
    with recover(directory, name, **limits) as recovery:
        lines = []
        for batch in recovery:
            lines += [frame.line for frame in batch.frames]
            batch.acknowledge()
    return lines, recovery.report


def test_what_was_not_acknowledged_comes_back_once_with_everything_it_carried(tmp_path: Path) -> None:
    orphan(tmp_path, [b"zero", b"one", b"two", b"three"], acknowledged=1)

    with recover(tmp_path, "a") as recovery:
        batch = next(recovery)
        batch.acknowledge()
        assert list(recovery) == []

    assert batch.frames == [
        RecoveredFrame(1, 21, 1, b"one"),
        RecoveredFrame(2, 22, 0, b"two"),
        RecoveredFrame(3, 20, 1, b"three"),
    ]
    assert (batch.header.name, batch.header.pid) == ("a", os.getpid())
    assert recovery.report == RecoveryReport(recovered=3, files=1)
    assert recovered(tmp_path) == ([], RecoveryReport())
    assert list(tmp_path.iterdir()) == []


def test_many_segments_of_several_streams_come_back_in_order(tmp_path: Path) -> None:
    streams = [[b"%d:%03d" % (stream, n) + b"." * 300 for n in range(60)] for stream in range(3)]
    for lines in streams:
        orphan(tmp_path, lines)

    lines, report = recovered(tmp_path, max_lines=7)

    assert lines == [line for stream in streams for line in stream]
    assert report.recovered == 180


def test_batches_keep_to_their_limits(tmp_path: Path) -> None:
    orphan(tmp_path, [b"x" * 100] * 30)
    with recover(tmp_path, max_lines=8, max_bytes=450) as recovery:
        sizes = []
        for batch in recovery:
            sizes.append(len(batch.frames))
            batch.acknowledge()

    assert sizes == [4] * 7 + [2]


def test_a_living_journals_files_are_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, name="a", **SMALL)
    journal.append(b"alive")

    lines, report = recovered(tmp_path)

    assert lines == []
    assert report == RecoveryReport(alive_streams=1)
    assert [f.line for f in journal.read(0)] == [b"alive"]
    journal.close()


def test_only_journals_of_the_name_asked_for_are_adopted(tmp_path: Path) -> None:
    orphan(tmp_path, [b"mine"], name="mine")
    orphan(tmp_path, [b"yours"], name="yours")

    assert recovered(tmp_path, "mine")[0] == [b"mine"]
    assert recovered(tmp_path)[0] == [b"yours"]


def test_a_batch_not_acknowledged_ends_the_recovery_and_comes_again(tmp_path: Path) -> None:
    orphan(tmp_path, [b"%d" % n for n in range(6)])
    orphan(tmp_path, [b"later"])

    with recover(tmp_path, max_lines=2) as recovery:
        next(recovery).acknowledge()
        next(recovery)
        assert list(recovery) == []

    assert recovery.report.recovered == 2
    assert recovered(tmp_path)[0] == [b"2", b"3", b"4", b"5", b"later"]


def test_a_recovery_broken_off_by_an_error_lets_its_claims_go(tmp_path: Path) -> None:
    orphan(tmp_path, [b"line"])

    with pytest.raises(ConnectionError), recover(tmp_path) as recovery:
        for _ in recovery:
            raise ConnectionError

    assert recovered(tmp_path)[0] == [b"line"]


def test_a_claim_excludes_every_other_recovery_even_in_this_process(tmp_path: Path) -> None:
    orphan(tmp_path, [b"line"])

    with recover(tmp_path) as first:
        batch = next(first)
        lines, report = recovered(tmp_path)
        batch.acknowledge()

    assert lines == []
    assert report.alive_streams == 1


def test_a_forked_child_leaves_a_recovery_to_its_parent(tmp_path: Path) -> None:
    orphan(tmp_path, [b"one", b"two"])
    with recover(tmp_path, max_lines=1) as recovery:
        first = next(recovery)
        child = os.fork()
        if child == 0:
            os._exit(0 if list(recovery) == [] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        first.acknowledge()
        rest = [f.line for batch in recovery for f in batch.frames]

    assert rest == [b"two"]


def test_a_segment_used_again_never_gives_its_earlier_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path, name="a", **SMALL)
    for n in range(200):
        journal.append(b"old %03d" % n + b"." * 200)
        journal.acknowledge(journal.position)
    for n in range(5):
        journal.append(b"new %d" % n)
    journal.close()

    assert recovered(tmp_path)[0] == [b"new %d" % n for n in range(5)]


def test_corrupt_frames_are_skipped_counted_and_kept_for_a_human(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"%03d" % n for n in range(20)])
    content = bytearray(path.read_bytes())
    for n in (4, 5, 11):
        content[HEADER_BYTES + n * 23 + 21] ^= 0x10
    path.write_bytes(content)

    lines, report = recovered(tmp_path)

    assert lines == [b"%03d" % n for n in range(20) if n not in (4, 5, 11)]
    assert (report.corrupt_frames, report.skipped_bytes, report.torn_tails) == (3, 3 * 23, 0)
    assert report.set_aside == 1
    assert [file.is_aside for file in pending(tmp_path)] == [True]
    assert recovered(tmp_path) == ([], RecoveryReport())


def test_one_bad_header_copy_and_one_bad_acknowledgement_lose_nothing(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"one", b"two", b"three"], acknowledged=1)
    content = bytearray(path.read_bytes())
    content[20] ^= 0xFF
    path.write_bytes(content)

    assert recovered(tmp_path)[0] == [b"two", b"three"]


def test_a_torn_acknowledgement_falls_back_to_the_one_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path, name="a", **SMALL)
    positions = [journal.append(line) or 0 for line in (b"one", b"two", b"three")]
    journal.acknowledge(positions[0])
    journal.acknowledge(positions[1])
    journal.close()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[2048 + 8] ^= 0xFF  # the slot of the second acknowledgement
    path.write_bytes(content)

    assert recovered(tmp_path)[0] == [b"two", b"three"]


@pytest.mark.parametrize("kept", [1, 100, HEADER_BYTES, HEADER_BYTES + 10, HEADER_BYTES + 27 * 3 + 5, 8191])
def test_a_truncated_file_gives_what_is_left_of_it(tmp_path: Path, kept: int) -> None:
    path = orphan(tmp_path, [b"%03d" % n for n in range(20)])
    os.truncate(path, kept)

    lines, report = recovered(tmp_path)

    whole = max(0, kept - HEADER_BYTES) // 23
    assert lines == [b"%03d" % n for n in range(min(20, whole))]
    assert report.truncated_files + report.set_aside == 1


def test_an_empty_file_of_ours_is_swept_up(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"x"])
    os.truncate(path, 0)

    assert recovered(tmp_path) == ([], RecoveryReport(files=1))
    assert list(tmp_path.iterdir()) == []


def test_a_spare_its_process_never_came_to_use_is_swept_up(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"x"])
    path.write_bytes(bytes(8192))

    assert recovered(tmp_path) == ([], RecoveryReport(files=1))
    assert list(tmp_path.iterdir()) == []


def test_garbage_under_our_name_is_set_aside_and_the_rest_recovered(tmp_path: Path) -> None:
    orphan(tmp_path, [b"x"]).write_bytes(os.urandom(5000))
    orphan(tmp_path, [b"fine"])

    lines, report = recovered(tmp_path)

    assert lines == [b"fine"]
    assert report.set_aside == 1
    assert "no whole header" in (report.last_error or "")


def test_files_that_are_not_ours_are_never_touched(tmp_path: Path) -> None:
    orphan(tmp_path, [b"x"])
    almost = f"a.{'0' * 24}.000001.journal.bak"
    strangers = ["app.log", "a.journal", "README", "a.0123.000001.journal", almost]
    for name in strangers:
        (tmp_path / name).write_text("precious")

    recovered(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(strangers)


def test_things_that_only_bear_our_name_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(orphan(tmp_path / "journal", [b"forged"]).read_bytes())
    (path,) = (tmp_path / "journal").iterdir()
    path.unlink()
    path.symlink_to(outside)
    os.mkfifo(path.with_name(path.name.replace(".000001.", ".000002.")))
    path.with_name(path.name.replace(".000001.", ".000003.")).mkdir()

    lines, report = recovered(tmp_path / "journal")

    assert lines == []
    assert report.foreign + report.failed_files == 3
    assert len(list((tmp_path / "journal").iterdir())) == 3
    assert len(pending(tmp_path / "journal")) == 3


def test_a_later_versions_file_waits_for_that_version(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"from tomorrow"])
    content = bytearray(path.read_bytes())
    for copy in (0, 1024):
        content[copy + 8 : copy + 10] = struct.pack("<H", 2)
    path.write_bytes(content)

    lines, report = recovered(tmp_path)

    assert lines == []
    assert report.from_the_future == 1
    assert path.read_bytes() == content


def test_files_kept_for_a_human_stay_within_their_limit(tmp_path: Path) -> None:
    for _ in range(MAX_FILES_ASIDE + 3):
        orphan(tmp_path, [b"x"]).write_bytes(b"garbage")
        recovered(tmp_path)

    _, report = recovered(tmp_path)

    assert len(list(tmp_path.iterdir())) == MAX_FILES_ASIDE
    assert report.deleted_aside == 1


def test_a_file_its_maker_never_finished_is_swept_up(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"x"])
    path.rename(path.with_name(path.name + ".new"))

    recovered(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_missing_or_is_none_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert recovered(tmp_path / "missing") == ([], RecoveryReport())
    lines, report = recovered(tmp_path / "file")
    assert lines == []
    assert report.last_error is not None
    assert pending(tmp_path / "missing") == []


def test_an_acknowledgement_beyond_the_end_of_the_file_is_survived(tmp_path: Path) -> None:
    path = orphan(tmp_path, [b"one", b"two"])
    content = bytearray(path.read_bytes())
    slot = struct.pack("<QQ", 1, 1 << 60)
    content[2048 : 2048 + 20] = slot + struct.pack("<I", crc32(slot))
    path.write_bytes(content)

    lines, _ = recovered(tmp_path)

    assert lines == []


def test_pending_describes_the_living_and_the_dead_and_changes_neither(tmp_path: Path) -> None:
    dead = orphan(tmp_path, [b"1", b"22", b"333"], acknowledged=1)
    journal = Journal(tmp_path, name="b", **SMALL)
    journal.append(b"alive")

    files = pending(tmp_path)

    assert pending(tmp_path) == files
    assert [(f.name, f.is_alive, f.unacknowledged_frames, f.unacknowledged_bytes) for f in files] == [
        ("a", False, 2, 5),
        ("b", True, 1, 5),
    ]
    assert files[0].path == dead
    assert files[0].pid == os.getpid()
    assert [f.name for f in pending(tmp_path, "b")] == ["b"]
    journal.close()


def test_a_file_swept_up_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, swept = fcntl.flock, []

    def sweep_first(fd: int, operation: int) -> None:
        if not swept:
            (unfinished,) = tmp_path.glob("*.new")
            unfinished.unlink()
            swept.append(unfinished)
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    journal = Journal(tmp_path, name="app", segment_bytes=16 << 10, max_bytes=64 << 10)

    assert journal.append(b"line\n") is not None
    assert swept
    journal.close()
    with recover(tmp_path) as recovery:
        assert [frame.line for batch in recovery for frame in batch.frames] == [b"line\n"]

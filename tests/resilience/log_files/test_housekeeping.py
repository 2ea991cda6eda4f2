from __future__ import annotations

import errno
import fcntl
import gzip
import os
from pathlib import Path

import pytest

from aura_logging.resilience.log_files.compression import Codec, choose_codec
from aura_logging.resilience.log_files.compressor import Compressor
from aura_logging.resilience.log_files.housekeeping import SegmentKeeper
from aura_logging.resilience.log_files.id_index import index_path, may_mention
from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames
from aura_logging.testing import ManualClock

NAMES = SegmentNames("app.jsonl")
GZIP = choose_codec("gzip")
assert GZIP is not None


def segment(number: int) -> Segment:
    """The segment that was closed `number` seconds after 1970."""
    return Segment(number * 1_000_000, number)


def name(number: int, compressed: str = "", *, is_partial: bool = False) -> str:
    return NAMES.name(SegmentFile(segment(number), compressed, is_partial))


def keeper(retention: RetentionPolicy | None = None, codec: Codec | None = GZIP, now: float = 100.0) -> SegmentKeeper:
    return SegmentKeeper(retention or RetentionPolicy(None), codec, mode=0o600, clock=ManualClock(now))


def visible(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


def test_closed_segments_are_compressed_and_the_live_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "app.jsonl").write_bytes(b"live\n")
    for number in (1, 2):
        (tmp_path / name(number)).write_bytes(b"closed %d\n" % number)
    keeping = keeper()

    keeping.tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(1, ".gz"), name(2, ".gz"), "app.jsonl"]
    assert gzip.decompress((tmp_path / name(2, ".gz")).read_bytes()) == b"closed 2\n"
    assert (keeping.compressed, keeping.retained, keeping.last_error) == (2, 2, None)


def test_an_index_of_ids_lies_beside_each_compressed_segment_and_goes_with_it(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / name(number)).write_bytes(b'{"correlation_id":"request-%d"}\n' % number)
    (tmp_path / NAMES.index_name(segment(9))).write_bytes(b"of a segment that somebody removed by hand")
    (tmp_path / ".app.jsonl.ids").write_bytes(b"of somebody else")

    keeper().tidy(tmp_path / "app.jsonl")

    compressed = tmp_path / name(1, ".gz")
    assert may_mention(compressed, b"request-1")
    assert not may_mention(compressed, b"request-2")
    assert index_path(compressed).name == NAMES.index_name(segment(1))
    assert index_path(compressed).stat().st_mode & 0o777 == compressed.stat().st_mode & 0o777
    indexes = {path.name for path in tmp_path.glob(".*.ids")}
    assert indexes == {NAMES.index_name(segment(1)), NAMES.index_name(segment(2)), ".app.jsonl.ids"}

    keeper(RetentionPolicy(1)).tidy(tmp_path / "app.jsonl")

    assert {path.name for path in tmp_path.glob(".*.ids")} == {NAMES.index_name(segment(2)), ".app.jsonl.ids"}


def test_what_a_killed_process_left_is_finished_or_removed(tmp_path: Path) -> None:
    (tmp_path / name(1)).write_bytes(b"renamed, not removed\n")
    (tmp_path / name(1, ".gz")).write_bytes(gzip.compress(b"renamed, not removed\n"))
    (tmp_path / name(2)).write_bytes(b"half compressed\n")
    (tmp_path / name(2, ".gz", is_partial=True)).write_bytes(b"\x1f\x8b half")
    (tmp_path / name(3, ".zst", is_partial=True)).write_bytes(b"of a segment that is gone")

    keeper().tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(1, ".gz"), name(2, ".gz")]
    assert gzip.decompress((tmp_path / name(1, ".gz")).read_bytes()) == b"renamed, not removed\n"
    assert gzip.decompress((tmp_path / name(2, ".gz")).read_bytes()) == b"half compressed\n"


@pytest.mark.parametrize("codec", [GZIP, None])
def test_lines_are_never_there_twice_after_the_compression_was_changed(tmp_path: Path, codec: Codec | None) -> None:
    (tmp_path / name(1)).write_bytes(b"x")
    (tmp_path / name(1, ".zst")).write_bytes(b"left by a process that was killed")

    keeper(codec=codec).tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(1, codec.suffix if codec else "")]


def test_each_limit_removes_the_oldest(tmp_path: Path) -> None:
    for number in range(90, 100):
        (tmp_path / name(number)).write_bytes(b"x" * 100)
    keeping = keeper(RetentionPolicy(max_count=8, max_age_seconds=5.5, max_total_bytes=300), codec=None)

    keeping.tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(97), name(98), name(99)]
    assert (keeping.removed, keeping.retained) == (7, 3)


def test_bytes_are_counted_after_compression(tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / name(number)).write_bytes(b"x" * 10_000)
    keeping = keeper(RetentionPolicy(None, max_total_bytes=1_000))

    keeping.tidy(tmp_path / "app.jsonl")

    assert keeping.removed == 0
    assert len(visible(tmp_path)) == 3


def test_segments_of_every_compression_are_one_row(tmp_path: Path) -> None:
    for file_name in (name(1, ".zst"), name(2), name(2, ".gz"), name(3, ".gz"), name(4)):
        (tmp_path / file_name).write_bytes(b"x")

    keeper(RetentionPolicy(max_count=2), codec=None).tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(3, ".gz"), name(4)]


def test_nothing_that_is_not_exactly_a_segment_is_touched(tmp_path: Path) -> None:
    strangers = ["app.jsonl", "app.jsonl.1", "other." + name(1).removeprefix("app."), name(1) + ".bak", "notes"]
    for stranger in strangers:
        (tmp_path / stranger).write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    (tmp_path / name(2)).symlink_to(outside)
    (tmp_path / name(3)).mkdir()
    before = visible(tmp_path)

    keeper(RetentionPolicy(max_count=1, max_age_seconds=1)).tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == before
    assert outside.read_bytes() == b"x"


def test_one_process_at_a_time_keeps_house(tmp_path: Path) -> None:
    (tmp_path / name(1)).write_bytes(b"x")
    holder = os.open(tmp_path / ".app.jsonl.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    keeping = keeper()

    keeping.tidy(tmp_path / "app.jsonl")
    assert visible(tmp_path) == [name(1)]

    os.close(holder)
    keeping.tidy(tmp_path / "app.jsonl")
    assert visible(tmp_path) == [name(1, ".gz")]


def test_the_holder_also_does_what_others_leave_to_it_while_it_works(tmp_path: Path) -> None:
    (tmp_path / name(1)).write_bytes(b"x")
    other = keeper()

    def someone_closes_another_segment() -> bool:
        # Runs between two steps of the holder: the other process finds the lock taken and goes away.
        if not (tmp_path / name(2)).exists() and not (tmp_path / name(2, ".gz")).exists():
            (tmp_path / name(2)).write_bytes(b"y")
            other.tidy(tmp_path / "app.jsonl")
        return False

    keeper().tidy(tmp_path / "app.jsonl", someone_closes_another_segment)

    assert visible(tmp_path) == [name(1, ".gz"), name(2, ".gz")]


def test_a_segment_that_cannot_be_compressed_does_not_stop_the_rest(tmp_path: Path) -> None:
    class Picky:
        def compress(self, data: bytes) -> bytes:
            if data == b"bad":
                raise OSError(errno.EIO, "Input/output error")
            return data

        def flush(self) -> bytes:
            return b""

    for number, content in ((1, b"old"), (2, b"bad"), (3, b"good")):
        (tmp_path / name(number)).write_bytes(content)
    keeping = keeper(RetentionPolicy(max_count=2), Codec(".gz", Picky))

    keeping.tidy(tmp_path / "app.jsonl")

    assert visible(tmp_path) == [name(2), name(3, ".gz")]
    assert (keeping.failed, keeping.compressed, keeping.removed) == (1, 1, 1)
    assert keeping.last_error is not None
    assert keeping.last_error.errno == errno.EIO


def test_a_missing_directory_is_an_error_that_is_counted_and_passes(tmp_path: Path) -> None:
    keeping = keeper()

    keeping.tidy(tmp_path / "gone" / "app.jsonl")
    assert (keeping.failed, type(keeping.last_error)) == (1, FileNotFoundError)

    (tmp_path / "gone").mkdir()
    keeping.tidy(tmp_path / "gone" / "app.jsonl")
    assert (keeping.failed, keeping.last_error) == (1, None)


@pytest.mark.parametrize("pattern", ["*.partial", "app.*"])
def test_what_is_removed_by_hand_while_it_is_compressed_is_no_failure(tmp_path: Path, pattern: str) -> None:
    (tmp_path / name(1)).write_bytes(b"x\n" * 100)
    removals = iter([pattern])

    def begin() -> Compressor:
        for each in tmp_path.glob(next(removals, "none")):
            each.unlink()
        return GZIP.begin()

    house = keeper(codec=Codec(".gz", begin))
    house.tidy(tmp_path / "app.jsonl")

    assert (house.failed, house.last_error) == (0, None)
    assert visible(tmp_path) == ([name(1, ".gz")] if pattern == "*.partial" else [])


def test_told_to_stop_it_leaves_segments_as_they_are(tmp_path: Path) -> None:
    (tmp_path / name(1)).write_bytes(b"x" * 1_000_000)
    answers = iter([False, False, True, True, True, True])

    keeper().tidy(tmp_path / "app.jsonl", lambda: next(answers))

    assert visible(tmp_path) == [name(1)]


@pytest.mark.parametrize("codec", [GZIP, None])
def test_no_descriptor_stays_open(tmp_path: Path, codec: Codec | None) -> None:
    (tmp_path / name(1)).write_bytes(b"x")
    before = len(list(Path("/proc/self/fd").iterdir()))

    keeper(codec=codec).tidy(tmp_path / "app.jsonl")

    assert len(list(Path("/proc/self/fd").iterdir())) == before

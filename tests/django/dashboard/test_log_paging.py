"""From page to page no line of a log is lost or shown twice, whatever becomes of its files meanwhile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.diagnostics.log_reader import Wanted, blocks, files_of
from aura_logging.django.dashboard.log_pages import Bounds, LogPage, Place, read_page
from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

START = 1_800_000_000
NAMES = SegmentNames("app.jsonl")


class Log:
    """A log that is written, rotated and compressed while somebody reads it page by page."""

    def __init__(self, directory: Path, *, is_json: bool) -> None:
        self.live = directory / "app.jsonl"
        self.live.touch()
        self.written: list[str] = []
        self.segments: list[Segment] = []
        self._is_json = is_json

    def write(self, lines: int = 1) -> None:
        with self.live.open("a") as file:
            for _ in range(lines):
                number = len(self.written)
                # Text that is part of other lines, and lines that are alike; the first of a file is like no other.
                text = f"{number}" if self._is_json or number % 3 == 0 else "1" * (number % 4 + 1)
                self.written.append(text)
                minute, second = divmod(number, 60)
                known = {"timestamp": f"2027-01-15T08:{minute:02}:{second:02}.000000Z", "message": text}
                file.write((json.dumps(known) if self._is_json else text) + "\n")

    def rotate(self) -> None:
        if self.live.stat().st_size:
            segment = Segment((START + len(self.written)) * 1_000_000, len(self.segments) + 1)
            self.live.rename(self.live.with_name(NAMES.name(SegmentFile(segment))))
            self.segments.append(segment)
            self.live.touch()

    def compress(self) -> None:
        for segment in self.segments:
            plain = self.live.with_name(NAMES.name(SegmentFile(segment)))
            if plain.exists():
                codec = choose_codec("gzip")
                assert codec is not None
                compressor = codec.begin()
                content = compressor.compress(plain.read_bytes()) + compressor.flush()
                plain.with_name(plain.name + ".gz").write_bytes(content)
                # The file that is made next may well get the inode of the one that goes.
                plain.unlink()

    def page(self, start: Place | None, lines: int) -> LogPage:
        bounds = Bounds(lines=lines, seconds=60.0)
        return read_page(files_of(self.live), Wanted(), start, bounds)


def messages(page: LogPage) -> list[str]:
    return [str(line.fields["message"]) for line in page.lines]


events = st.lists(st.sampled_from(["write", "rotate", "compress"]), max_size=6)


@settings(deadline=None, max_examples=60)
@given(
    before=st.lists(st.sampled_from(["write", "write", "rotate", "compress"]), max_size=12),
    between=st.lists(events, max_size=8),
    size=st.integers(1, 5),
    block=st.sampled_from([1 << 20, 24]),
    is_json=st.booleans(),
)
def test_every_line_that_was_there_is_shown_once_newest_first(
    before: list[str], between: list[list[str]], size: int, block: int, is_json: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block)
        log = Log(Path(directory), is_json=is_json)
        acts: dict[str, Callable[[], None]] = {
            "write": lambda: log.write(3),
            "rotate": log.rotate,
            "compress": log.compress,
        }
        for act in before:
            acts[act]()
        expected = log.written[::-1]
        meanwhile = iter(between)
        seen: list[str] = []
        place: Place | None = None
        for _ in range(len(expected) + 3):
            page = log.page(place, size)
            assert page.problems == ()
            seen += messages(page)
            if page.further is None:
                break
            place = Place.parse(str(page.further))
            for act in next(meanwhile, ()):
                acts[act]()

        assert seen == expected


def test_a_page_goes_on_although_its_file_was_removed(tmp_path: Path) -> None:
    log = Log(tmp_path, is_json=True)
    for _ in range(3):
        log.write(4)
        log.rotate()
    place = log.page(None, 2).further
    files_of(log.live)[1].path.unlink()

    assert messages(log.page(place, 50)) == [str(number) for number in reversed(range(8))]


def test_a_page_that_is_out_of_time_ends_at_the_beginning_of_a_line(tmp_path: Path) -> None:
    log = Log(tmp_path, is_json=True)
    log.write(20)
    seen: list[str] = []
    place: Place | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", 100)
        while True:
            page = read_page(files_of(log.live), Wanted(), place, Bounds(lines=50, seconds=-1.0))
            seen += messages(page)
            place = page.further
            if place is None:
                break
            assert page.looked_back_to.startswith("2027-01-15T08:00:")

    assert seen == [str(number) for number in reversed(range(20))]


@pytest.mark.parametrize("text", ["", "1-2-3", "x-y-z-0", "1-2-3-4-5", "-1-2-3", "<script>"])
def test_what_is_no_place_is_none(text: str) -> None:
    assert Place.parse(text) is None

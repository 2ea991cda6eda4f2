from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.log_files.segment_names import COMPRESSED_SUFFIXES, Segment, SegmentFile, SegmentNames

MOMENT = datetime(2026, 11, 23, 5, 32, 16, 123456, tzinfo=UTC).timestamp()

segments = st.builds(
    Segment,
    st.integers(0, int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) * 1_000_000),
    st.integers(1, 10**17),
)
files = st.builds(SegmentFile, segments, st.sampled_from(("", *COMPRESSED_SUFFIXES)), st.booleans())
live_names = st.text("ab.*[+-$ é", min_size=1).filter(lambda name: name not in (".", ".."))


def test_a_segment_is_named_for_the_moment_it_was_closed_and_a_running_number() -> None:
    names = SegmentNames("app.jsonl")
    segment = SegmentNames.following(None, MOMENT)

    assert names.name(SegmentFile(segment)) == "app.20261123T053216.123456Z-000001.jsonl"
    assert names.name(SegmentFile(segment, ".gz")) == "app.20261123T053216.123456Z-000001.jsonl.gz"
    assert (
        names.name(SegmentFile(segment, ".zst", is_partial=True))
        == "app.20261123T053216.123456Z-000001.jsonl.zst.partial"
    )


def test_a_file_without_an_ending_has_segments_without_one() -> None:
    segment = SegmentNames.following(None, MOMENT)

    assert SegmentNames("app").name(SegmentFile(segment)) == "app.20261123T053216.123456Z-000001"
    assert SegmentNames(".log").name(SegmentFile(segment)) == ".log.20261123T053216.123456Z-000001"


@given(live_names, files)
def test_what_is_named_is_read_back(live_name: str, file: SegmentFile) -> None:
    names = SegmentNames(live_name)

    assert names.parse(names.name(file)) == file


@pytest.mark.parametrize(
    "stranger",
    [
        "app.jsonl",
        "app.jsonl.1",
        "app.jsonl.gz",
        ".app.jsonl.lock",
        "app.20261123T053216.123456Z-000001.jsonl.bak",
        "app.20261123T053216.123456Z-000001.jsonl\n",
        "app.20261123T053216.123456Z-000001.log",
        "xapp.20261123T053216.123456Z-000001.jsonl",
        "appx20261123T053216.123456Z-000001.jsonl",
        "app.20261123T053216.123456Z-0000001.jsonl",
        "app.20261123T053216.123456Z-1.jsonl",
        "app.20261323T053216.123456Z-000001.jsonl",
        "app.20260231T053216.123456Z-000001.jsonl",
        "app.20261123T053216Z-000001.jsonl",
        "app.20261123T053216.123456Z-00000\u0661.jsonl",
        "app.jsonl.20261123T053216.123456Z-000001",
        "app.web.20261123T053216.123456Z-000001.jsonl",
    ],
)
def test_a_name_that_is_not_exactly_a_segments_is_nobodys(stranger: str) -> None:
    assert SegmentNames("app.jsonl").parse(stranger) is None


@given(st.text())
def test_any_name_that_is_read_is_written_the_same_way(text: str) -> None:
    names = SegmentNames("app.jsonl")

    file = names.parse(text)

    assert file is None or names.name(file) == text


@given(st.lists(st.floats(-1e9, 1e12), max_size=20))
def test_each_segment_follows_the_one_before_whatever_the_clock_does(moments: list[float]) -> None:
    names = SegmentNames("app.jsonl")
    closed: list[Segment] = []

    for now in moments:
        closed.append(SegmentNames.following(max(closed, default=None), now))

    written = [names.name(SegmentFile(segment)) for segment in closed]
    assert written == sorted(set(written))
    assert [segment.sequence for segment in closed] == list(range(1, len(moments) + 1))

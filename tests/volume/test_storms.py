"""The first lines of a storm, every so many-th, and its exact number; and bounded memory whatever comes."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.testing import ManualClock
from aura_logging.volume.storms import Ended, FoldOptions, Storms


class Storm:
    """Storms with small numbers, on a clock that stands still, and what they reported."""

    def __init__(self, **options: float) -> None:
        self.clock = ManualClock(1_000.0)
        self.ended: list[Ended] = []
        self.begun = 0
        self.storms = Storms(FoldOptions(**options), self.clock, self.ended.append, self._begin)  # type: ignore[arg-type]

    def _begin(self) -> None:
        self.begun += 1

    def log(self, count: int, template: object = "gateway down", exc_info: object = None) -> int:
        return sum(self.storms.admits("shop", 40, template, exc_info) for _ in range(count))

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.storms.tick()


def test_a_million_identical_errors_are_so_many_lines_and_an_exact_number() -> None:
    storm = Storm(first=500, every=1_000, window_seconds=10)

    written = storm.log(1_000_000)
    storm.pass_by(21)

    assert written == 500 + (1_000_000 - 500) // 1_000
    (report,) = storm.ended
    assert written + report.suppressed == 1_000_000
    assert (report.logger, report.level, report.like) == ("shop", 40, "gateway down")


def test_what_does_not_exceed_the_first_lines_of_a_window_is_written_whole() -> None:
    storm = Storm(first=10, every=100, window_seconds=10)
    for _ in range(50):
        assert storm.log(10) == 10
        storm.pass_by(11)
    assert storm.ended == []
    assert not storm.storms.is_stormy


def test_a_storm_ends_when_a_whole_window_was_quiet_though_nothing_more_comes() -> None:
    storm = Storm(first=10, every=100, window_seconds=10)
    assert storm.log(60) == 10
    assert storm.storms.is_stormy
    assert storm.begun == 1

    storm.pass_by(9)
    assert storm.ended == []
    storm.pass_by(12)

    assert [report.suppressed for report in storm.ended] == [50]
    assert not storm.storms.is_stormy
    assert storm.log(10) == 10


def test_a_storm_that_goes_on_is_one_storm_and_is_reported_every_minute() -> None:
    storm = Storm(first=10, every=1_000, window_seconds=10, report_seconds=60)
    written = 0
    for _ in range(180):
        written += storm.log(50)
        storm.pass_by(1)

    assert storm.begun == 1
    assert len(storm.ended) == 3
    storm.pass_by(30)
    assert written + sum(report.suppressed for report in storm.ended) == 180 * 50


def test_at_the_end_of_the_process_everything_is_reported() -> None:
    storm = Storm(first=1, every=1_000)
    storm.log(7, "one")
    storm.log(9, "two")

    storm.storms.end_all()

    assert {report.like: report.suppressed for report in storm.ended} == {"one": 6, "two": 8}


def raised(kind: type[Exception], text: str) -> object:
    try:
        if kind is KeyError:
            raise KeyError(text)
        raise kind(text)
    except Exception as error:
        return (type(error), error, error.__traceback__)


def test_exceptions_are_alike_by_class_and_place_and_not_by_what_they_say() -> None:
    storm = Storm(first=1, every=1_000)

    assert storm.log(1, "failed", raised(KeyError, "x-1")) == 1
    assert storm.log(1, "failed", raised(KeyError, "x-2")) == 0
    assert storm.log(1, "failed", raised(ValueError, "x-1")) == 1
    assert storm.log(1, "failed") == 1
    assert storm.log(1, "failed", (None, None, None)) == 0


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("template", [ValueError("gone"), {"a": 1}, None, Hostile(), b"bytes", "long " * 100_000])
def test_whatever_is_logged_as_message_is_folded_by_what_it_is(template: object) -> None:
    storm = Storm(first=2, every=1_000)

    assert storm.log(10, template) == 2

    storm.storms.end_all()
    assert [report.suppressed for report in storm.ended] == [8]
    assert len(storm.ended[0].like) <= 200


def test_memory_is_bounded_under_thirty_thousand_distinct_messages_and_a_storm_among_them_is_still_seen() -> None:
    storm = Storm(first=5, every=1_000, most_kinds=100)
    written = 0
    for number in range(30_000):
        storm.log(1, f"order {number} failed")
        written += storm.log(1)
        assert storm.storms.known <= 101

    storm.storms.end_all()

    assert storm.storms.forgotten > 29_000
    assert written <= 5 + 30
    assert written + sum(report.suppressed for report in storm.ended) == 30_000


def test_a_storm_that_must_make_room_is_reported_and_nothing_of_it_is_lost() -> None:
    storm = Storm(first=1, every=1_000, most_kinds=10)
    written: Counter[str] = Counter()
    for number in range(200):
        written[f"kind {number}"] += storm.log(3, f"kind {number}")

    storm.storms.end_all()

    assert sum(written.values()) + sum(report.suppressed for report in storm.ended) == 600


offers = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.sampled_from("abcdef"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 25)),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(
    first=st.integers(1, 20),
    every=st.integers(2, 30),
    window=st.integers(1, 15),
    most=st.integers(2, 8),
    offers=offers,
)
def test_every_record_is_a_line_or_in_a_number_and_a_calm_kind_loses_none(
    first: int, every: int, window: int, most: int, offers: list[tuple[str, str, int]]
) -> None:
    storm = Storm(first=first, every=every, window_seconds=window, most_kinds=most)
    offered: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for what, kind, amount in offers:
        if what == "wait":
            storm.pass_by(amount)
        else:
            offered[kind] += amount
            written[kind] += storm.log(amount, kind)

    storm.storms.end_all()

    suppressed: Counter[str] = Counter()
    for report in storm.ended:
        suppressed[report.like] += report.suppressed
    assert written + suppressed == offered
    for kind, count in offered.items():
        if count <= first:
            assert written[kind] == count
        assert written[kind] >= min(first, count)


def test_four_threads_lose_and_invent_nothing() -> None:
    storm = Storm(first=100, every=50, window_seconds=10)
    written: list[int] = []
    threads = [threading.Thread(target=lambda: written.append(storm.log(20_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    storm.storms.end_all()

    assert sum(written) + sum(report.suppressed for report in storm.ended) == 80_000
    assert sum(written) == 100 + (80_000 - 100) // 50

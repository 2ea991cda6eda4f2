from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.segment_names import Segment


def at(*seconds: int, size: int = 10) -> dict[Segment, int]:
    return {Segment(second * 1_000_000, number): size for number, second in enumerate(seconds, 1)}


def moments(segments: list[Segment]) -> list[float]:
    return [segment.closed_at for segment in segments]


def test_the_oldest_go_first_when_there_are_too_many() -> None:
    assert moments(RetentionPolicy(max_count=2).expired(at(1, 2, 3, 4), now=4)) == [1, 2]


def test_segments_go_when_they_are_older_than_allowed() -> None:
    assert moments(RetentionPolicy(None, max_age_seconds=10).expired(at(80, 90, 95), now=100)) == [80]


def test_segments_go_until_the_rest_fits() -> None:
    assert moments(RetentionPolicy(None, max_total_bytes=25).expired(at(1, 2, 3, size=10), now=3)) == [1]


def test_no_limits_keep_everything() -> None:
    assert RetentionPolicy(None).expired(at(1, 2, 3), now=10**9) == []


def test_the_limit_of_bytes_can_wait_until_segments_are_compressed() -> None:
    policy = RetentionPolicy(max_count=2, max_total_bytes=5)

    assert moments(policy.without_bytes().expired(at(1, 2, 3), now=3)) == [1]


limits = st.one_of(st.none(), st.integers(1, 30))
shelves = st.dictionaries(st.builds(Segment, st.integers(0, 40_000_000), st.integers(1, 50)), st.integers(0, 12))


@given(limits, limits, limits, shelves, st.integers(0, 50))
def test_what_stays_is_the_longest_run_up_to_the_newest_that_keeps_every_limit(
    count: int | None, age: int | None, total: int | None, shelf: dict[Segment, int], now: int
) -> None:
    def fits(run: list[Segment]) -> bool:
        return (
            (count is None or len(run) <= count)
            and (age is None or all(now - segment.closed_at <= age for segment in run))
            and (total is None or sum(shelf[segment] for segment in run) <= total)
        )

    expired = RetentionPolicy(count, age, total).expired(shelf, now)

    oldest_first = sorted(shelf)
    assert expired == oldest_first[: len(expired)]
    assert fits(oldest_first[len(expired) :])
    assert not expired or not fits(oldest_first[len(expired) - 1 :])

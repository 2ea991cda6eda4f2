"""So many a second and a burst, never more, whatever the order of asking and waiting."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.options import OptionError
from aura_logging.resilience.token_bucket import TokenBucket
from aura_logging.testing import ManualClock


def test_a_bucket_begins_full_and_then_gives_as_many_as_come_in() -> None:
    clock = ManualClock()
    bucket = TokenBucket(per_second=2, burst=3, clock=clock)

    assert [bucket.take() for _ in range(4)] == [1, 1, 1, 0]
    clock.advance(0.5)
    assert [bucket.take() for _ in range(2)] == [1, 0]


def test_what_is_not_taken_adds_up_to_the_burst_and_no_further() -> None:
    clock = ManualClock()
    bucket = TokenBucket(per_second=2, burst=3, clock=clock)
    bucket.take(3)

    clock.advance(3_600)

    assert bucket.take(100) == 3


def test_it_tells_how_long_to_wait() -> None:
    clock = ManualClock()
    bucket = TokenBucket(per_second=4, burst=1, clock=clock)
    assert bucket.seconds_until_next == 0.0
    bucket.take()
    assert bucket.seconds_until_next == pytest.approx(0.25)
    clock.advance(0.25)
    assert bucket.take() == 1


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    clock = ManualClock(1_000.0)
    bucket = TokenBucket(per_second=1, burst=2, clock=clock)
    bucket.take(2)

    clock.now = 10.0
    assert bucket.take() == 0
    clock.advance(1.0)
    assert bucket.take() == 1


steps = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), min_size=1, max_size=60)


@given(per_second=st.floats(0.1, 50), burst=st.integers(1, 40), steps=steps)
def test_no_stretch_of_time_gives_more_than_the_burst_and_what_came_in(
    per_second: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    bucket = TokenBucket(per_second, burst, clock)
    given_at: list[tuple[float, int]] = []

    for wait, asked in steps:
        clock.advance(wait)
        given_at.append((clock(), bucket.take(asked)))

    for first in range(len(given_at)):
        total = 0
        for at, count in given_at[first:]:
            total += count
            assert total <= burst + per_second * (at - given_at[first][0]) + 1e-6


@given(per_second=st.floats(0.5, 50), burst=st.integers(1, 40), wait=st.floats(0.1, 100))
def test_whoever_waits_long_enough_is_served(per_second: float, burst: int, wait: float) -> None:
    clock = ManualClock()
    bucket = TokenBucket(per_second, burst, clock)
    while bucket.take(10):
        pass

    clock.advance(wait)

    assert bucket.take(1_000) == pytest.approx(min(burst, int(per_second * wait)), abs=1)


def test_four_threads_get_together_what_one_would_get() -> None:
    bucket = TokenBucket(per_second=1, burst=1_000, clock=ManualClock())
    taken: list[int] = []

    def take() -> None:
        taken.extend(bucket.take() for _ in range(500))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 1_000


@pytest.mark.parametrize("options", [(0, 1), (-1, 1), (float("inf"), 1), (1, 0), (1, 0.5), (1, float("nan"))])
def test_a_bucket_that_could_never_give_or_always_would_is_refused(options: tuple[float, float]) -> None:
    with pytest.raises(OptionError):
        TokenBucket(*options)

"""What is kept settles at the target under a flood, and everything is kept again after it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.options import OptionError
from aura_logging.resilience.rates import AdaptiveRate


@given(offered=st.integers(200, 1_000_000), target=st.floats(1, 150))
def test_under_a_steady_flood_as_much_is_kept_as_the_target_says(offered: int, target: float) -> None:
    rate = AdaptiveRate(target, lowest=1e-9)

    for _ in range(30):
        rate.update(offered, 1.0)

    assert offered * rate.rate == pytest.approx(target, rel=0.02)


@given(offered=st.integers(0, 90), highest=st.floats(0.05, 1))
def test_what_is_under_the_target_is_kept_as_ever(offered: int, highest: float) -> None:
    rate = AdaptiveRate(100, highest)

    assert rate.update(offered, 1.0) == highest
    assert not rate.is_lowered


def test_the_rate_falls_at_once_and_comes_back_in_steps() -> None:
    rate = AdaptiveRate(100)
    assert rate.update(100_000, 1.0) == pytest.approx(0.001)
    assert rate.is_lowered

    way_back = [rate.update(10, 1.0) for _ in range(30)]

    assert all(later <= 2 * earlier for earlier, later in itertools.pairwise(way_back))
    assert way_back == sorted(way_back)
    assert way_back[-1] == 1.0
    assert not rate.is_lowered


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0.01, 60)), max_size=50), st.floats(0.01, 1))
def test_the_rate_never_leaves_its_bounds(history: list[tuple[int, float]], highest: float) -> None:
    rate = AdaptiveRate(50, highest, lowest=0.001)

    for offered, seconds in history:
        assert min(0.001, highest) <= rate.update(offered, seconds) <= highest


@pytest.mark.parametrize("target", [0, -1, float("inf"), float("nan")])
def test_a_target_that_is_none_is_refused(target: float) -> None:
    with pytest.raises(OptionError):
        AdaptiveRate(target)

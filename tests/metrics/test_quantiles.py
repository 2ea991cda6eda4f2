"""A quantile is what sorting would have said, within the bounds that come with it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.metrics.buckets import COUNTS, DURATIONS_SECONDS, exponential, shown
from aura_logging.metrics.quantiles import quantile, share_above


def bucketed(values: list[float], bounds: tuple[float, ...]) -> dict[int, float]:
    return {index: float(n) for index, n in Counter(bisect_left(bounds, value) for value in values).items()}


def true_quantile(q: float, values: list[float]) -> float:
    return sorted(values)[max(0, math.ceil(q * len(values) - 1e-9) - 1)]


@given(st.lists(st.floats(0.001, 64.0), min_size=1, max_size=200), st.floats(0, 1))
def test_durations_are_at_most_nine_percent_off(values: list[float], q: float) -> None:
    found = quantile(q, DURATIONS_SECONDS, bucketed(values, DURATIONS_SECONDS))
    truth = true_quantile(q, values)
    assert found is not None
    assert found.low <= truth <= found.high
    assert found.count == len(values)
    if truth > DURATIONS_SECONDS[0]:
        assert abs(found.value / truth - 1) <= 0.0911


@given(st.lists(st.integers(0, 10), min_size=1, max_size=100), st.floats(0, 1))
def test_small_counts_are_exact(values: list[int], q: float) -> None:
    floats = [float(value) for value in values]
    found = quantile(q, COUNTS, bucketed(floats, COUNTS))
    assert found is not None
    assert found.value == true_quantile(q, floats)


def test_beyond_the_last_bound_the_bound_is_all_that_is_known() -> None:
    found = quantile(0.5, (1.0, 2.0), {2: 5.0})
    assert found is not None
    assert (found.value, found.low, found.high) == (2.0, 2.0, math.inf)


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile(0.5, (1.0,), None) is None
    assert quantile(0.5, (1.0,), {}) is None
    with pytest.raises(ValueError, match="from 0 to 1"):
        quantile(95, (1.0,), {0: 1.0})


def test_the_share_above_a_bound_is_exact() -> None:
    values = [0.5, 2.0, 2.01, 7.0]
    assert share_above(2.0, DURATIONS_SECONDS, bucketed(values, DURATIONS_SECONDS)) == 0.5
    assert share_above(2.0, DURATIONS_SECONDS, None) == 0.0


def test_the_thresholds_of_the_alerts_are_bounds() -> None:
    assert 2.0 in DURATIONS_SECONDS
    assert 20.0 in COUNTS


def test_what_prometheus_is_shown_are_whole_octaves_with_both_ends() -> None:
    assert shown(DURATIONS_SECONDS) == tuple(2.0**exponent for exponent in range(-10, 7))
    assert shown(exponential(0, 2)) == exponential(0, 2)
    assert shown(COUNTS)[0] == COUNTS[0]
    assert shown(COUNTS)[-1] == COUNTS[-1]
    assert 20.0 in shown(COUNTS)

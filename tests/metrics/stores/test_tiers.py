"""Whoever asks for a window and the store that answers choose the same tier, although time passes between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.metrics.stores.tiers import TIERS, Stretch, span_of, stretches, tier_for


@pytest.mark.parametrize("tier", TIERS)
def test_a_window_as_long_as_a_tier_keeps_is_read_from_that_tier_a_moment_later_too(tier: object) -> None:
    until = 1_800_000_000.0
    since = until - tier.keep  # type: ignore[attr-defined]

    assert tier_for(since, until, until + 0.5) == tier_for(since, until, until)


@given(st.sampled_from([tier.step for tier in TIERS]), st.integers(0, 10**6), st.integers(0, 10_000))
def test_a_span_is_cut_into_whole_buckets_without_a_gap_or_an_overlap(step: int, first: int, buckets: int) -> None:
    span = Stretch(step, first * step, (first + buckets) * step)

    cut = stretches(span)

    moments = [at for each in cut for at in (each.first, each.end)]
    assert moments == sorted(moments)
    assert moments[1:-1:2] == moments[2::2]
    assert (moments[0], moments[-1]) == span[1:] if buckets else cut == []
    assert all(each.first % each.step == each.end % each.step == 0 and each.step >= step for each in cut)


def test_a_week_of_hours_is_six_days_and_a_few_hours() -> None:
    until = 1_800_000_000.0 + 1_234

    cut = stretches(span_of(until - 7 * 86_400, until, 3_600))

    assert [each.step for each in cut] == [3_600, 86_400, 3_600]
    assert sum((each.end - each.first) // each.step for each in cut) == 31

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.log_files.rotation import RotationPolicy

DAY = 86_400


def test_a_file_is_closed_before_it_would_outgrow_the_limit() -> None:
    policy = RotationPolicy(max_bytes=100)

    assert not policy.is_due(60, 40, interval=0, now=0.0)
    assert policy.is_due(60, 41, interval=0, now=0.0)


def test_an_empty_file_is_never_closed() -> None:
    policy = RotationPolicy(max_bytes=100, every_seconds=60)

    assert not policy.is_due(0, 1_000_000, interval=0, now=1e9)


def test_without_limits_nothing_is_ever_due() -> None:
    assert not RotationPolicy(None, None).is_due(10**12, 10**12, interval=0, now=1e12)


@pytest.mark.parametrize(("last_write", "now", "due"), [(DAY - 0.001, DAY + 0.0, True), (DAY, 2 * DAY - 0.001, False)])
def test_a_day_ends_at_midnight_utc(last_write: float, now: float, due: bool) -> None:
    policy = RotationPolicy(max_bytes=None, every_seconds=DAY)

    assert policy.is_due(1, 1, policy.interval(last_write), now) is due


def test_a_clock_that_steps_back_closes_nothing() -> None:
    policy = RotationPolicy(max_bytes=None, every_seconds=60)

    assert not policy.is_due(1, 1, policy.interval(600.0), now=0.0)


@given(st.lists(st.integers(1, 300), max_size=50), st.integers(1, 200))
def test_no_file_outgrows_the_limit_unless_one_batch_does(batches: list[int], max_bytes: int) -> None:
    policy = RotationPolicy(max_bytes)
    size = 0

    for batch in batches:
        if policy.is_due(size, batch, 0, 0.0):
            size = 0
        size += batch
        assert size <= max(max_bytes, batch)

from __future__ import annotations

import tracemalloc

from aura_logging.performance.allocations import sample


def test_a_sampled_block_tells_its_peak_and_the_line() -> None:
    traced = sample(1.0)
    assert traced is not None
    kept = bytearray(3_000_000)

    fields = traced.fields()

    assert fields["memory_peak"] >= len(kept)
    assert fields["allocations"][0]["site"].startswith(__file__)
    assert fields["allocations"][0]["bytes"] >= 3_000_000
    assert not tracemalloc.is_tracing()
    assert traced.fields() == {}


def test_only_one_is_traced_at_a_time() -> None:
    first = sample(1.0)
    assert first is not None
    assert sample(1.0) is None
    first.cancel()
    first.cancel()

    again = sample(1.0)
    assert again is not None
    again.cancel()


def test_somebody_elses_tracing_is_left_alone() -> None:
    tracemalloc.start()
    try:
        assert sample(1.0) is None
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_the_rate_is_kept() -> None:
    assert sample(0.0) is None
    assert sample(0.5, draw=lambda: 0.5) is None
    traced = sample(0.5, draw=lambda: 0.49)
    assert traced is not None
    traced.cancel()

"""Instruments count exactly, within their limits, and never raise for a value."""

from __future__ import annotations

import asyncio
import math
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.instruments import Timing
from aura_logging.metrics.model import OVERFLOW, Sample, merge
from aura_logging.metrics.registry import Registry
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock

COUNTER = Metric("shop_orders_total", "counter", labels=("channel",), help="", max_series=3)
HISTOGRAM = Metric("shop_seconds", "histogram", "", bounds=(0.1, 1.0))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def registry(clock: ManualClock) -> Registry:
    return Registry(clock)


def sums(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in each.series.labels): each.amount.sum for each in samples}


def test_a_drain_returns_what_came_in_since_the_last_and_nothing_twice(registry: Registry) -> None:
    orders = registry.counter(COUNTER)
    orders.inc(channel="web")
    orders.inc(2.5, channel="web")
    assert sums(registry.drain()) == {("web",): 3.5}
    assert registry.drain() == []
    orders.inc(channel="web")
    assert sums(registry.drain()) == {("web",): 1}


def test_label_values_beyond_the_limit_are_counted_together_and_visibly(registry: Registry) -> None:
    orders = registry.counter(COUNTER)
    for number in range(10):
        orders.inc(channel=f"channel {number}")
    drained = sums(registry.drain())
    assert drained == {("channel 0",): 1, ("channel 1",): 1, ("channel 2",): 1, (OVERFLOW,): 7}
    assert registry.overflows() == {"shop_orders_total": 7}


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, -math.inf])
def test_a_value_that_cannot_be_counted_is_rejected_and_told_but_never_raised(registry: Registry, value: float) -> None:
    registry.counter(COUNTER).inc(value, channel="web")
    registry.histogram(HISTOGRAM).observe(value)
    if not math.isfinite(value):
        registry.gauge(Metric("shop_carts", "gauge", "")).set(value)
    assert registry.drain() == []
    assert sum(registry.rejected().values()) == (2 if value == -1 else 3)


def test_threads_lose_no_count(registry: Registry) -> None:
    cell = registry.counter(COUNTER).labels(channel="web")
    drained: list[Sample] = []

    def count() -> None:
        for _ in range(5_000):
            cell.inc()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        drained += registry.drain()
    drained += registry.drain()
    assert sum(sample.amount.sum for sample in drained) == 20_000


def test_a_forked_child_starts_from_nothing_and_the_parent_goes_on(registry: Registry) -> None:
    orders = registry.counter(COUNTER)
    carts = registry.gauge(Metric("shop_carts", "gauge", "", merge="sum"))
    orders.inc(channel="web")
    carts.set(7)
    child = os.fork()
    if child == 0:
        ok = registry.drain() == []
        orders.inc(channel="web")
        os._exit(0 if ok and sums(registry.drain()) == {("web",): 1} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sums(registry.drain()) == {("web",): 1, (): 7}


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_a_histogram_counts_every_observation_in_the_bucket_it_belongs_to(values: list[float]) -> None:
    bounds = (0.5, 1.0, 250.0)
    registry = Registry()
    histogram = registry.histogram(Metric("shop_seconds", "histogram", "", bounds=bounds))
    for value in values:
        histogram.observe(value)
    expected = [0.0] * 4
    for value in values:
        expected[next((i for i, bound in enumerate(bounds) if value <= bound), 3)] += 1
    (amount,) = merge(registry.drain()).values() or [None]
    assert (amount.buckets if amount else {}) == {i: n for i, n in enumerate(expected) if n}
    assert (amount.sum if amount else 0) == pytest.approx(sum(values))


def test_a_gauge_tells_how_often_and_to_what_it_was_set(registry: Registry, clock: ManualClock) -> None:
    gauge = registry.gauge(Metric("shop_carts", "gauge", "", merge="mean"))
    for value in (3, 5, 4):
        gauge.set(value)
    (sample,) = registry.drain()
    assert (sample.amount.count, sample.amount.sum, sample.amount.last, sample.amount.last_at) == (3, 12, 4, 1_000)
    gauge.inc(2)
    gauge.dec()
    (sample,) = registry.drain()
    assert (sample.amount.count, sample.amount.last) == (2, 5)
    assert registry.drain() == []


def test_a_summed_gauge_is_told_once_for_every_time_bucket(registry: Registry, clock: ManualClock) -> None:
    gauge = registry.gauge(Metric("shop_workers", "gauge", "", merge="sum"))
    gauge.set(3)
    assert [sample.at for sample in registry.drain()] == [1_000]
    clock.advance(5)
    assert registry.drain() == []
    clock.advance(30)
    assert [(sample.at, sample.amount.sum) for sample in registry.drain()] == [(1_010, 3), (1_020, 3), (1_030, 3)]


def test_a_timer_observes_seconds_as_block_as_decorator_and_around_a_coroutine(
    registry: Registry, clock: ManualClock
) -> None:
    cell = registry.histogram(HISTOGRAM).labels()

    def slow() -> str:
        clock.advance(0.5)
        return "done"

    async def slow_async() -> str:
        clock.advance(5)
        return "done"

    with Timing(cell, clock):
        clock.advance(0.05)
    assert Timing(cell, clock)(slow)() == "done"
    assert asyncio.run(Timing(cell, clock)(slow_async)()) == "done"  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError), Timing(cell, clock):
        raise ZeroDivisionError
    (sample,) = registry.drain()
    assert sample.amount.buckets == {0: 2, 1: 1, 2: 1}


def test_values_that_are_no_text_become_text_and_long_ones_are_cut(registry: Registry) -> None:
    orders = registry.counter(COUNTER)
    orders.inc(channel=["unhashable"])
    orders.inc(channel="x" * 1_000)
    orders.inc(channel="")
    assert set(sums(registry.drain())) == {("['unhashable']",), ("x" * 120,), ("none",)}


def test_wrong_labels_are_refused_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"has the labels \('channel',\), not \('chanel',\)"):
        Registry().counter(COUNTER).inc(chanel="web")


@pytest.mark.parametrize(
    ("name", "kind", "options", "words"),
    [
        ("shop_orders", "counter", {}, "call it 'shop_orders_total'"),
        ("shop orders_total", "counter", {}, "not one for Prometheus"),
        ("shop_carts_total", "gauge", {}, "may not end in '_total'"),
        ("shop_seconds", "histogram", {"bounds": (2.0, 1.0)}, "each above the one before"),
        ("shop_seconds", "histogram", {"bounds": (1.0, math.inf)}, "finite"),
        ("shop_carts", "gauge", {"bounds": (1.0,)}, "takes no buckets"),
        ("shop_carts", "gauge", {"merge": "max"}, "merge='max'"),
        ("shop_carts", "gauge", {"labels": ("le",)}, "which Prometheus sets itself"),
        ("shop_carts", "gauge", {"labels": ("a", "a")}, "a label twice"),
        ("shop_carts", "gauge", {"labels": ("a-b",)}, "the label 'a-b'"),
        ("shop_carts", "gauge", {"max_series": 0}, "max_series=0"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_with_the_fix(name: str, kind: str, options: dict, words: str) -> None:
    with pytest.raises(OptionError) as error:
        Metric(name, kind, "", **options)  # type: ignore[arg-type]
    assert words in str(error.value)


def test_one_name_is_one_metric(registry: Registry) -> None:
    assert registry.counter(COUNTER) is registry.counter(COUNTER)
    with pytest.raises(OptionError, match="was declared a counter with labels"):
        registry.counter(Metric("shop_orders_total", "counter", "", labels=("shop",)))
    with pytest.raises(OptionError, match=r"ask for it with counter\(\)"):
        registry.gauge(COUNTER)

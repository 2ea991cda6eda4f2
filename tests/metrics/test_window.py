"""A window answers for all processes: rates, shares, tops and how a gauge merges."""

from __future__ import annotations

import pytest

from aura_logging.metrics import catalogue
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.window import Outcome, Window, read_window
from aura_logging.testing import ManualClock

NOW = 1_800_000_000.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


def requests(store: MemoryStore, clock: ManualClock, *ends: tuple[str, str, str, float]) -> None:
    registry = Registry(clock)
    for route, status, user_type, seconds in ends:
        registry.counter(catalogue.REQUESTS).inc(route=route, method="GET", status=status, user_type=user_type)
        registry.histogram(catalogue.REQUEST_DURATION).observe(seconds, route=route, method="GET")
    store.add(registry.drain())


@pytest.fixture
def window(store: MemoryStore, clock: ManualClock) -> Window:
    """Ten minutes in which the shop broke in the last five."""
    for _ in range(30):
        requests(store, clock, ("shop/", "2xx", "anonymous", 0.1), ("cart/", "2xx", "staff", 0.2))
        clock.advance(10)
    for _ in range(30):
        requests(store, clock, ("shop/", "5xx", "anonymous", 3.0), ("cart/", "2xx", "staff", 0.2))
        clock.advance(10)
    return read_window(store, 300, clock=clock)


def test_error_rates_by_route_user_type_and_altogether(window: Window) -> None:
    assert window.outcome() == Outcome(60, 30)
    assert window.outcome().error_rate == 0.5
    assert window.outcome(route="shop/").error_rate == 1
    assert window.outcomes("user_type") == {"anonymous": Outcome(30, 30), "staff": Outcome(30, 0)}
    assert Outcome(0, 0).error_rate == 0


def test_rates_are_per_second_of_the_windows_length(window: Window) -> None:
    assert window.seconds == 300
    assert window.rate("aura_requests_total") == pytest.approx(0.2)
    assert window.rate("aura_requests_total", route="cart/") == pytest.approx(0.1)
    assert window.rate("never_counted_total") == 0


def test_quantiles_come_with_their_bounds(window: Window) -> None:
    found = window.quantile(0.95, "aura_request_duration_seconds")
    assert found is not None
    assert found.low < 3.0 <= found.high
    assert found.value == pytest.approx(3.0, rel=0.091)
    cart = window.quantile(0.95, "aura_request_duration_seconds", route="cart/")
    assert cart is not None
    assert cart.value == pytest.approx(0.2, rel=0.091)
    assert window.quantile(0.95, "aura_request_duration_seconds", route="nowhere/") is None
    assert window.share_above(2.0, "aura_request_duration_seconds") == 0.5


def test_the_top_is_sorted_and_cut(window: Window) -> None:
    assert window.top("aura_request_duration_seconds", "route", 1) == [("shop/", pytest.approx(90.0))]
    assert [value for value, _ in window.top("aura_requests_total", "route")] == ["cart/", "shop/"]


def test_over_time_has_empty_buckets_too(store: MemoryStore, clock: ManualClock) -> None:
    requests(store, clock, ("shop/", "2xx", "staff", 0.1))
    clock.advance(25)
    points = read_window(store, 40, clock=clock).over_time("aura_requests_total")
    assert [(at - NOW, amount.sum) for at, amount in points] == [(-20, 0), (-10, 0), (0, 1), (10, 0), (20, 0)]


@pytest.mark.parametrize(("merge", "value"), [("mean", 4), ("last", 6), ("sum", 8)])
def test_a_gauge_of_two_processes_merges_as_it_declares(
    store: MemoryStore, clock: ManualClock, merge: str, value: float
) -> None:
    metric = Metric("shop_workers", "gauge", "", merge=merge)  # type: ignore[arg-type]
    processes = [Registry(clock), Registry(clock)]
    for process, held in zip(processes, (2, 6), strict=True):
        process.gauge(metric).set(held)
        clock.advance(1)
    for _ in range(6):
        for process in processes:
            store.add(process.drain())
        clock.advance(5)
    assert read_window(store, 300, clock=clock).gauge("shop_workers") == value


def test_a_summed_gauge_forgets_processes_that_died(store: MemoryStore, clock: ManualClock) -> None:
    metric = Metric("shop_workers", "gauge", "", merge="sum")
    alive, dead = Registry(clock), Registry(clock)
    for process in (alive, dead):
        process.gauge(metric).set(3)
        store.add(process.drain())
    for _ in range(3):
        clock.advance(10)
        store.add(alive.drain())
    assert read_window(store, 300, clock=clock).gauge("shop_workers") == 3
    clock.advance(120)
    assert read_window(store, 300, clock=clock).gauge("shop_workers") == 0
    assert read_window(store, 300, clock=clock).gauge("never_set") is None


def test_histograms_that_differ_in_their_bounds_are_not_mixed() -> None:
    few = Sample(Series("shop_seconds", "histogram", (), (1.0,)), 0, Amount(1, 0.5, buckets={0: 1}))
    many = Sample(Series("shop_seconds", "histogram", (), (5.0,)), 0, Amount(9, 27, buckets={0: 9}))
    found = Window(0, 10, 10, (few, many)).quantile(0.5, "shop_seconds")
    assert found is not None
    assert (found.high, found.count) == (5.0, 9)


def test_a_window_has_a_length() -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        read_window(MemoryStore(), 0)

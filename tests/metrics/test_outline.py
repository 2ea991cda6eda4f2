"""A window in outline has the numbers that the whole window has, whether a database adds them up or we do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.metrics.window import Window, read_course, read_sums, read_window
from aura_logging.testing import ManualClock

NOW = 1_800_000_000.0
BOUNDS = (0.1, 1.0)
NAMES = ("requests_total", "duration_seconds")

counted = st.builds(
    lambda route, status, n: (
        Series("requests_total", "counter", (("route", route), ("status", status))), Amount(n, n),
    ),
    st.sampled_from("ab"), st.sampled_from(["2xx", "5xx"]), st.integers(1, 9).map(float),
)  # fmt: skip
observed = st.builds(
    lambda route, counts: (
        Series("duration_seconds", "histogram", (("route", route),), BOUNDS),
        Amount(float(sum(counts)), float(sum(counts)), buckets={i: float(n) for i, n in enumerate(counts) if n}),
    ),
    st.sampled_from("ab"), st.lists(st.integers(0, 5), min_size=1, max_size=3).filter(any),
)  # fmt: skip
samples = st.lists(
    st.builds(lambda what, ago: Sample(what[0], int(NOW) - ago, what[1]), counted | observed, st.integers(1, 900)),
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples, st.sampled_from([600.0, 6 * 86_400.0, 90 * 86_400.0]))
def test_what_a_store_adds_up_is_what_the_whole_window_comes_to(
    tmp_path_factory: pytest.TempPathFactory, added: list[Sample], seconds: float
) -> None:
    clock = ManualClock(NOW)
    memory = MemoryStore(clock=clock)
    sqlite = SqliteStore(tmp_path_factory.mktemp("store") / "metrics.db", clock=clock)
    for store in (memory, sqlite):
        store.add(added)

    whole = read_window(memory, seconds, NAMES, clock)
    for store in (memory, sqlite):
        sums = read_sums(store, seconds, NAMES, clock)
        course = read_course(store, seconds, NAMES, ("status",), clock=clock)
        of_one = read_course(store, seconds, NAMES, only={"route": "a"}, clock=clock)

        assert (sums.since, sums.until, sums.step) == (whole.since, whole.until, whole.step)
        assert amounts(sums) == amounts(whole)
        for status in ("2xx", "5xx"):
            assert over_time(course, "requests_total", status=status) == over_time(
                whole, "requests_total", status=status
            )
        assert over_time(of_one, "duration_seconds") == over_time(whole, "duration_seconds", route="a")
    sqlite.close()


def amounts(window: Window) -> dict[Series, tuple[float, float, dict[int, float]]]:
    return {series: (each.count, each.sum, dict(each.buckets or {})) for series, each in window.amounts.items()}


def over_time(window: Window, name: str, **labels: str) -> list[tuple[int, float, dict[int, float]]]:
    return [(at, each.sum, dict(each.buckets or {})) for at, each in window.over_time(name, **labels)]


def test_an_hour_is_read_in_minutes_and_one_that_is_longer_than_none_is_refused() -> None:
    clock = ManualClock(NOW)

    assert read_sums(MemoryStore(clock), 3_600, NAMES, clock).step == 60
    with pytest.raises(ValueError, match="longer than 0"):
        read_course(MemoryStore(clock), 0, NAMES, clock=clock)

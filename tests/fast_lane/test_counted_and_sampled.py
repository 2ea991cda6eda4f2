"""Behind the production preset's handlers and filters both ways write, count and leave out the same."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aura_logging
from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.handlers import MetricsHandler
from aura_logging.volume import overrides
from aura_logging.volume.shares import share_of_identity

names = st.sampled_from(["shelf", "metric", "metric_value", "security_event", "sample_rate", "trace_id", "user_id"])
values = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["poetry", "orders", "jane.doe@example.com"])
ids = st.none() | st.text(max_size=3) | st.integers(0, 50).map("request-{}".format)
calls = st.tuples(
    st.sampled_from([10, 10, 20, 20, 20, 30, 40]),
    st.sampled_from(["order %s placed", "login failed for %s", "half of %s", "card 4111111111111111 of %s"]),
    values,
    st.none() | st.dictionaries(names, values, max_size=2),
    ids,
    st.sampled_from([1, 3, 70]),
)


@pytest.mark.usefixtures("frozen")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(told=st.lists(calls, max_size=12), rate=st.sampled_from([0.0, 0.3, 1.0]), limit=st.sampled_from([None, 50.0]))
def test_both_ways_write_count_and_leave_out_the_same(
    make_side: Callable[..., Any], told: list[Any], rate: float, limit: float | None
) -> None:
    sampling = {"rates": {"DEBUG": 0.1, "INFO": rate}, "limit_per_second": limit, "burst": 100}
    sides = [make_side(kind, **sampling) for kind in (FastLogger, logging.Logger)]

    for level, msg, argument, extra, correlation_id, times in told:
        with aura_logging.bound(**({} if correlation_id is None else {"correlation_id": correlation_id})):
            for _ in range(times):
                for side in sides:
                    side.logger.log(level, msg, argument, extra=extra)
        for side in sides:
            side.clock.advance(0.1)

    fast, ordinary = sides
    assert fast.lines == ordinary.lines
    assert fast.books() == ordinary.books()


def test_what_is_sampled_out_is_counted_without_a_record(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={"DEBUG": 0.0, "INFO": 0.0})
    lines, before = len(side.lines), side.counts()

    assert side.is_fast(lambda: side.logger.info("order %s", 7, extra={"shelf": "x"}), times=100)

    assert len(side.lines) == lines
    after = Counter(side.counts())
    after.subtract(before)
    assert [(key[0], count) for key, count in after.items() if count] == [("aura_log_records_total", 100)]
    assert side.sampling.health().dropped["sampled_info"] >= 100


def test_a_flood_that_is_held_back_makes_no_records(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={}, limit_per_second=1.0, burst=1)
    side.logger.info("order %s", 0)

    assert side.is_fast(lambda: side.logger.info("order %s", 1), times=100)

    assert side.sampling.health().dropped["rate_limited"] >= 100
    with side.sampling.policy._lock:  # the announcer, which looks once a second, would tell of them as well
        side.clock.advance(100.0)
        assert not side.is_fast(lambda: side.logger.info("order %s", 1))
    assert orjson.loads(side.lines[-1])["sample_rate"] < 0.01  # it stands for those that were held back


def test_a_kept_line_says_what_it_stands_for(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={"INFO": 0.5})

    kept = next(f"request-{n}" for n in range(99) if share_of_identity(f"request-{n}") < 0.5)
    with aura_logging.bound(correlation_id=kept):
        side.logger.info("order %s", 0)
        assert side.is_fast(lambda: side.logger.info("order %s", 1))

    assert orjson.loads(side.lines[-1])["sample_rate"] == 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda log: log.info("order placed", extra={"metric": "orders"}),
        lambda log: log.info("seen", extra={"security_event": True}),
        lambda log: log.info("login failed"),
        lambda log: log.error("broken"),
        lambda log: log.warning("a storm of these would be folded"),
    ],
)
def test_what_more_is_counted_of_takes_a_record(make_side: Callable[..., Any], call: Callable[..., Any]) -> None:
    side = make_side(rates={})

    assert side.is_fast(lambda: side.logger.info("order"))
    assert not side.is_fast(lambda: call(side.logger))


@pytest.mark.parametrize("name", ["aura.request", "aura.security", "aura.orders", "django.request"])
def test_records_that_are_told_by_their_fields_are_made(make_side: Callable[..., Any], name: str) -> None:
    side = make_side(rates={})
    side.logger.name = name

    assert not side.is_fast(lambda: side.logger.info("finished"), times=3)

    assert ("security_event" in orjson.loads(side.lines[-1])) == (name in ("aura.request", "aura.security"))


def _another(side: Any) -> Any:
    other = logging.NullHandler()
    other.addFilter(side.sampling)
    return other


def _extra_filter(side: Any) -> Any:
    return mock.patch.object(side.metrics, "filters", [*side.metrics.filters, lambda record: True])


IN_THE_WAY: dict[str, Callable[[Any], Any]] = {
    "a filter on the counter": _extra_filter,
    "another context on the counter": lambda s: mock.patch.object(s.metrics, "filters", [RequestContextFilter()]),
    "a scrubbing counter": lambda s: mock.patch.object(s.metrics, "filters", [SecurityFilter()]),
    "two counters": lambda s: mock.patch.object(s.logger, "handlers", [s.metrics, s.file, s.metrics]),
    "sampling behind security": lambda s: mock.patch.object(
        s.file, "filters", [s.file.filters[0], s.security, s.sampling]
    ),
    "the counter's emit patched": lambda s: mock.patch.object(s.metrics, "emit", s.metrics.emit),
    "emit patched in its class": lambda s: mock.patch.object(MetricsHandler, "emit", lambda self, record: None),
    "the sampling filter patched": lambda s: mock.patch.object(SamplingFilter, "filter", lambda self, record: True),
    "this sampling filter patched": lambda s: mock.patch.object(s.sampling, "filter", lambda record: True),
    "this security filter patched": lambda s: mock.patch.object(s.security, "filter", lambda record: True),
    "this context filter patched": lambda s: mock.patch.object(s.file.filters[0], "filter", lambda record: True),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_whoever_is_in_the_way_of_the_preset_is_served(make_side: Callable[..., Any], name: str) -> None:
    side = make_side(rates={})
    handled = mock.Mock(wraps=side.logger.callHandlers)
    assert side.is_fast(lambda: side.logger.info("order"))

    with IN_THE_WAY[name](side), mock.patch.object(FastLogger, "callHandlers", handled):
        side.logger.info("order")
    assert handled.call_count == 1
    with IN_THE_WAY[name](side):
        lanes_before = side.logger._aura_lanes.get(20)  # type: ignore[attr-defined]
        side.logger.info("order")
        assert not side.logger._aura_lanes[20].is_open  # type: ignore[attr-defined]
        assert side.logger._aura_lanes[20] is not lanes_before or not lanes_before.is_open  # type: ignore[attr-defined]


def test_a_counter_for_what_is_more_serious_does_not_count(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={})
    side.metrics.setLevel(logging.ERROR)
    before = side.counts()

    assert side.is_fast(lambda: side.logger.info("order"), times=3)

    assert side.counts() == before


def test_while_several_handlers_ask_the_sampling_filter_a_record_remembers(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={})
    other = _another(side)
    side.sampling.pressure()  # as the policy asks once a second
    assert other.filters

    assert not side.is_fast(lambda: side.logger.info("order"))


def test_while_somebody_wants_to_see_one_user_records_are_made(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={"INFO": 0.0})
    override = overrides.Override(
        logger="shop", level=10, rate=1.0, user_id="7", route=None, ordinary_level=20, expires_at=float("inf")
    )
    overrides.set_overrides([override])
    try:
        with aura_logging.bound(user_id="7"):
            assert not side.is_fast(lambda: side.logger.info("order of %s", "seven"))
    finally:
        overrides.set_overrides([])

    assert orjson.loads(side.lines[-1])["message"] == "order of seven"
    assert side.is_fast(lambda: side.logger.info("order"))

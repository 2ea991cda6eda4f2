"""A wide record comes to the same line, and the same counts, whether it was made or not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aura_logging
from aura_logging import fast_lane
from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter, SecurityFilter
from aura_logging.handlers import MetricsHandler
from aura_logging.performance import wide_record
from aura_logging.testing import capture

VIEW = ("/srv/shop/views.py", 41, "OrderView.get")
REQUEST = {
    "status_code": 200, "request_duration": 0.0123, "db_queries": 3, "db_time": 0.004, "memory_delta": 4096,
    "method": "GET", "security_event": False, "cache_hits": 2, "memory_percent": 41.5,
    "hints": [{"kind": "n_plus_one", "advice": 'add .select_related("author")', "queries": 47, "predicted": 1}],
    "slow_queries": [{"sql": "SELECT 1", "seconds": 1.5, "site": "shop/views.py:41"}],
}  # fmt: skip


def write(logger: Any, level: int = logging.INFO, message: str = "request finished", **fields: Any) -> None:
    wide_record.write(logger, level, message, VIEW, fields)


def is_fast(side: Any, call: Callable[[], object]) -> bool:
    """Tell whether a wide record was written without one."""
    with mock.patch.object(wide_record, "_record", mock.Mock(wraps=wide_record._record)) as made:
        call()
    return not made.called


values = (
    st.none()
    | st.booleans()
    | st.integers(-5, 1_000)
    | st.sampled_from([0.25, float("nan"), 2**70, "grüße \u2028", "jane.doe@example.com", "4111 1111 1111 1111", ""])
    | st.lists(st.dictionaries(st.sampled_from(["sql", "password"]), st.sampled_from(["SELECT 1", 7]), max_size=2))
    | st.just({"deep": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]})
)
_NAMES = (
    *REQUEST, "threat_type", "own", "route", "user_type", "user_id", "client_ip", "service_name", "correlation_id",
    "exception_type", "metric", "sample_rate", "timestamp", "request", "task_name", "task_state", "task_duration",
    "country_code", "trace_id", "näme", "exc_text",
)  # fmt: skip
names = st.sampled_from(_NAMES)
bound = st.dictionaries(st.sampled_from(["route", "user_id", "correlation_id", "basket", "näme"]), values, max_size=3)
records = st.tuples(
    st.sampled_from(["aura.request", "aura.request", "aura.task", "shop.jobs", "django.request"]),
    st.sampled_from([20, 20, 20, 30, 40]),
    st.sampled_from(["request finished", "login failed", "100 % of %s", "grün", "card 4111111111111111"]),
    st.dictionaries(names, values, max_size=4),
    st.booleans(),
    bound,
    st.sampled_from([1, 3, 40]),
)


@pytest.mark.usefixtures("frozen")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(
    told=st.lists(records, min_size=1, max_size=6),
    rate=st.sampled_from([0.0, 0.3, 1.0, 1.0]),
    limit=st.sampled_from([None, 50.0]),
    is_counted_last=st.booleans(),
    counts_bare=st.booleans(),
)
def test_both_ways_write_count_and_leave_out_the_same(
    make_side: Callable[..., Any],
    told: list[Any],
    rate: float,
    limit: float | None,
    is_counted_last: bool,
    counts_bare: bool,
) -> None:
    sides = [
        make_side(kind, rates={"INFO": rate}, limit_per_second=limit, burst=100)
        for kind in (FastLogger, logging.Logger)
    ]
    for side in sides:
        if is_counted_last:
            side.logger.handlers = side.logger.handlers[::-1]
        if counts_bare:
            side.metrics.filters = []

    for name, level, message, fields, is_whole, context, times in told:
        with aura_logging.bound(**context):
            for _ in range(times):
                for side in sides:
                    side.logger.name = name
                    write(side.logger, level, message, **{**(REQUEST if is_whole else {}), **fields})
        for side in sides:
            side.clock.advance(0.1)

    fast, ordinary = sides
    assert fast.lines == ordinary.lines
    assert fast.books() == ordinary.books()


def a_request(side: Any, **fields: Any) -> Callable[[], None]:
    side.logger.name = "aura.request"
    write(side.logger, **REQUEST)  # the first one of its level has to ask how it is sampled
    return lambda: write(side.logger, **{**REQUEST, **fields})


@pytest.mark.parametrize(
    ("fields", "context"),
    [
        ({}, {}),
        ({"näme": "grüße \u2028"}, {"route": "orders/<int:pk>/", "user_id": 7}),
        ({"route": None, "user_id": "mine"}, {"route": "orders/<int:pk>/", "user_id": 7}),
        ({"security_event": True, "threat_type": "sqli"}, {}),
        ({"own": True}, {"basket": {"items": [1, 2.5, None]}}),
    ],
)
def test_what_is_ordinary_needs_no_record(make_side: Callable[..., Any], fields: Any, context: Any) -> None:
    side = make_side(rates={})
    call = a_request(side, **fields)

    with aura_logging.bound(**context):
        assert is_fast(side, call)

    line = orjson.loads(side.lines[-1])
    assert (line["logger"], line["message"], line["file"], line["line"], line["function"]) == (
        ("aura.request", "request finished", *VIEW)
    )
    assert line["hints"] == REQUEST["hints"]


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "/cards/4111111111111111/"},
        {"hints": [{"advice": "ask jane.doe@example.com"}]},
        {"password": "hunter2"},
    ],
)
def test_what_may_be_personal_is_redacted_in_a_record(make_side: Callable[..., Any], fields: Any) -> None:
    side = make_side(rates={})
    call = a_request(side, **fields)

    assert not is_fast(side, call)

    assert b"REDACTED" in side.lines[-1]
    assert side.counts()["aura_log_records_total", ("level", "INFO"), ("logger", "aura.request")] == 2


@pytest.mark.parametrize("name", ["aura.request", "aura.security"])
def test_a_record_that_does_not_say_whether_it_is_a_security_event_is_made(
    make_side: Callable[..., Any], name: str
) -> None:
    side = make_side(rates={})
    side.logger.name = name
    write(side.logger)

    assert not is_fast(side, lambda: write(side.logger))
    assert orjson.loads(side.lines[-1])["security_event"] is (name == "aura.security")


def test_a_request_is_counted_once_with_all_that_it_tells(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={})
    call = a_request(side, route="orders/<int:pk>/", user_type="staff")
    before = side.counts()

    assert is_fast(side, call)

    after = side.counts()
    labels = (("method", "GET"), ("route", "orders/<int:pk>/"))
    request = ("aura_requests_total", *labels, ("status", "2xx"), ("user_type", "staff"))
    assert after[request] - before.get(request, 0) == 1
    assert after["aura_request_duration_seconds", *labels] == REQUEST["request_duration"]


def test_two_counters_of_one_store_count_a_request_once(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={})
    store = "memory://shared-by-two"
    side.logger.handlers = [MetricsHandler(store=store), MetricsHandler(store=store), side.file]
    side.metrics = side.logger.handlers[0]
    call = a_request(side)
    before = side.counts()

    assert not is_fast(side, call)

    volume = ("aura_log_records_total", ("level", "INFO"), ("logger", "aura.request"))
    assert side.counts()[volume] - before[volume] == 1
    for handler in side.logger.handlers[:2]:
        handler.close()


def test_what_is_sampled_out_is_counted_without_a_record(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={"INFO": 0.0})
    call = a_request(side)
    lines, before = len(side.lines), side.counts()["aura_responses_total", ("status_code", "200")]

    assert is_fast(side, lambda: [call() for _ in range(10)])

    assert len(side.lines) == lines
    assert side.counts()["aura_responses_total", ("status_code", "200")] == before + 10


def test_an_ordinary_call_on_the_requests_logger_still_makes_a_record(make_side: Callable[..., Any]) -> None:
    side = make_side(rates={})
    call = a_request(side)

    assert is_fast(side, call)
    assert not side.is_fast(lambda: side.logger.info("finished"))
    assert is_fast(side, call)


def patched(owner: Any, name: str) -> Any:
    before = getattr(owner, name)
    return mock.patch.object(owner, name, lambda *args, **kwargs: before(*args, **kwargs))


IN_THE_WAY: dict[str, Callable[[Any], Any]] = {
    "a witness": lambda s: mock.patch.object(s.logger, "handlers", [*s.logger.handlers, logging.StreamHandler()]),
    "a filter on the logger": lambda s: mock.patch.object(s.logger, "filters", [lambda record: True]),
    "a filter on the file": lambda s: mock.patch.object(s.file, "filters", [*s.file.filters, lambda record: True]),
    "a filter on the counter": lambda s: mock.patch.object(s.metrics, "filters", [lambda record: True]),
    "a parent": lambda s: mock.patch.object(s.logger, "parent", logging.getLogger()),
    "the logger disabled": lambda s: mock.patch.object(s.logger, "disabled", new=True),
    "handle patched": lambda s: patched(logging.Logger, "handle"),
    "callHandlers patched": lambda s: patched(logging.Logger, "callHandlers"),
    "callHandlers patched here": lambda s: patched(s.logger, "callHandlers"),
    "emit patched": lambda s: patched(type(s.file), "emit"),
    "counting patched": lambda s: patched(s.metrics, "emit"),
    "the context filter patched": lambda s: patched(RequestContextFilter, "filter"),
    "the security filter patched": lambda s: patched(SecurityFilter, "filter"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_whoever_is_in_the_way_gets_a_record_and_then_it_opens_again(make_side: Callable[..., Any], name: str) -> None:
    side = make_side(rates={})
    call = a_request(side)
    assert is_fast(side, call)

    with IN_THE_WAY[name](side):
        assert not is_fast(side, call)

    for _ in range(70):  # a lane that was found closed is looked at now and then
        call()
    assert is_fast(side, call)


def test_a_child_writes_in_its_own_name(make_side: Callable[..., Any], three_of_a_child: Callable[..., Any]) -> None:
    side = make_side(rates={})

    pid, lines = three_of_a_child(a_request(side), side)

    assert [orjson.loads(line)["pid"] for line in lines] == [pid] * 3


def test_a_logger_of_loggings_own_is_served_as_ever() -> None:
    with capture("tests.wide") as captured:
        write(logging.getLogger("tests.wide"), **REQUEST)
        fast_lane.install()
        try:
            write(logging.getLogger("tests.wide"), **REQUEST)
            write(logging.getLogger(), **REQUEST)
        finally:
            fast_lane.uninstall()

    assert [record.getMessage() for record in captured] == ["request finished"] * 2


def test_more_places_than_are_kept_are_written_all_the_same(
    make_side: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_logging.fast_lane import wide_lines

    monkeypatch.setattr(wide_lines, "_MOST_PLACES", 3)
    side = make_side(rates={})
    a_request(side)
    wide_lines._places.clear()

    for number in range(10):
        wide_record.write(side.logger, logging.INFO, "request finished", ("f", number, "g"), REQUEST)

    assert [orjson.loads(line)["line"] for line in side.lines[-10:]] == list(range(10))
    assert len(wide_lines._places) <= 3

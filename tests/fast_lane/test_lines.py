"""A line from the fast lane is the line that the record would have become, byte for byte."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aura_logging
from aura_logging.call_sites import OWN_NAMES
from aura_logging.fast_lane import FastLogger
from aura_logging.filters import SecurityFilter
from aura_logging.records import STANDARD_ATTRIBUTES

_STAMP = re.compile(rb',"stream":"\w+","seq":\d+}\n$')

texts = st.text(max_size=20)
personal = st.sampled_from(["4111 1111 1111 1111", "jane.doe@example.com", "password=hunter2", "login failed"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | personal
values = plain | st.lists(texts, max_size=3) | st.binary(max_size=5) | st.dictionaries(texts, plain, max_size=3)
names = texts | st.sampled_from(sorted(OWN_NAMES | STANDARD_ATTRIBUTES | {"request", "user_id", "password"}))


_guard = SecurityFilter()


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def both_ways(bench: Any, *call: Any, **options: Any) -> tuple[list[bytes], list[str]]:
    """Log the same on the same line of code through both classes; return what came out, and what was raised."""
    before = len(bench.lines)
    raised = []
    for kind in (FastLogger, logging.Logger):
        bench.logger.__class__ = kind
        try:
            bench.logger.log(*call, **options)
        except Exception as error:  # whatever `logging` raises for a bad extra
            raised.append(repr(error))
    bench.logger.__class__ = FastLogger
    return [_STAMP.sub(b"", line) for line in bench.lines[before:]], raised


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.123456)
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_456_000)


@pytest.mark.usefixtures("frozen")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@pytest.mark.parametrize("guarded", [False, True])
@given(
    level=st.sampled_from([10, 15, 20, 30, 40, 50]),
    msg=texts | personal | st.sampled_from(["order %s", "%d of %d", "100%", "%(name)s"]) | st.integers(),
    args=st.lists(values, max_size=3),
    extra=st.none() | st.dictionaries(names, values, max_size=4),
    context=st.dictionaries(names, values, max_size=3),
)
def test_whatever_is_logged_both_ways_write_the_same(
    bench: Any, guarded: bool, level: int, msg: Any, args: Any, extra: Any, context: Any
) -> None:
    bench.handler.filters[1:] = [_guard] if guarded else []

    with aura_logging.bound(**context):
        lines, raised = both_ways(bench, level, msg, *args, extra=extra)

    assert raised in ([], [raised[0]] * 2 if raised else [])
    assert len(lines) == 2 - len(raised)
    assert len(set(lines)) <= 1


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("call", "options"),
    [
        pytest.param((20, "card %s", Unspeakable()), {}, id="a str() that raises"),
        pytest.param((20, "%(a)s and %(b)s", {"a": 1, "b": 2}), {}, id="a mapping for arguments"),
        pytest.param((20, "%(a)s", OrderedDict(a=1)), {}, id="another mapping"),
        pytest.param((20, "%d", "seven"), {}, id="an argument that does not fit"),
        pytest.param((20, "%s",), {}, id="no argument"),
        pytest.param((20, "x" * 70_000), {}, id="too long"),
        pytest.param((20, "half a pair \ud800"), {}, id="a lone surrogate"),
        pytest.param((20, "\x1b[31m\u2028 \x7f"), {}, id="what a terminal obeys"),
        pytest.param((20, "deep"), {"extra": {"a": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]}}, id="too deep"),
        pytest.param((20, "many"), {"extra": {"a": "[" * 30}}, id="brackets in a text"),
        pytest.param((20, "big"), {"extra": {"a": 2**70}}, id="a big integer"),
        pytest.param((20, "none"), {"extra": {"correlation_id": None}}, id="a field of the context's, empty"),
        pytest.param((20, "mine"), {"extra": {"service_name": "mine"}}, id="a field of the context's, given"),
        pytest.param((20, "ours"), {"extra": {"timestamp": 1, "request": object()}}, id="names of ours"),
        pytest.param((20, "stack"), {"stack_info": True}, id="a stack"),
        pytest.param((20, "no error"), {"exc_info": True}, id="an exception that is none"),
        pytest.param((20, "error"), {"exc_info": ValueError("x")}, id="an exception"),
        pytest.param((20, "empty"), {"extra": {}}, id="an empty extra"),
        pytest.param((20, "a mapping"), {"extra": OrderedDict(a=1)}, id="an extra that is no dict"),
    ],
)  # fmt: skip
def test_what_takes_more_than_a_template_is_the_same_too(bench: Any, call: Any, options: Any) -> None:
    lines, raised = both_ways(bench, *call, **options)

    assert raised == []
    assert len(lines) == 2
    assert lines[0] == lines[1]


def test_an_extra_that_is_nothing_of_the_kind_raises_what_it_always_did(bench: Any) -> None:
    _, raised = both_ways(bench, 20, "seven", extra=0)

    assert raised == ["TypeError(\"'int' object is not iterable\")"] * 2


@pytest.mark.parametrize(
    ("call", "options"),
    [
        (("hello",), {}),
        (("100 %",), {}),
        (("%s of %d, %.2f, %r", "a", 2, 0.5, None), {}),
        (("%s and %s", ["a", "list"], {"a": "dict"}), {}),
        (("grüße 🎉 \u2028",), {"extra": {"näme": "wért"}}),
        (("nested",), {"extra": {"basket": {"items": [1, 2.5, None, True]}}}),
        (("nothing",), {"extra": {}, "exc_info": None}),
    ],
)
@pytest.mark.parametrize("guarded", [False, True])
def test_what_is_ordinary_needs_no_record(bench: Any, guarded: bool, call: Any, options: Any) -> None:
    bench.handler.filters[1:] = [_guard] if guarded else []

    assert bench.is_fast(lambda: bench.logger.info(*call, **options))


def test_the_exception_being_handled_is_told(bench: Any) -> None:
    try:
        raise ValueError("declined")
    except ValueError:
        bench.logger.exception("payment failed")

    line = orjson.loads(bench.lines[-1])
    assert line["exception_type"] == "ValueError"
    assert line["exception"].endswith("ValueError: declined")


def test_what_is_bound_is_read_at_each_call(bench: Any) -> None:
    for user in ("ada", "bob"):
        with aura_logging.bound(user_id=user, shelf=None):
            assert bench.is_fast(lambda: bench.logger.info("bought"))
    assert bench.is_fast()

    users = [orjson.loads(line).get("user_id") for line in bench.lines[-3:]]
    assert users == ["ada", "bob", None]


def test_a_bound_value_that_may_change_is_written_as_it_is_now(bench: Any) -> None:
    basket: list[str] = []
    with aura_logging.bound(basket=basket):
        for item in ("pen", "ink"):
            basket.append(item)
            bench.logger.info("added")

    assert [orjson.loads(line)["basket"] for line in bench.lines[-2:]] == [["pen"], ["pen", "ink"]]


def test_a_threads_name_is_its_own_and_the_one_it_has_now(bench: Any) -> None:
    def work() -> None:
        bench.a_call()
        threading.current_thread().name = "renamed"
        bench.a_call()

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()

    assert [orjson.loads(line)["thread_name"] for line in bench.lines[-2:]] == ["worker-7", "renamed"]


def test_a_level_named_the_wrong_way_round_has_that_name_too(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "_levelToName", {**logging._levelToName})
    monkeypatch.setattr(logging, "_nameToLevel", {**logging._nameToLevel})
    bench.logger.log(25, "x")

    logging.addLevelName("NOTICE", 25)  # type: ignore[arg-type]  # which works
    bench.logger.log(25, "y")

    assert [orjson.loads(line)["level"] for line in bench.lines[-2:]] == ["Level 25", "NOTICE"]


def test_a_level_has_the_name_that_it_has_now(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "_levelToName", {**logging._levelToName})
    monkeypatch.setattr(logging, "_nameToLevel", {**logging._nameToLevel})
    logging.addLevelName(logging.INFO, "NOTICE")

    assert bench.is_fast()
    assert orjson.loads(bench.lines[-1])["level"] == "NOTICE"


def test_code_that_is_made_again_and_again_does_not_fill_the_memory(bench: Any) -> None:
    from aura_logging.fast_lane import lines

    lines._sites.clear()
    for number in range(lines._MOST_SITES + 10):
        if number == lines._MOST_SITES:
            assert len(lines._sites) == lines._MOST_SITES
        exec(compile("log('made')", f"<made {number}>", "exec"), {"log": bench.logger.info})

    assert len(lines._sites) == 10
    assert orjson.loads(bench.lines[-1])["file"] == f"<made {lines._MOST_SITES + 9}>"

"""JSON on standard output, or in a file of the simplest kind, needs no record either, and looks the same."""

from __future__ import annotations

import ctypes
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest

import aura_logging
from aura_logging.fast_lane import FastLogger
from aura_logging.fast_lane import logger as taken
from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.formatters import ConsoleFormatter, JsonFormatter
from aura_logging.handlers import MetricsHandler, StructuredFileHandler
from aura_logging.performance import wide_record

VIEW = ("/srv/shop/views.py", 41, "OrderView.get")


class Place:
    """A logger, the one handler that writes for it, and the file behind that."""

    def __init__(self, handler: Any, path: Path) -> None:
        self.handler, self.path = handler, path
        handler.setFormatter(JsonFormatter())
        handler.filters = [RequestContextFilter(service_name="shop", host_metrics=False, environ={}), SecurityFilter()]
        # Not from `getLogger`: pytest attaches its own handler to every logger that is known.
        self.logger = FastLogger("shop.orders")
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(handler)
        self.logger.info("the first record of this process")

    def call(self) -> None:
        self.logger.info("order %s", 7, extra={"shelf": "poetry"})

    def write(self) -> None:
        wide_record.write(self.logger, logging.INFO, "job finished", VIEW, {"seconds": 0.5, "hints": [{"n": 1}]})

    def is_fast(self, call: Callable[[], object] | None = None) -> bool:
        """Tell whether a call comes out without a record."""
        seen = []
        with (
            mock.patch.object(taken, "wrote", lambda *a, before=taken.wrote: seen.append(before(*a)) or seen[-1]),
            mock.patch.object(
                taken, "wrote_wide", lambda *a, before=taken.wrote_wide: seen.append(before(*a)) or seen[-1]
            ),
        ):
            (call or self.call)()
        return seen == [True]

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[Any]:
        return [orjson.loads(line) for line in self.text.splitlines()]


def _stream(path: Path) -> logging.Handler:
    return logging.StreamHandler(path.open("w", encoding="utf-8"))


KINDS: dict[str, Callable[[Path], logging.Handler]] = {
    "stream": _stream,
    "file": logging.FileHandler,
    "shared file": StructuredFileHandler,
}


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    made = []

    def make(kind: str | Callable[[Path], logging.Handler] = "stream") -> Place:
        path = tmp_path / "app.jsonl"
        made.append(Place((KINDS[kind] if isinstance(kind, str) else kind)(path), path))
        return made[-1]

    yield make
    for place in made:
        place.handler.close()
        if getattr(place.handler, "stream", None) is not None:
            place.handler.stream.close()


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_write_the_same(make_place: Callable[..., Place], kind: str) -> None:
    place = make_place(kind)
    log = place.logger
    calls: list[Callable[[], object]] = [
        place.call,
        place.write,
        lambda: log.warning("grüße 🎉 \u2028 %s", "é", extra={"näme": [1, {"a": None}]}),
        lambda: log.error("error"),
        lambda: log.info("card %s", "4111 1111 1111 1111"),
        lambda: log.info("x" * 70_000),
        lambda: log.exception("raised"),
        lambda: wide_record.write(log, logging.ERROR, "job finished", VIEW, {"näme": "grüße", "user_id": None}),
        lambda: wide_record.write(log, logging.INFO, "job finished", VIEW, {"path": "jane.doe@example.com"}),
    ]

    both = []
    for of_class in (FastLogger, logging.Logger):
        log.__class__ = of_class
        before = len(place.text)
        with aura_logging.bound(user_id=7, route="orders/"):
            for call in calls:
                call()
        both.append(place.text[before:])

    assert both[0] == both[1]
    assert both[0].count("\n") == len(calls)


@pytest.mark.parametrize("kind", KINDS)
def test_calls_and_wide_records_need_none(make_place: Callable[..., Place], kind: str) -> None:
    place = make_place(kind)

    assert place.is_fast()
    assert place.is_fast(place.write)
    assert place.is_fast(lambda: place.logger.error("late"))
    assert [line["message"] for line in place.lines[-3:]] == ["order 7", "job finished", "late"]


def test_a_counter_and_a_sampling_filter_go_along(make_place: Callable[..., Place]) -> None:
    place = make_place()
    metrics = MetricsHandler(store="memory://beside-a-stream")
    place.logger.handlers.insert(0, metrics)
    sampling = SamplingFilter(rates={}, cpu_percent=lambda: 0.0)
    place.handler.filters.insert(1, sampling)
    for _ in range(2):
        place.call()
        sampling.pressure()  # which sees that one handler asks

    try:
        assert place.is_fast()
        assert place.is_fast(place.write)
        metrics.flush()
        (counted,) = metrics.store.totals(["aura_log_records_total"])
        assert counted.amount.sum == 4
    finally:
        metrics.close()


class Tagged(logging.StreamHandler):  # type: ignore[type-arg]
    pass


class OwnJson(JsonFormatter):
    pass


def patched(owner: Any, name: str) -> Any:
    before = getattr(owner, name)
    return mock.patch.object(owner, name, lambda *args, **kwargs: before(*args, **kwargs))


IN_THE_WAY: dict[str, Callable[[Any], Any]] = {
    "another terminator": lambda h: mock.patch.object(h, "terminator", "\r\n"),
    "another terminator of all": lambda h: mock.patch.object(logging.StreamHandler, "terminator", "\r\n"),
    "another formatter": lambda h: mock.patch.object(h, "formatter", ConsoleFormatter(color=False)),
    "a formatter made of ours": lambda h: mock.patch.object(h, "formatter", OwnJson()),
    "another schema": lambda h: mock.patch.object(h.formatter, "schema", "ecs"),
    "no formatter": lambda h: mock.patch.object(h, "formatter", None),
    "a filter": lambda h: mock.patch.object(h, "filters", [*h.filters, lambda record: True]),
    "a level": lambda h: mock.patch.object(h, "level", logging.WARNING),
    **{
        f"{name} patched here": lambda h, name=name: patched(h, name)  # type: ignore[misc]
        for name in ("emit", "flush", "format", "handle", "acquire", "release", "handleError")
    },
    **{
        f"{name} patched": lambda h, name=name: patched(logging.StreamHandler, name)  # type: ignore[misc]
        for name in ("emit", "flush", "format", "handle", "acquire", "release", "handleError")
    },
    "all handlers' handle patched": lambda h: patched(logging.Handler, "handle"),
    "our formatter patched": lambda h: patched(JsonFormatter, "format"),
    "this formatter patched": lambda h: patched(h.formatter, "format"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_whoever_is_in_the_way_of_a_stream_gets_a_record(make_place: Callable[..., Place], name: str) -> None:
    place = make_place()
    assert place.is_fast()

    with IN_THE_WAY[name](place.handler):
        before = len(place.text)
        assert not place.is_fast()
        assert not place.is_fast(place.write)
        is_silent = name == "a level"
        assert bool(place.text[before:]) is not is_silent
    if name.startswith("another terminator"):
        assert place.path.read_bytes().count(b"\r\n") == 2

    for _ in range(70):  # a lane that was found closed is looked at now and then
        place.call()
    assert place.is_fast()


@pytest.mark.parametrize("name", ["emit", "handle", "line", "write_lines"])
def test_whoever_is_in_the_way_of_a_shared_file_is_served(make_place: Callable[..., Place], name: str) -> None:
    place = make_place("shared file")
    assert place.is_fast()

    before, called = getattr(StructuredFileHandler, name), []
    with mock.patch.object(StructuredFileHandler, name, lambda *a: (called.append(a), before(*a))[1]):
        place.call()

    assert len(called) == 1


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_a_subclass_may_do_anything(make_place: Callable[..., Place], kind: str) -> None:
    class Own(logging.FileHandler):
        pass

    make = {"stream": lambda path: Tagged(path.open("w")), "file": Own}[kind]

    assert not make_place(make).is_fast()


def test_a_file_that_is_opened_late_is_opened_by_its_handler(make_place: Callable[..., Place]) -> None:
    place = make_place(lambda path: logging.FileHandler(path, delay=True))
    place.handler.close()
    place.handler._closed = False

    assert not place.is_fast()
    assert place.is_fast()
    place.handler.close()
    assert not place.is_fast()  # in mode "a" it is opened anew
    assert [line["message"] for line in place.lines[-3:]] == ["order 7"] * 3


class Full(io.StringIO):
    """A stream that fails: with what, and when, is set."""

    writes, error, fails_on_flush = 0, OSError(28, "No space left on device"), False

    def write(self, text: str) -> int:
        self.writes += 1
        if self.fails_on_flush:
            return super().write(text)
        raise self.error

    def flush(self) -> None:
        if self.fails_on_flush and self.writes:
            raise self.error


@pytest.mark.parametrize("fails_on_flush", [False, True])
@pytest.mark.parametrize("how", ["call", "write"])
def test_a_stream_that_fails_is_told_once(
    make_place: Callable[..., Place], capsys: pytest.CaptureFixture[str], how: str, fails_on_flush: bool
) -> None:
    place = make_place()
    place.call()
    place.write()
    stream = Full()
    place.handler.setStream(stream).close()
    getattr(place, how)()  # the lane is looked at anew
    stream.fails_on_flush = fails_on_flush
    writes = stream.writes
    capsys.readouterr()

    assert place.is_fast(getattr(place, how))

    assert stream.writes == writes + 1
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == 1
    assert ("order 7" if how == "call" else "job finished") in told
    assert "No space left on device" in told


def test_a_stack_that_is_too_deep_is_told_as_ever(make_place: Callable[..., Place]) -> None:
    place = make_place()
    stream = Full()
    stream.error = RecursionError("too deep")  # type: ignore[assignment]
    place.handler.setStream(stream).close()

    with pytest.raises(RecursionError):
        place.call()


def test_a_shared_file_that_cannot_be_written_counts_the_loss_once(
    make_place: Callable[..., Place], capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_place("shared file")
    assert place.is_fast()

    with mock.patch.object(place.handler._file, "append", side_effect=OSError(28, "No space left on device")):
        assert place.is_fast()

    assert place.handler.health().dropped == {"write_failed": 1}
    assert capsys.readouterr().err.count("--- Logging error ---") == 1


def test_another_stream_is_written_to_at_once(make_place: Callable[..., Place]) -> None:
    place = make_place()
    assert place.is_fast()
    other = io.StringIO()

    place.handler.setStream(other).close()
    place.call()

    assert orjson.loads(other.getvalue())["message"] == "order 7"


def test_what_was_written_without_logging_stays_ahead(make_place: Callable[..., Place]) -> None:
    place = make_place()
    place.handler.stream.write("printed\n")  # and not flushed

    assert place.is_fast()

    assert place.text.splitlines()[-2] == "printed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_fork_that_ran_no_hooks_is_noticed(make_place: Callable[..., Place], kind: str) -> None:
    place = make_place(kind)
    place.call()
    place.write()

    pid = ctypes.PyDLL(None).fork()
    if not pid:
        try:
            place.call()
            place.write()
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [line["pid"] for line in place.lines[-2:]] == [pid, pid]
    place.call()
    assert place.lines[-1]["pid"] == os.getpid()


def test_standard_output_is_a_stream(capsys: pytest.CaptureFixture[str], make_place: Callable[..., Place]) -> None:
    place = make_place(lambda path: logging.StreamHandler(sys.stdout))
    place.handler.stream = io.StringIO()
    place.call()

    assert place.is_fast()
    assert orjson.loads(place.handler.stream.getvalue().splitlines()[-1])["message"] == "order 7"
    assert orjson.loads(capsys.readouterr().out)["message"] == "the first record of this process"

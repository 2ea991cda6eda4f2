"""A handler that swallows its errors is heard while we deliver to it, and by nobody else."""

from __future__ import annotations

import io
import logging
import logging.handlers
import socket
from collections.abc import Callable
from typing import Any

import pytest

from aura_logging.handlers.hearing import hear_failures, is_delivering
from aura_logging.handlers.targets import (
    LineTarget,
    RecordTarget,
    TargetFailed,
    line_stamp,
    record_of,
    target_for,
    wanted,
)
from aura_logging.resilience.batches import Batch


def record(message: str = "hello", level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("shop", level, __file__, 1, message, None, None)


def batch_for(target: Any, *messages: str) -> Batch:
    batch: Batch = target.new_batch(1, {}, 0)
    for message in messages:
        batch.add(logging.INFO, target.payload(record(message)), 0)
    return batch


class BrokenStream(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


# Hearing ------------------------------------------------------------------------------------------------------------


def test_a_stream_handlers_swallowed_error_is_heard() -> None:
    target = target_for(logging.StreamHandler(BrokenStream()))

    with pytest.raises(TargetFailed) as failure:
        target.deliver(batch_for(target, "a", "b"))

    assert (failure.value.taken, failure.value.again) == (0, True)
    assert isinstance(failure.value.cause, OSError)


@pytest.mark.parametrize(
    "handler_for",
    [
        lambda port: logging.handlers.SMTPHandler(("127.0.0.1", port), "a@example.org", "b@example.org", "s"),
        lambda port: logging.handlers.SocketHandler("127.0.0.1", port),
        lambda port: logging.handlers.HTTPHandler(f"127.0.0.1:{port}", "/"),
    ],
    ids=["SMTPHandler", "SocketHandler", "HTTPHandler"],
)
def test_a_closed_port_is_a_failure_that_may_pass(
    handler_for: Callable[[int], logging.Handler], free_port: Callable[[], int]
) -> None:
    target = target_for(handler_for(free_port()))

    with pytest.raises(TargetFailed) as failure:
        target.deliver(batch_for(target, "a"))

    assert failure.value.again


def test_a_socket_that_is_there_gets_the_records() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        handler = logging.handlers.SocketHandler(*server.getsockname())
        target = target_for(handler)
        target.deliver(batch_for(target, "a", "b"))
        connection, _ = server.accept()
        handler.close()
        with connection:
            assert connection.makefile("rb").read().count(b"shop") == 2


def test_the_same_handler_on_a_logger_of_its_own_never_raises(
    monkeypatch: pytest.MonkeyPatch, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    handler = logging.StreamHandler(BrokenStream())
    hear_failures(handler)
    monkeypatch.setattr(logging, "raiseExceptions", False)

    logger_of(handler).error("to a full disk")


def test_another_handler_that_fails_inside_a_delivery_is_not_mistaken_for_the_target(
    monkeypatch: pytest.MonkeyPatch, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    broken = logging.StreamHandler(BrokenStream())
    hear_failures(broken)
    log = logger_of(broken)
    taken = []

    class LogsElsewhere(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.error("to a full disk")
            taken.append(record.getMessage())

    target = target_for(LogsElsewhere())
    target.deliver(batch_for(target, "a"))

    assert taken == ["a"]


def test_hearing_twice_is_hearing_once(sink: Any) -> None:
    hear_failures(sink)
    heard = sink.handleError
    hear_failures(sink)

    assert sink.handleError is heard


def test_a_thread_is_inside_a_target_only_while_it_delivers(sink: Any) -> None:
    seen = []
    sink.fail = lambda record: seen.append(is_delivering())
    target = target_for(sink)

    target.deliver(batch_for(target, "a"))

    assert seen == [True]
    assert not is_delivering()


def test_delivering_inside_a_delivery_ends_only_the_inner_one(sink: Any, make_sink: Any) -> None:
    inner = target_for(make_sink())
    seen = []

    def fail(record: logging.LogRecord) -> None:
        inner.deliver(batch_for(inner, "inner"))
        seen.append(is_delivering())

    sink.fail = fail
    outer = target_for(sink)
    outer.deliver(batch_for(outer, "outer"))

    assert seen == [True]


# Records ------------------------------------------------------------------------------------------------------------


def test_a_record_that_the_targets_code_fails_on_is_told_from_a_target_that_is_down(sink: Any) -> None:
    sink.fail = lambda record: TypeError("poison") if record.msg == "b" else None
    target = target_for(sink)

    with pytest.raises(TargetFailed) as failure:
        target.deliver(batch_for(target, "a", "b", "c"))

    assert (failure.value.taken, failure.value.again) == (1, False)
    assert sink.messages == ["a"]


def test_a_notice_goes_first_and_is_not_told_twice(sink: Any) -> None:
    sink.fail = lambda record: OSError("down") if record.msg == "a" else None
    target = target_for(sink)
    batch = batch_for(target, "a")
    batch.losses = {"buffer_full": 1}

    with pytest.raises(TargetFailed):
        target.deliver(batch, target.payload(record("1 records lost")))

    assert sink.messages == ["1 records lost"]
    assert batch.losses == {}


def test_a_notice_that_the_targets_code_fails_on_does_not_stand_in_the_way(sink: Any) -> None:
    sink.setFormatter(logging.Formatter("%(tenant)s %(message)s"))
    sink.fail = lambda record: KeyError("tenant") if record.msg == "1 records lost" else None
    target = target_for(sink)

    target.deliver(batch_for(target, "a"), target.payload(record("1 records lost")))

    assert sink.messages == ["a"]


def test_a_record_is_delivered_as_it_was_when_it_was_logged(sink: Any) -> None:
    target = target_for(sink)
    items = ["milk"]
    try:
        raise ValueError("boom")
    except ValueError as error:
        logged = logging.LogRecord("shop", 40, __file__, 1, "%s", (items,), (ValueError, error, error.__traceback__))
    batch: Any = target.new_batch(1, {}, 0)
    batch.add(40, target.payload(logged), 0)
    items.append("eggs")

    target.deliver(batch)

    (delivered,) = sink.records
    assert delivered.getMessage() == "['milk']"
    assert delivered.exc_info is None and "ValueError: boom" in delivered.exc_text


@pytest.mark.parametrize(
    ("handler", "is_locked"),
    [
        (logging.handlers.SMTPHandler("localhost", "a", ["b"], "s"), False),
        (logging.StreamHandler(io.StringIO()), True),
        (logging.handlers.SocketHandler("localhost", 1), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_in_parallel_only_handlers_that_break_keep_their_lock(
    handler: logging.Handler, is_locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquired: list[bool] = []
    monkeypatch.setattr(handler, "acquire", lambda: acquired.append(True))
    monkeypatch.setattr(handler, "release", lambda: None)
    monkeypatch.setattr(handler, "emit", lambda record: setattr(handler, "sock", io.BytesIO()))
    target = RecordTarget(handler, in_parallel=True)

    target.deliver(batch_for(target, "a"))

    assert bool(acquired) is is_locked


# Lines --------------------------------------------------------------------------------------------------------------


def test_a_handler_that_takes_lines_gets_a_whole_batch_in_one_write(lines: Any) -> None:
    target = target_for(lines)
    assert isinstance(target, LineTarget)

    target.deliver(batch_for(target, "a", "b"), target.payload(record("notice")))

    assert lines.writes == 1
    assert [record_of(line).getMessage() for line in lines.lines] == ["notice", "a", "b"]


def test_a_line_at_fault_is_found_and_those_around_it_are_not_blamed(lines: Any) -> None:
    lines.fail_lines = lambda written: TypeError("poison") if any(b'"b"' in line for line in written) else None
    target = target_for(lines)

    with pytest.raises(TargetFailed) as failure:
        target.deliver(batch_for(target, "a", "b", "c"))

    assert (failure.value.taken, failure.value.again) == (1, False)


def test_a_stamp_is_spliced_into_json_and_leaves_text_alone() -> None:
    stamp = line_stamp("0a1b2c3d")

    assert stamp(b'{"message":"hi"}\n', 7) == b'{"message":"hi","stream":"0a1b2c3d","seq":7}\n'
    assert stamp(b"got {'a': 1}\n", 7) == b"got {'a': 1}\n"
    assert stamp(b"{}\n", 7) == b"{}\n"


def test_a_line_that_is_not_json_becomes_a_records_message() -> None:
    assert record_of(b"plain \xff text\n").getMessage() == "plain \\xff text"


# Levels and filters -------------------------------------------------------------------------------------------------


def test_level_and_filters_are_asked_and_a_filter_may_give_another_record(sink: Any) -> None:
    sink.setLevel(logging.WARNING)
    assert wanted(sink, record(level=logging.INFO)) is None

    sink.addFilter(lambda record: record.msg != "unwanted")
    assert wanted(sink, record("unwanted", logging.ERROR)) is None

    loud = record("loud", logging.ERROR)
    assert wanted(sink, loud) is loud

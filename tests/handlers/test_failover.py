"""The first handler that is well gets the record; when none is, standard error does, and it is counted."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging.encoding import encode
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import FailoverHandler, StructuredFileHandler
from aura_logging.testing import ManualClock

LoggerOf = Callable[[logging.Handler], logging.Logger]


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


def down(record: logging.LogRecord) -> OSError:
    return OSError("down")


def well(record: logging.LogRecord) -> None:
    return None


def facts(handler: FailoverHandler) -> dict[str, Any]:
    return handler.health().as_dict()


def line(message: str, level: str = "INFO") -> bytes:
    record = logging.LogRecord("shop", logging.getLevelNamesMapping()[level], __file__, 1, message, None, None)
    return encode(record)


# Options ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"strategy": "failver"}, "strategy='failver' is unknown. Did you mean 'failover'?"),
        ({"strategy": None}, "strategy=None is unknown. Known: failover, round_robin."),
        ({"handlers": []}, "handlers=[] must be a list of one or more handlers."),
        ({"handlers": "json"}, "handlers='json' must be a list of one or more handlers."),
        ({"handlers": {"class": "logging.StreamHandler"}}, "must be a list of one or more handlers."),
        ({"handlers": ["jsn"]}, "handlers[0]='jsn' names no handler that exists."),
        ({"handlers": [7]}, "handlers[0]=7 is no handler;"),
        ({"failover_threshold": 0}, "failover_threshold=0 must be a whole number over 0."),
        ({"failover_threshold": "5"}, "failover_threshold='5' must be a whole number over 0."),
        ({"cooldown_seconds": float("nan")}, "cooldown_seconds=nan must be a number of seconds over 0"),
        ({"cooldown_seconds": "30"}, "cooldown_seconds='30' must be a number of seconds over 0"),
    ],
)
def test_a_bad_value_is_an_error_that_names_key_value_and_fix(options: dict[str, Any], told: str, sink: Any) -> None:
    with pytest.raises(ValueError) as error:
        FailoverHandler(**{"handlers": [sink], **options})

    assert told in str(error.value)


# Failing over ---------------------------------------------------------------------------------------------------------


def test_the_first_gets_everything_while_it_is_well(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    second = make_sink()
    log = logger_of(FailoverHandler([sink, second]))

    log.info("a")
    log.info("b")

    assert (sink.messages, second.messages) == (["a", "b"], [])


def test_a_record_the_first_fails_on_goes_to_the_next(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    second = make_sink()
    sink.fail = lambda record: TypeError("its own code") if record.msg == "a" else None
    handler = FailoverHandler([sink, second])
    log = logger_of(handler)

    log.info("a")
    log.info("b")

    assert (sink.messages, second.messages) == (["b"], ["a"])
    assert facts(handler)["handlers"][0]["last_error"] == "TypeError: its own code"


def test_after_the_threshold_it_is_left_in_peace_and_after_the_cooldown_used_again(
    sink: Any, make_sink: Any, logger_of: LoggerOf, clock: ManualClock
) -> None:
    second, tries = make_sink(), []
    sink.fail = lambda record: tries.append(record.msg) or OSError("down")
    handler = FailoverHandler([sink, second], failover_threshold=2, cooldown_seconds=30.0, clock=clock)
    log = logger_of(handler)
    for message in "abcd":
        log.info(message)
    assert tries == ["a", "b"]
    assert second.messages == ["a", "b", "c", "d"]
    assert facts(handler)["circuit_open"] is True
    assert facts(handler)["status"] == "degraded"

    clock.advance(30.0)
    log.info("probe")
    log.info("after")
    assert tries == ["a", "b", "probe"]

    sink.fail = well
    clock.advance(30.0)
    log.info("well again")
    log.info("and still")

    assert sink.messages == ["well again", "and still"]
    assert facts(handler)["status"] == "healthy"


def test_round_robin_takes_turns_and_passes_a_sick_one_by(
    sink: Any, make_sink: Any, logger_of: LoggerOf, clock: ManualClock
) -> None:
    second, third = make_sink(), make_sink()
    handler = FailoverHandler([sink, second, third], strategy="round_robin", failover_threshold=1, clock=clock)
    log = logger_of(handler)
    for number in range(9):
        log.info("%d", number)
    assert [len(child.records) for child in (sink, second, third)] == [3, 3, 3]

    second.fail = down
    for number in range(9):
        log.info("%d", number)

    assert len(second.records) == 3
    assert len(sink.records) + len(third.records) == 15


@pytest.mark.parametrize("strategy", ["failover", "round_robin"])
def test_errors_that_a_handler_swallows_are_heard(strategy: str, sink: Any, logger_of: LoggerOf) -> None:
    handler = FailoverHandler([logging.StreamHandler(Broken()), sink], strategy=strategy)
    log = logger_of(handler)
    log.info("a")
    log.info("b")

    assert sink.messages == ["a", "b"]


def test_a_file_handlers_failure_is_heard(tmp_path: Path, sink: Any, logger_of: LoggerOf) -> None:
    (tmp_path / "logs").write_text("in the way")
    child = StructuredFileHandler(tmp_path / "logs" / "app.jsonl")

    logger_of(FailoverHandler([child, sink])).info("a")

    assert sink.messages == ["a"]


def test_childrens_levels_and_filters_are_respected(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    second = make_sink()
    sink.setLevel(logging.ERROR)
    second.addFilter(lambda record: "noise" not in record.msg)
    handler = FailoverHandler([sink, second])
    log = logger_of(handler)

    log.error("serious")
    log.info("small")
    log.info("noise")

    assert (sink.messages, second.messages) == (["serious"], ["small"])
    health = facts(handler)
    assert (health["accepted"], health["delivered"], health["unwanted"], health["last_resort"]) == (3, 2, 1, 0)
    assert health["status"] == "healthy"


def test_a_childs_broken_filter_is_that_childs_failure(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("boom")

    sink.addFilter(broken)
    second = make_sink()
    handler = FailoverHandler([sink, second])

    logger_of(handler).info("a")

    assert second.messages == ["a"]
    assert facts(handler)["handlers"][0]["last_error"] == "RuntimeError: boom"


def test_the_last_resort_is_standard_error_and_it_is_counted(
    sink: Any, logger_of: LoggerOf, capfd: pytest.CaptureFixture[str]
) -> None:
    sink.fail = down
    handler = FailoverHandler([sink], failover_threshold=2)
    log = logger_of(handler)
    for message in "abc":
        log.info(message)

    assert [json.loads(said)["message"] for said in capfd.readouterr().err.splitlines()] == ["a", "b", "c"]
    health = facts(handler)
    assert (health["accepted"], health["last_resort"], health["dropped"]) == (3, 3, {})
    assert (health["status"], health["detail"]) == ("unhealthy", "every handler fails")


def test_what_standard_error_does_not_take_is_lost_and_counted(
    sink: Any, logger_of: LoggerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.__stderr__", None)
    sink.fail = down
    handler = FailoverHandler([sink])

    logger_of(handler).info("a")

    assert facts(handler)["dropped"] == {"every_handler_failed": 1}


def test_a_child_that_logs_by_itself_does_not_loop(make_sink: Any, logger_of: LoggerOf) -> None:
    class Chatty(make_sink):  # type: ignore[misc]  # a class from a fixture
        def emit(self, record: logging.LogRecord) -> None:
            log.debug("connecting")
            super().emit(record)

    chatty = Chatty()
    handler = FailoverHandler([chatty])
    log = logger_of(handler)

    log.info("a")

    assert chatty.messages == ["connecting", "a"]
    assert facts(handler)["ignored"] == {"logged_by_target": 1}
    assert facts(handler)["status"] == "healthy"


def test_a_failover_inside_a_failover(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    second = make_sink()
    sink.fail = down
    inner = FailoverHandler([sink, second])

    logger_of(FailoverHandler([inner])).info("a")

    assert second.messages == ["a"]


def test_many_threads_lose_no_record(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    second = make_sink()
    sink.fail = lambda record: OSError("down") if record.args[0] % 3 == 0 else None
    log = logger_of(FailoverHandler([sink, second], failover_threshold=10_000))

    def storm() -> None:
        for number in range(300):
            log.info("%d", number)

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sink.records) + len(second.records) == 1200


def test_flush_reaches_every_child(make_sink: Any) -> None:
    flushed = []
    children = [make_sink(), make_sink()]
    for child in children:
        child.flush = lambda child=child: flushed.append(child)

    FailoverHandler(children).flush()

    assert flushed == children


# Lines ----------------------------------------------------------------------------------------------------------------


def test_a_batch_of_lines_goes_to_a_first_child_that_takes_lines_in_one_write(lines: Any) -> None:
    handler = FailoverHandler([lines])
    assert handler.takes_lines

    handler.write_lines([line("a") + line("b")], 2)

    assert lines.writes == 1
    assert lines.lines == [line_ for line_ in lines.lines if line_.endswith(b"\n")]
    assert len(lines.lines) == 2


def test_lines_become_records_for_a_child_that_wants_records(lines: Any, sink: Any) -> None:
    lines.fail_lines = lambda written: OSError("down")
    handler = FailoverHandler([lines, sink])

    handler.write_lines([line("a", "ERROR") + line("b")], 2)

    assert [(record.name, record.levelno, record.getMessage()) for record in sink.records] == [
        ("shop", 40, "a"), ("shop", 20, "b"),
    ]  # fmt: skip
    assert facts(handler)["delivered"] == 2


def test_a_stream_handler_behind_a_file_writes_the_very_lines(lines: Any) -> None:
    stream = io.StringIO()
    second = logging.StreamHandler(stream)
    second.setFormatter(JsonFormatter())
    lines.fail_lines = lambda written: OSError("down")
    original = line("a")

    FailoverHandler([lines, second]).write_lines([original])

    assert orjson.loads(stream.getvalue()) == orjson.loads(original)


def test_another_child_that_takes_lines_gets_the_batch_whole(lines: Any, make_lines: Any) -> None:
    lines.fail_lines = lambda written: OSError("down")
    second = make_lines()

    FailoverHandler([lines, second]).write_lines([line("a") + line("b")], 2)

    assert (second.writes, len(second.lines)) == (1, 2)


def test_lines_a_child_does_not_want_are_not_a_failure(
    lines: Any, sink: Any, make_sink: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    only_errors = make_sink(logging.ERROR)
    handler = FailoverHandler([only_errors, sink])
    sink.addFilter(lambda record: "noise" not in record.getMessage())

    handler.write_lines([line("serious", "ERROR") + line("small") + line("noise")], 3)

    assert (only_errors.messages, sink.messages) == (["serious"], ["small"])
    health = facts(handler)
    assert (health["accepted"], health["delivered"], health["unwanted"], health["last_resort"]) == (3, 2, 1, 0)
    assert capfd.readouterr().err == ""


def test_a_line_the_failed_first_wanted_and_the_second_does_not_comes_to_the_last_resort(
    lines: Any, make_sink: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    lines.fail_lines = lambda written: OSError("down")

    handler = FailoverHandler([lines, make_sink(logging.ERROR)])
    handler.write_lines([line("small")])

    assert json.loads(capfd.readouterr().err)["message"] == "small"
    assert facts(handler)["last_resort"] == 1


def test_lines_that_no_child_takes_come_to_the_last_resort_one_by_one(
    lines: Any, make_lines: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    second = make_lines()
    lines.fail_lines = second.fail_lines = lambda written: OSError("down")
    handler = FailoverHandler([lines, second])

    handler.write_lines([line("a") + line("b")], 2)

    assert [json.loads(said)["message"] for said in capfd.readouterr().err.splitlines()] == ["a", "b"]
    assert facts(handler)["last_resort"] == 2


def test_a_filter_added_later_is_asked_of_every_line(lines: Any) -> None:
    handler = FailoverHandler([lines])
    lines.addFilter(lambda record: record.getMessage() != "b")

    handler.write_lines([line("a") + line("b")], 2)

    assert lines.messages == ["a"]


@pytest.mark.parametrize("schema", ["ecs", "otel"])
def test_another_spelling_of_the_fields_survives_the_way_through_a_record(schema: str, lines: Any, sink: Any) -> None:
    lines.setFormatter(JsonFormatter(schema))
    lines.line = lambda record: encode(record, schema)
    lines.fail_lines = lambda written: OSError("down")
    handler = FailoverHandler([lines, sink])
    record = logging.LogRecord("shop", 40, __file__, 7, "a", None, None)
    record.client_ip = "192.0.2.1"

    handler.write_lines([handler.line(record)])

    (delivered,) = sink.records
    assert (delivered.name, delivered.getMessage(), delivered.client_ip) == ("shop", "a", "192.0.2.1")

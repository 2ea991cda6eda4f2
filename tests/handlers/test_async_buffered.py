"""The thread that logs never waits for the target, and what becomes of every record is told."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler, StructuredFileHandler
from aura_logging.options import OptionError
from aura_logging.resilience.journal import recover
from aura_logging.testing import ManualClock

SECONDS = 20.0
NEVER = 3600.0

LoggerOf = Callable[[logging.Handler], logging.Logger]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.001)


def facts(handler: AsyncBufferedHandler) -> dict[str, Any]:
    return handler.health().as_dict()


def balances(handler: AsyncBufferedHandler) -> bool:
    return handler._outbox.ledger().balances


# Options ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"buffer_size": 0}, "buffer_size=0 must be a whole number over 0."),
        ({"buffer_size": 2.5}, "buffer_size=2.5 must be a whole number over 0."),
        ({"buffer_size": "500"}, "buffer_size='500' must be a whole number over 0."),
        ({"buffer_size": True}, "buffer_size=True must be a whole number over 0."),
        ({"workers": 0}, "workers=0 must be a whole number over 0."),
        ({"flush_interval": 0}, "flush_interval=0 must be a number of seconds over 0, as in 1.0."),
        ({"flush_interval": float("nan")}, "flush_interval=nan must be a number of seconds over 0, as in 1.0."),
        ({"flush_interval": float("inf")}, "flush_interval=inf must be"),
        ({"flush_interval": None}, "flush_interval=None must be"),
        ({"block_seconds": -1}, "block_seconds=-1 must be"),
        ({"shutdown_seconds": "5"}, "shutdown_seconds='5' must be"),
        ({"failure_threshold": 0}, "failure_threshold=0 must be"),
        ({"cooldown_seconds": 0}, "cooldown_seconds=0 must be"),
        ({"when_full": "drop_odlest"}, "when_full='drop_odlest' is unknown. Did you mean 'drop_oldest'?"),
        ({"when_full": "x"}, "Known: block, drop_newest, drop_oldest, spill."),
        ({"when_full": None}, "when_full=None is unknown."),
        ({"when_full": "spill"}, 'when_full="spill" needs a journal to spill to; give journal="some/directory".'),
        ({"journal": 7}, "journal=7 must be a directory"),
        ({"journal": ""}, "journal='' names no directory"),
        ({"journal": "j", "journal_max_bytes": 1}, "journal_max_bytes=1 must be from 64 KiB"),
        ({"journal": "j", "journal_max_bytes": 8 << 30}, "must be from 64 KiB (65536) to 4 GiB."),
        ({"journal": "j", "fsync": "alway"}, "fsync='alway' is unknown. Did you mean 'always'?"),
        ({"emergency": "nobody"}, "emergency='nobody' names no handler that exists."),
        ({"target": 7}, "target=7 is no handler; give a handler's name, an inline handler dict, or a handler."),
        ({"target": {"level": "INFO"}}, 'has no "class"; say which'),
        ({"target": {"class": "logging.Streamhandler"}}, "cannot be made"),
    ],
)
def test_a_bad_value_is_an_error_that_names_key_value_and_fix(options: dict[str, Any], told: str, sink: Any) -> None:
    with pytest.raises(ValueError) as error:  # the text is asserted below
        AsyncBufferedHandler(**{"target": sink, **options})

    assert told in str(error.value)


def test_an_unknown_option_names_itself(sink: Any) -> None:
    with pytest.raises(TypeError, match="bufer_size"):
        AsyncBufferedHandler(sink, bufer_size=1)  # type: ignore[call-arg]


def test_a_handler_half_made_is_not_left_for_logging_to_shut_down(sink: Any) -> None:
    # What logging.shutdown goes through; other tests' handlers may leave it meanwhile.
    before = list(logging._handlerList)  # type: ignore[attr-defined]

    with pytest.raises(OptionError):
        AsyncBufferedHandler(sink, buffer_size=0)

    assert [one for one in logging._handlerList if one not in before] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("max_bytes", [64 << 10, 1 << 20, 64 << 20])
def test_every_journal_size_that_is_allowed_works(
    sink: Any, tmp_path: Path, max_bytes: int, logger_of: LoggerOf
) -> None:
    handler = AsyncBufferedHandler(sink, journal=tmp_path, journal_max_bytes=max_bytes)

    logger_of(handler).info("a")

    assert handler.flush(SECONDS)
    assert facts(handler)["unjournaled"] == {}


@pytest.mark.parametrize("max_bytes", [300 << 20, 4 << 30])
def test_large_journals_are_made_of_larger_files(max_bytes: int, tmp_path: Path) -> None:
    from aura_logging.handlers.async_options import JournalOptions

    journal = JournalOptions(tmp_path, max_bytes, "never").open("a")

    assert 64 * journal._segment_bytes >= max_bytes
    assert list(tmp_path.iterdir()) == []


# Accepting ----------------------------------------------------------------------------------------------------------


def test_no_thread_and_no_file_before_the_first_record(sink: Any, tmp_path: Path) -> None:
    before = threading.active_count()

    handler = AsyncBufferedHandler(sink, workers=4, journal=tmp_path / "journal")

    assert threading.active_count() == before
    assert not (tmp_path / "journal").exists()
    handler.close()


def test_a_quarter_of_the_buffer_wakes_the_worker(sink: Any, logger_of: LoggerOf) -> None:
    log = logger_of(AsyncBufferedHandler(sink, buffer_size=8, flush_interval=NEVER))

    log.info("1")
    log.info("2")

    until(lambda: len(sink.messages) == 2)


def test_time_wakes_the_worker(sink: Any, logger_of: LoggerOf) -> None:
    log = logger_of(AsyncBufferedHandler(sink, buffer_size=1000, flush_interval=0.01))
    log.info("0")
    until(lambda: sink.messages)
    log.info("1")
    until(lambda: len(sink.messages) == 2)


def test_the_targets_level_and_filters_and_our_own_are_asked(sink: Any, logger_of: LoggerOf) -> None:
    sink.setLevel(logging.WARNING)
    sink.addFilter(lambda record: "secret" not in record.getMessage())
    handler = AsyncBufferedHandler(sink)
    handler.addFilter(lambda record: "noise" not in record.getMessage())
    log = logger_of(handler)

    for message in ("secret", "noise", "kept"):
        log.warning(message)
    log.info("too low")

    assert handler.flush(SECONDS)
    assert sink.messages == ["kept"]
    assert facts(handler)["accepted"] == 1


def test_a_record_a_filter_returns_takes_the_others_place(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink)
    handler.addFilter(lambda record: logging.makeLogRecord({**record.__dict__, "msg": "scrubbed"}))

    logger_of(handler).info("card 4111")

    assert handler.flush(SECONDS)
    assert sink.messages == ["scrubbed"]


def test_a_line_is_what_it_was_when_it_was_logged(lines: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(lines)
    basket = ["milk"]
    log = logger_of(handler)
    log.info("bought", extra={"basket": basket})
    basket.append("eggs")

    assert handler.flush(SECONDS)
    assert orjson.loads(lines.lines[0])["basket"] == ["milk"]


def test_what_goes_wrong_inside_is_counted_and_never_raised(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink)
    log = logger_of(handler)

    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("a filter of the target")

    sink.addFilter(broken)
    log.info("a")

    health = facts(handler)
    assert health["dropped"] == {"internal_error": 1}
    assert health["errors"] == {"RuntimeError": 1}
    assert balances(handler)


@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest", "block"])
def test_a_full_buffer_never_holds_the_caller_up_for_longer_than_it_may(
    sink: Any, logger_of: LoggerOf, when_full: str
) -> None:
    sink.gate.clear()
    handler = AsyncBufferedHandler(
        sink, buffer_size=10, when_full=when_full, block_seconds=0.001, flush_interval=0.01, emergency=None
    )
    log = logger_of(handler)
    log.info("0")
    assert sink.entered.wait(SECONDS)

    for number in range(1, 31):
        log.info("%d", number)

    health = facts(handler)
    assert health["accepted"] == 31
    assert health["dropped"] == {"buffer_full": 20}
    sink.gate.set()
    until(lambda: facts(handler)["queued"] == facts(handler)["in_flight"] == 0)
    kept = [message for message in sink.messages if message.isdigit()]
    newest = [str(number) for number in (range(21, 31) if when_full == "drop_oldest" else range(1, 11))]
    assert kept == ["0", *newest]


def test_spill_keeps_everything(lines: Any, tmp_path: Path, logger_of: LoggerOf) -> None:
    lines.gate.clear()
    handler = AsyncBufferedHandler(lines, buffer_size=10, when_full="spill", journal=tmp_path)
    log = logger_of(handler)
    for number in range(500):
        log.info("%d", number)
    assert facts(handler)["spilled"] > 400

    lines.gate.set()

    assert handler.flush(SECONDS)
    assert [orjson.loads(line)["message"] for line in lines.lines] == [str(number) for number in range(500)]
    assert facts(handler)["dropped"] == {}


def test_lost_errors_go_to_the_emergency_handler(sink: Any, make_sink: Any, logger_of: LoggerOf) -> None:
    emergency = make_sink()
    sink.gate.clear()
    handler = AsyncBufferedHandler(sink, buffer_size=1, emergency=emergency, shutdown_seconds=0.1, flush_interval=0.01)
    log = logger_of(handler)
    log.info("on its way")
    assert sink.entered.wait(SECONDS)

    log.info("lost without a word")
    log.error("lost")
    log.info("waits")

    assert emergency.messages == ["lost"]
    assert facts(handler)["emergencies"] == 1
    sink.gate.set()


def test_lost_errors_go_to_standard_error(sink: Any, logger_of: LoggerOf, capfd: pytest.CaptureFixture[str]) -> None:
    sink.fail = lambda record: TypeError("poison")
    handler = AsyncBufferedHandler(sink)

    logger_of(handler).error("a disaster")

    assert not handler.flush(SECONDS), "flush tells that it was lost"
    until(lambda: facts(handler)["emergencies"])
    assert json.loads(capfd.readouterr().err)["message"] == "a disaster"


def test_with_several_workers_a_slow_target_is_used_by_all_of_them(make_sink: Any, logger_of: LoggerOf) -> None:
    together = threading.Barrier(4)
    been_here = threading.local()

    class Slow(make_sink):  # type: ignore[misc]  # a class from a fixture
        def emit(self, record: logging.LogRecord) -> None:
            if not hasattr(been_here, "once"):
                been_here.once = together.wait(SECONDS)  # passes only if four threads are in here at once
            super().emit(record)

    slow = Slow()
    handler = AsyncBufferedHandler(slow, buffer_size=100, workers=4, flush_interval=0.01)
    log = logger_of(handler)

    for number in range(90):
        log.info("%d", number)

    assert handler.flush(SECONDS)
    assert sorted(map(int, slow.messages)) == list(range(90))
    assert facts(handler)["delivered"] == 90


# The target -----------------------------------------------------------------------------------------------------------


def test_health_has_the_keys_of_the_contract(sink: Any) -> None:
    health = facts(AsyncBufferedHandler(sink))

    assert {key: health[key] for key in ("status", "accepted", "delivered", "dropped", "queued", "circuit_open")} == {
        "status": "healthy", "accepted": 0, "delivered": 0, "dropped": {}, "queued": 0, "circuit_open": False,
    }  # fmt: skip
    json.dumps(health)


def test_an_open_breaker_shows_and_closes_by_itself(sink: Any, logger_of: LoggerOf) -> None:
    sink.fail = lambda record: OSError("down")
    clock = ManualClock(100.0)
    handler = AsyncBufferedHandler(sink, failure_threshold=1, flush_interval=0.01, clock=clock)
    logger_of(handler).info("a")
    until(lambda: facts(handler)["circuit_open"])
    assert facts(handler)["status"] == "unhealthy"
    assert "down" in facts(handler)["detail"]
    assert not handler.flush(), "nothing will be delivered while it is open: flush does not wait"

    sink.fail = lambda record: None
    clock.advance(30.0)

    until(lambda: sink.messages == ["a"])
    until(lambda: facts(handler)["status"] == "healthy")


def test_a_target_that_hangs_shows_in_health(sink: Any, logger_of: LoggerOf) -> None:
    sink.gate.clear()
    clock = ManualClock()
    handler = AsyncBufferedHandler(sink, clock=clock, flush_interval=0.01)
    logger_of(handler).info("a")
    assert sink.entered.wait(SECONDS)

    clock.advance(11.0)

    assert facts(handler)["detail"] == "the target has not returned for 11 s"
    sink.gate.set()


def test_a_target_that_logs_by_itself_does_not_loop(logger_of: LoggerOf, make_sink: Any) -> None:
    class Chatty(make_sink):  # type: ignore[misc]  # a class from a fixture
        def emit(self, record: logging.LogRecord) -> None:
            log.debug("connecting")
            super().emit(record)

    chatty = Chatty()
    handler = AsyncBufferedHandler(chatty, flush_interval=0.001)
    log = logger_of(handler)

    log.info("a")

    until(lambda: handler.flush(SECONDS) and len(chatty.records) == 2)
    assert chatty.messages == ["a", "connecting"]
    health = facts(handler)
    assert health["ignored"] == {"logged_by_target": 1}
    assert (health["status"], health["accepted"], health["delivered"]) == ("healthy", 2, 2)


def test_a_loss_is_told_by_the_line_behind_it(lines: Any, logger_of: LoggerOf) -> None:
    lines.gate.clear()
    handler = AsyncBufferedHandler(lines, buffer_size=5, flush_interval=0.01)
    handler.name = "async_file"
    log = logger_of(handler)
    log.info("0")
    assert lines.entered.wait(SECONDS)
    for number in range(1, 12):
        log.info("%d", number)
    lines.gate.set()
    assert handler.flush(SECONDS)

    written = [orjson.loads(line) for line in lines.lines]
    (gap,) = [number for number, line in enumerate(written) if line["logger"] == "aura.delivery"]
    missing = written[gap + 1]["seq"] - written[gap - 1]["seq"] - 1
    assert written[gap]["message"] == f"{missing} records lost"
    assert written[gap]["dropped"] == {"buffer_full": missing}
    assert written[gap]["handler"] == "async_file"


# Flush and close ------------------------------------------------------------------------------------------------------


def test_flush_of_nothing_is_done_at_once(sink: Any) -> None:
    assert AsyncBufferedHandler(sink).flush()


def test_flush_says_no_when_its_time_is_up(sink: Any, logger_of: LoggerOf) -> None:
    sink.gate.clear()
    handler = AsyncBufferedHandler(sink)
    logger_of(handler).info("a")

    assert not handler.flush(timeout=0.01)

    sink.gate.set()
    assert handler.flush(timeout=SECONDS)


def test_flush_from_many_threads_is_answered_to_each(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink, flush_interval=NEVER)
    log = logger_of(handler)
    answers: list[bool] = []

    def log_and_flush(number: int) -> None:
        for _ in range(20):
            log.info("%d", number)
            answers.append(handler.flush(SECONDS))

    threads = [threading.Thread(target=log_and_flush, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert answers == [True] * 160
    assert handler._outbox._bells == []


def test_flush_from_inside_the_target_does_not_wait_for_itself(logger_of: LoggerOf, make_sink: Any) -> None:
    answers = []

    class Flushes(make_sink):  # type: ignore[misc]  # a class from a fixture
        def emit(self, record: logging.LogRecord) -> None:
            answers.append(handler.flush())
            super().emit(record)

    target = Flushes()
    handler = AsyncBufferedHandler(target)
    logger_of(handler).info("a")

    assert handler.flush(SECONDS)
    assert answers == [False]


def test_flush_in_a_signal_handler_that_interrupted_a_log_call_returns_at_once(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink)
    log = logger_of(handler)
    answers: list[bool] = []

    def stamp(record: logging.LogRecord, number: int) -> logging.LogRecord:
        if record.msg == "a":
            signal.raise_signal(signal.SIGUSR1)  # while the outbox's lock is held
        return record

    def on_signal(signum: int, frame: object) -> None:
        log.warning("told to end")
        answers.append(handler.flush())

    before = signal.signal(signal.SIGUSR1, on_signal)
    usual, handler._outbox.stamp = handler._outbox.stamp, stamp
    try:
        log.info("a")
    finally:
        handler._outbox.stamp = usual
        signal.signal(signal.SIGUSR1, before)

    assert answers[0] is False
    assert handler.flush(SECONDS)
    assert sink.messages[:2] == ["a", "told to end"]


def test_close_delivers_what_waits_and_may_be_called_twice(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink, flush_interval=NEVER)
    log = logger_of(handler)
    for number in range(100):
        log.info("%d", number)

    handler.close()
    handler.close()

    assert len(sink.messages) == 100
    assert not any(worker.thread and worker.thread.is_alive() for worker in handler._workers)


def test_a_record_after_close_is_delivered_on_the_thread_that_logs_it(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink)
    log = logger_of(handler)
    handler.close()

    log.info("late")

    assert sink.messages == ["late"]
    assert facts(handler)["delivered"] == 1


def test_a_record_after_close_that_the_target_does_not_take_is_lost_at_once_and_counted(
    sink: Any, make_sink: Any, logger_of: LoggerOf
) -> None:
    emergency = make_sink()
    sink.fail = lambda record: OSError("down")
    handler = AsyncBufferedHandler(sink, emergency=emergency)
    log = logger_of(handler)
    handler.close()

    log.error("late")

    assert facts(handler)["dropped"] == {"shutdown": 1}
    assert emergency.messages == ["late"]
    assert balances(handler)


def test_records_logged_by_many_threads_after_close_are_all_delivered(sink: Any, logger_of: LoggerOf) -> None:
    handler = AsyncBufferedHandler(sink, buffer_size=10_000)
    log = logger_of(handler)
    handler.close()

    threads = [threading.Thread(target=lambda: [log.info("x") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    ledger = handler._outbox.ledger()
    assert ledger.balances
    assert ledger.queued == 0
    assert ledger.delivered + sum(ledger.dropped.values()) == 800


def test_close_while_the_target_hangs_ends_and_counts_what_is_lost(sink: Any, logger_of: LoggerOf) -> None:
    sink.gate.clear()
    handler = AsyncBufferedHandler(sink, shutdown_seconds=0.2, emergency=None, flush_interval=0.01)
    log = logger_of(handler)
    log.info("on its way")
    assert sink.entered.wait(SECONDS)
    for _ in range(5):
        log.info("waits")

    handler.close()
    log.info("late: must not wait for the target either")

    health = facts(handler)
    assert (health["in_flight"], health["dropped"]) == (1, {"shutdown": 6})
    assert balances(handler)
    sink.gate.set()
    until(lambda: facts(handler)["delivered"] == 1)
    assert balances(handler)


def test_close_after_a_flush_that_gave_up_does_not_wait_as_long_again(sink: Any, logger_of: LoggerOf) -> None:
    waited = []
    sink.gate.clear()
    handler = AsyncBufferedHandler(sink, shutdown_seconds=0.2, emergency=None)
    logger_of(handler).info("a")
    handler.flush()
    usual = handler._outbox.wait_until_settled
    handler._outbox.wait_until_settled = lambda *args: waited.append(args) or usual(*args)  # type: ignore[method-assign]

    handler.close()

    assert waited == []
    sink.gate.set()


def test_what_close_cannot_deliver_stays_in_the_journal(sink: Any, tmp_path: Path, logger_of: LoggerOf) -> None:
    sink.fail = lambda record: OSError("down")
    handler = AsyncBufferedHandler(sink, journal=tmp_path, shutdown_seconds=0.1)
    log = logger_of(handler)
    for _ in range(5):
        log.error("a")

    handler.close()

    health = facts(handler)
    assert (health["spilled"], health["dropped"], health["emergencies"]) == (5, {}, 0)
    with recover(tmp_path) as recovery:
        assert sum(len(batch.frames) for batch in recovery) == 5


def test_the_next_handler_of_the_name_delivers_it(sink: Any, lines: Any, tmp_path: Path, logger_of: LoggerOf) -> None:
    sink.fail = lambda record: OSError("down")
    first = AsyncBufferedHandler(sink, journal=tmp_path, shutdown_seconds=0.1)
    logger_of(first).error("left behind")
    first.close()

    second = AsyncBufferedHandler(lines, journal=tmp_path)
    logger_of(second).info("alive")
    until(lambda: facts(second)["recovered"] == 1)
    assert second.flush(SECONDS)

    left = [line for line in map(orjson.loads, lines.lines) if line.get("recovered")]
    assert [line["message"] for line in left] == ["left behind"]
    assert (facts(second)["accepted"], facts(second)["delivered"]) == (1, 1)


def test_by_hand_as_well(sink: Any, lines: Any, tmp_path: Path, logger_of: LoggerOf) -> None:
    sink.fail = lambda record: OSError("down")
    first = AsyncBufferedHandler(sink, journal=tmp_path, shutdown_seconds=0.1)
    logger_of(first).error("left behind")
    first.close()
    second = AsyncBufferedHandler(lines, journal=tmp_path)

    recovered = second.recover()

    assert (recovered.delivered, len(lines.lines)) == (1, 1)
    assert second.recover().delivered == 1, "it tells all that this process has recovered"
    second.close()


# Many threads ---------------------------------------------------------------------------------------------------------


def test_the_first_records_of_many_threads_share_one_journal(lines: Any, tmp_path: Path, logger_of: LoggerOf) -> None:
    for round_ in range(20):
        directory = tmp_path / str(round_)
        handler = AsyncBufferedHandler(lines, journal=directory)
        log = logger_of(handler)
        ready = threading.Barrier(4)

        def first(log: logging.Logger = log, ready: threading.Barrier = ready) -> None:
            ready.wait()
            log.info("first")

        threads = [threading.Thread(target=first) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        assert handler.flush(SECONDS)
        handler.close()

        assert list(directory.iterdir()) == [], "one journal, all of it acknowledged"
    assert len(lines.lines) == 80


def test_a_system_without_threads_delivers_on_the_thread_that_logs(
    sink: Any, logger_of: LoggerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    handler = AsyncBufferedHandler(sink)

    logger_of(handler).info("a")

    assert sink.messages == ["a"]


def test_there_a_target_that_fails_holds_nobody_up_and_nothing_is_lost(
    sink: Any, logger_of: LoggerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept") if seconds else None)
    sink.fail = lambda record: OSError("down")
    log = logger_of(AsyncBufferedHandler(sink))
    log.info("a")

    sink.fail = lambda record: None
    log.info("b")

    assert sink.messages == ["a", "b"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # what is tested is what it warns of
def test_a_fork_while_another_thread_logs_leaves_the_child_able_to_log(tmp_path: Path, logger_of: LoggerOf) -> None:
    path = tmp_path / "app.jsonl"
    handler = AsyncBufferedHandler(StructuredFileHandler(path), journal=tmp_path / "journal")
    log = logger_of(handler)
    stop = threading.Event()

    def storm() -> None:
        while not stop.is_set():
            log.info("parent")

    thread = threading.Thread(target=storm)
    thread.start()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            log.info("child", extra={"number": number})
            os._exit(0 if handler.flush(SECONDS) else 1)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    stop.set()
    thread.join(SECONDS)
    assert handler.flush(SECONDS)

    assert codes == [0] * 8
    written = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert sorted(line["number"] for line in written if line["message"] == "child") == list(range(8))
    assert len({(line["stream"], line["seq"]) for line in written}) == len(written)


def test_around_a_failover_a_directory_that_vanishes_costs_nothing(
    tmp_path: Path, logger_of: LoggerOf, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock(100.0)
    directory = tmp_path / "logs"
    directory.mkdir()
    failover = FailoverHandler(
        [StructuredFileHandler(directory / "app.jsonl"), logging.StreamHandler(open(os.dup(2), "w", buffering=1))],  # noqa: PTH123, SIM115
        failover_threshold=1,
        clock=clock,
    )
    handler = AsyncBufferedHandler(failover)
    log = logger_of(handler)
    log.info("to the file")
    assert handler.flush(SECONDS)
    (directory / "app.jsonl").unlink()
    directory.rmdir()
    directory.write_text("in the way")

    log.info("to standard error")
    assert handler.flush(SECONDS)
    assert "to standard error" in capfd.readouterr().err

    directory.unlink()
    clock.advance(30.0)
    log.info("to the file again")
    assert handler.flush(SECONDS)
    assert orjson.loads((directory / "app.jsonl").read_bytes())["message"] == "to the file again"
    failover._children[1].handler.stream.close()  # type: ignore[attr-defined]

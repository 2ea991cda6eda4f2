"""A sink that is slow, hangs or is full costs nobody who logs more than a moment, and memory stays bounded."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging.handlers import AsyncBufferedHandler

Run = Callable[..., subprocess.CompletedProcess[str]]
ReadLines = Callable[..., list[dict[str, Any]]]

SECONDS = 60.0
BURST = 5_000


class SlowSink(logging.Handler):
    """Takes 5 ms a record, until it is told to hurry."""

    def __init__(self) -> None:
        super().__init__()
        self.hurry = threading.Event()
        self.taken: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.hurry.wait(0.005)
        self.taken.append(record.number)  # type: ignore[attr-defined]  # an extra


class HungSink(logging.Handler):
    """Does not return until the test is over."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.over = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        self.over.wait(SECONDS)


@pytest.fixture
def hung() -> Iterator[HungSink]:
    sink = HungSink()
    yield sink
    sink.over.set()


def logger_for(handler: logging.Handler) -> logging.Logger:
    log = logging.Logger("shop")
    log.addHandler(handler)
    return log


def burst(log: logging.Logger, sink: SlowSink) -> int:
    """Log a burst; return how many records the sink had taken when it was over."""
    for number in range(BURST):
        log.info("order", extra={"number": number})
    return len(sink.taken)


def test_a_burst_into_a_slow_sink_waits_for_none_of_it_and_the_ledger_balances() -> None:
    sink = SlowSink()
    handler = AsyncBufferedHandler(sink, emergency=None)

    taken_meanwhile = burst(logger_for(handler), sink)

    # At 5 ms a record the sink would have needed 25 s: whoever waited for it would have seen it take thousands.
    assert taken_meanwhile < BURST / 4
    assert handler._outbox.ledger().balances
    sink.hurry.set()
    handler.flush(SECONDS)
    ledger = handler._outbox.ledger()
    assert ledger.balances
    assert ledger.accepted == BURST
    assert ledger.delivered == BURST - ledger.dropped["buffer_full"]
    # Notices of losses are told in the stream and are not accepted records.
    assert sorted(set(sink.taken)) == sink.taken
    handler.close()


def test_with_a_journal_nothing_of_it_is_lost(tmp_path: Path) -> None:
    sink = SlowSink()
    handler = AsyncBufferedHandler(sink, journal=tmp_path)

    taken_meanwhile = burst(logger_for(handler), sink)

    assert taken_meanwhile < BURST / 4
    sink.hurry.set()
    assert handler.flush(SECONDS)
    assert sink.taken == list(range(BURST))
    assert handler.health().dropped == {}
    handler.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_slow_sink_has_not_taken_at_the_end_stays_in_the_journal(tmp_path: Path) -> None:
    sink = SlowSink()
    handler = AsyncBufferedHandler(sink, journal=tmp_path, shutdown_seconds=0.5)
    handler.name = "slow"
    burst(logger_for(handler), sink)

    handler.close()

    ledger = handler._outbox.ledger()
    assert ledger.balances
    assert ledger.dropped == {}
    assert ledger.in_flight == 0, "the worker stopped after the few it was at"
    quick = SlowSink()
    quick.hurry.set()
    heir = AsyncBufferedHandler(quick, journal=tmp_path)
    heir.name = "slow"
    heir.recover()
    heir.close()
    assert sink.taken + quick.taken == list(range(BURST))


@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest", "block", "spill"])
def test_a_hung_sink_bounds_memory_and_every_log_call(when_full: str, hung: HungSink, tmp_path: Path) -> None:
    handler = AsyncBufferedHandler(
        hung,
        buffer_size=200,
        when_full=when_full,
        block_seconds=0.000_1,
        journal=tmp_path if when_full == "spill" else None,
        journal_max_bytes=256 << 10,
        emergency=None,
        flush_interval=0.01,
        shutdown_seconds=0.05,
    )
    log = logger_for(handler)
    padding = "x" * 1000
    log.info(padding)
    assert hung.entered.wait(SECONDS)
    for _ in range(1000):
        log.info(padding)

    tracemalloc.start()
    try:
        for _ in range(2000):
            log.info(padding)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # 2,000 records of 1 kB came; what stays is not more than the buffer, renewed.
    assert grown < 200 * 4_000
    ledger = handler._outbox.ledger()
    assert ledger.balances
    assert ledger.accepted == 3001
    assert ledger.queued <= 200
    assert ledger.in_flight <= 50
    handler.close()
    assert handler._outbox.ledger().balances


def test_a_hung_sink_does_not_keep_the_interpreter_from_ending(run: Run) -> None:
    ended = run(
        """
        import logging, threading
        from aura_logging.handlers import AsyncBufferedHandler

        class Hung(logging.Handler):
            def emit(self, record):
                threading.Event().wait()

        handler = AsyncBufferedHandler(Hung(), shutdown_seconds=0.2, flush_interval=0.01)
        logging.getLogger().addHandler(handler)
        logging.error("on its way")
        while not handler.health().as_dict()["in_flight"]:
            pass
        logging.error("waits")
        """
    )

    assert ended.returncode == 0, ended.stderr
    assert orjson.loads(ended.stderr)["message"] == "waits"


def test_a_full_pipe_on_standard_error_holds_nobody_up(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    read_end, write_end = os.pipe()  # nobody reads
    process = start(
        """
        import logging
        from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler

        class Down(logging.Handler):
            def emit(self, record):
                raise TypeError("on every record")

        buffered = AsyncBufferedHandler(Down(), buffer_size=10_000)
        failover = FailoverHandler([Down()])
        log = logging.getLogger("shop")
        log.addHandler(buffered)
        log.addHandler(failover)
        for number in range(2000):
            log.error("x" * 1000)
        buffered.close()
        health, other = buffered.health().as_dict(), failover.health().as_dict()
        assert health["dropped"] == {"target_error": 2000}, health
        assert 0 < health["emergencies"] + other["last_resort"] < 100, health
        assert other["last_resort"] + other["dropped"]["every_handler_failed"] == 2000, other
        """,
        stderr=write_end,
    )
    os.close(write_end)

    assert process.wait(SECONDS) == 0, os.read(read_end, 1 << 16)[-3000:]
    os.close(read_end)


def test_the_production_presets_file_may_vanish_and_come_back(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]], read_lines: ReadLines
) -> None:
    process = start(
        """
        import logging.config, os, shutil
        from aura_logging import presets

        config = presets.production(log_dir="logs", sample_rates={})
        config["handlers"]["failover"]["cooldown_seconds"] = 0.2
        config["handlers"]["failover"]["failover_threshold"] = 1
        config["root"]["handlers"] = ["async_file"]
        config["filters"]["sampling"]["fold_after"] = None  # it says the same again and again
        logging.config.dictConfig(config)
        handler = logging.getLogger().handlers[0]
        log = logging.getLogger("shop")

        log.error("to the file")
        assert handler.flush(30)
        shutil.rmtree("logs")
        open("logs", "w").close()
        log.error("to standard error")
        assert handler.flush(30)
        os.unlink("logs")
        failover = handler._target.handler
        while True:
            log.error("until it is well")
            assert handler.flush(30)
            if not failover.health().circuit_open:
                break
        log.error("to the file again")
        assert handler.flush(30)
        assert handler.health().dropped == {}, handler.health()
        """,
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, err.decode()
    on_stderr = [orjson.loads(line)["message"] for line in err.splitlines()]
    assert on_stderr[0] == "to standard error"
    assert set(on_stderr[1:]) <= {"until it is well"}
    assert [line["message"] for line in read_lines(tmp_path / "logs" / "app.jsonl")] == [
        "until it is well",
        "to the file again",
    ]


def test_emit_never_waits_for_a_hung_sink(hung: HungSink) -> None:
    """Whoever waited for it would not return before the test is over, which is after this."""
    handler = AsyncBufferedHandler(hung, buffer_size=10, emergency=None, shutdown_seconds=0.05)
    done = threading.Event()

    def log_all() -> None:
        log = logger_for(handler)
        for _ in range(1000):
            log.info("x")
        done.set()

    thread = threading.Thread(target=log_all)
    thread.start()

    assert done.wait(SECONDS)
    assert not hung.over.is_set()
    thread.join()
    handler.close()

"""Logging from where nobody expects it: signal handlers, finalisers, the target itself, a reconfiguration."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
ReadLines = Callable[[Path], list[dict[str, Any]]]

SETUP = """
    import atexit, gc, logging, logging.config, os, signal, sys, threading
    from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

    handler = AsyncBufferedHandler(
        StructuredFileHandler("app.jsonl"), buffer_size=100_000, journal=sys.argv[1] if sys.argv[1:] else None
    )
    log = logging.getLogger("shop")
    log.setLevel("INFO")
    log.addHandler(handler)

    def check(expected):
        assert handler.flush(30), handler.health()
        ledger = handler._outbox.ledger()
        assert ledger.balances, ledger
        assert ledger.delivered == expected, (ledger, expected)
        assert not ledger.dropped, ledger
"""


def numbers_are_whole(written: list[dict[str, Any]]) -> None:
    assert [line["seq"] for line in written] == list(range(1, len(written) + 1))


@pytest.mark.parametrize("journal", ["", "journal"], ids=["memory", "journal"])
def test_a_storm_of_signals_whose_handler_logs(journal: str, tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    signals = 0

    def on_alarm(signum, frame):
        global signals
        signals += 1
        log.info("from a signal handler")
        signal.setitimer(signal.ITIMER_REAL, 0.000_1)  # the next, once this one is over

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.000_1)
    logged = 0
    while signals < 500:
        log.info("from the loop")
        logged += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    check(logged + signals)
    """
    )

    ended = run(program, *([journal] if journal else []))

    assert (ended.returncode, ended.stderr) == (0, "")
    written = read_lines(tmp_path / "app.jsonl")
    assert sum(line["message"] == "from a signal handler" for line in written) >= 500
    numbers_are_whole(written)


def test_a_signal_handler_that_ends_the_process_by_the_book(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    def on_term(signum, frame):
        log.info("told to end")
        logging.shutdown()
        sys.exit(0)

    signal.signal(signal.SIGALRM, on_term)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while True:
        log.info("from the loop")
    """
    )

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    written = read_lines(tmp_path / "app.jsonl")
    assert any(line["message"] == "told to end" for line in written)
    numbers_are_whole(written)


def test_finalisers_that_log_wherever_the_collector_runs(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    finalised = 0

    class Logs:
        def __init__(self):
            self.cycle = self

        def __del__(self):
            global finalised
            finalised += 1
            log.info("from a finaliser")

    gc.set_threshold(1, 1, 1)  # at almost any allocation, on the worker's thread too
    for number in range(1000):
        Logs()
        log.info("from the loop", extra={"number": number})
    gc.set_threshold(700, 10, 10)
    gc.collect()
    assert finalised == 1000
    check(2000)
    """
    )

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    written = read_lines(tmp_path / "app.jsonl")
    numbers_are_whole(written)
    assert [line["number"] for line in written if "number" in line] == list(range(1000))


def test_a_collection_inside_the_workers_delivery(run: Run) -> None:
    program = """
    import gc, logging, threading
    from aura_logging.handlers import AsyncBufferedHandler

    class Logs:
        def __init__(self):
            self.cycle = self

        def __del__(self):
            assert threading.current_thread() is not threading.main_thread()
            log.info("from a finaliser")

    class Collects(logging.Handler):
        messages = []

        def emit(self, record):
            if record.msg == "from the loop":
                Logs()
                gc.collect()
            self.messages.append(record.msg)

    gc.disable()
    target = Collects()
    handler = AsyncBufferedHandler(target)
    log = logging.getLogger("shop")
    log.setLevel("INFO")
    log.addHandler(handler)
    for _ in range(20):
        log.info("from the loop")
        assert handler.flush(30)
    while handler.health().queued or handler.health().as_dict()["in_flight"]:
        handler.flush(30)
    assert target.messages.count("from the loop") == 20
    told = handler.health().as_dict()
    assert target.messages.count("from a finaliser") + sum(told["ignored"].values()) == 20
    assert target.messages.count("from a finaliser") > 0
    assert handler._outbox.ledger().balances
    """

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_records_logged_at_the_very_end_are_delivered(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    atexit.register(lambda: log.info("in an atexit handler"))
    atexit.register(logging.shutdown)
    atexit.register(lambda: log.info("in an earlier one"))

    class Finalised:
        def __del__(self):
            log.info("in a finaliser at exit")

    keep = Finalised()
    log.info("just before the end")
    """
    )

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line["message"] for line in read_lines(tmp_path / "app.jsonl")] == [
        "just before the end",
        "in an earlier one",
        "in an atexit handler",
        "in a finaliser at exit",
    ]


def test_the_first_record_of_all_may_come_at_exit(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    atexit.register(lambda: log.info("the first and last"))
    """
    )

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line["message"] for line in read_lines(tmp_path / "app.jsonl")] == ["the first and last"]


def test_threads_that_log_while_the_main_thread_ends(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    def work():
        for number in range(2000):
            log.info("from a thread")

    for _ in range(4):
        threading.Thread(target=work).start()
    """
    )

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(read_lines(tmp_path / "app.jsonl")) == 8000


def test_a_reconfiguration_while_threads_log_loses_nothing(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = """
    import logging.config, threading

    def configure():
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "file": {"class": "aura_logging.handlers.StructuredFileHandler", "filename": "app.jsonl"},
                "async_file": {
                    "class": "aura_logging.handlers.AsyncBufferedHandler", "target": "file", "buffer_size": 100_000,
                    "journal": "journal",
                },
            },
            "loggers": {"shop": {"level": "INFO", "handlers": ["async_file"]}},
        })

    configure()
    log = logging.getLogger("shop")
    # For a moment while dictConfig works, loggers have no handler at all: what is logged then, no handler gets.
    done = threading.Event()
    handled = [0] * 3
    seen = set()

    def work(number):
        while not done.is_set():
            for handler in log.handlers[:1]:
                seen.add(handler)
                handler.handle(log.makeRecord("shop", 20, "f", 1, "x", (), None))
                handled[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        configure()
    done.set()
    for thread in threads:
        thread.join()
    for handler in seen:
        handler.flush(30)
        assert handler._outbox.ledger().balances
    ledgers = [handler._outbox.ledger() for handler in seen]
    assert sum(ledger.accepted for ledger in ledgers) == sum(handled)
    assert sum(ledger.delivered for ledger in ledgers) == sum(handled), ledgers
    print(sum(handled))
    """

    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(read_lines(tmp_path / "app.jsonl")) == int(ended.stdout)


@pytest.mark.parametrize("journal", ["", "journal"], ids=["memory", "journal"])
def test_a_gevent_patched_process_does_not_hang(journal: str, tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        """
    from gevent import monkey
    monkey.patch_all()
    import gevent
    """
        + SETUP
        + """
    def work(number):
        for count in range(200):
            log.info("from a greenlet", extra={"number": number, "count": count})
            if count % 50 == 0:
                gevent.sleep(0)

    gevent.joinall([gevent.spawn(work, number) for number in range(20)])
    check(4000)
    log.info("just before the end")
    """
    )

    ended = run(program, *([journal] if journal else []))

    assert ended.returncode == 0, ended.stderr
    assert len(read_lines(tmp_path / "app.jsonl")) == 4001

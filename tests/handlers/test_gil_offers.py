"""A worker thread needs the GIL, and a loop that does nothing but log would keep it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler
from aura_logging.resilience.batches import Line

SECONDS = 60.0


@pytest.fixture
def nobody_takes_the_gil() -> Iterator[None]:
    """Let a thread keep the GIL until it gives it away: CPython would take it after 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1_000)
    yield
    sys.setswitchinterval(before)


class HungSink(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.is_entered = threading.Event()
        self.may_go_on = threading.Event()

    def line(self, record: logging.LogRecord) -> bytes:
        return b"%s\n" % record.getMessage().encode()

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        self.is_entered.set()
        self.may_go_on.wait(SECONDS)


@pytest.mark.usefixtures("nobody_takes_the_gil")
def test_a_tight_loop_of_log_calls_loses_nothing(tmp_path: Path) -> None:
    handler = AsyncBufferedHandler(StructuredFileHandler(tmp_path / "app.jsonl"), buffer_size=1000)
    log = logging.Logger("tight loop")
    log.addHandler(handler)

    for number in range(10_000):
        log.info("order %s placed", number)

    assert handler.flush(SECONDS)
    assert handler.health().as_dict()["dropped"] == {}
    assert handler.health().delivered == 10_000
    handler.close()


def test_a_target_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = HungSink()
    handler = AsyncBufferedHandler(sink, buffer_size=64, flush_interval=SECONDS)
    log = logging.Logger("hung")
    log.addHandler(handler)
    for _ in range(16):
        log.info("wakes the worker")
    assert sink.is_entered.wait(SECONDS)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    for _ in range(1_000):
        log.info("finds no room")

    monkeypatch.undo()
    # Four marks on the way to a full buffer, eight offers at each, and none once it is full.
    assert len(slept) == 4 * 8
    assert max(slept) < 0.001
    sink.may_go_on.set()
    handler.close()

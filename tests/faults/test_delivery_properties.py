"""Whatever a sink does, whenever a process forks or dies, the books balance and the journal has the rest."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aura_logging.encoding import encode
from aura_logging.handlers import AsyncBufferedHandler
from aura_logging.resilience.journal import pending

SECONDS = 30.0
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks, which are the matter


class Moody:
    """A sink that does as it is told. What it takes outlives its process, and a kill leaves all of it or nothing."""

    mood = "well"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        path.mkdir(exist_ok=True)
        self.wakes = threading.Event()

    def take(self, lines: bytes) -> None:
        if self.mood == "hangs":
            self.wakes.wait(SECONDS)
        if self.mood == "fails":
            raise OSError("down")
        if self.mood == "breaks":
            raise TypeError("its own code")
        with tempfile.NamedTemporaryFile(dir=self.path, delete=False) as file:
            file.write(lines)
        Path(file.name).rename(f"{file.name}.taken")

    def taken(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for file in self.path.glob("*.taken") for line in file.read_bytes().splitlines()]

    def forget_fork(self) -> None:
        self.wakes = threading.Event()
        self.mood = "well"


class MoodyRecords(Moody, logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        self.take(encode(record))


class MoodyLines(MoodyRecords):
    def line(self, record: logging.LogRecord) -> bytes:
        return encode(record)

    def write_lines(self, lines: Any, count: int | None = None) -> None:
        self.take(b"".join(map(bytes, lines)))


class AnyOrderOfMisfortunes(RuleBasedStateMachine):
    """One handler, its worker, and everything that can happen to them."""

    has_journal = False

    @initialize(
        kind=st.sampled_from([MoodyRecords, MoodyLines]),
        buffer_size=st.integers(1, 20),
        when_full=st.sampled_from(["drop_oldest", "drop_newest", "block"]),
        workers=st.integers(1, 2),
    )
    def begin(self, kind: type[MoodyRecords], buffer_size: int, when_full: str, workers: int) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        self.sink = kind(self.path / "taken")
        self.handler = self.make(self.sink, buffer_size, when_full, workers)
        self.log = logging.Logger("shop")
        self.log.addHandler(self.handler)
        self.log_everything = 0

    def make(self, sink: logging.Handler, buffer_size: int, when_full: str, workers: int) -> AsyncBufferedHandler:
        handler = AsyncBufferedHandler(
            sink,
            buffer_size,
            flush_interval=0.002,
            workers=workers,
            when_full=when_full,
            journal=self.path / "journal" if self.has_journal else None,
            journal_max_bytes=1 << 20,
            emergency=None,
            block_seconds=0.001,
            failure_threshold=3,
            cooldown_seconds=0.002,
            shutdown_seconds=0.05,
        )
        handler.name = "moody"
        return handler

    @rule(count=st.integers(1, 40), level=st.sampled_from([logging.INFO, logging.ERROR]))
    def log_some(self, count: int, level: int) -> None:
        for _ in range(count):
            self.log.log(level, "x")
        self.log_everything += count

    @rule(mood=st.sampled_from(["well", "fails", "hangs", "breaks"]))
    def change(self, mood: str) -> None:
        self.sink.mood = mood
        if mood != "hangs":
            self.sink.wakes.set()
        else:
            self.sink.wakes.clear()

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.01]))
    def let_time_pass(self, seconds: float) -> None:
        # One more way to shuffle who runs when; nothing depends on it.
        threading.Event().wait(seconds)

    @rule()
    def flush(self) -> None:
        done = self.handler.flush(0.01)
        assert done in (True, False)

    @rule(count=st.integers(0, 30), ends=st.sampled_from(["flush", "exit", "kill"]))
    def fork(self, count: int, ends: str) -> None:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.sink.forget_fork()
                for _ in range(count):
                    self.log.info("x")
                ledger = self.handler._outbox.ledger()
                code = 0 if ledger.balances and ledger.accepted == count else 2
                if ends == "flush":
                    self.handler.flush(SECONDS)
                    code = code or (0 if self.handler._outbox.ledger().balances else 3)
                if ends == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == (-signal.SIGKILL if ends == "kill" else 0)
        self.children = getattr(self, "children", 0) + count

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "handler"):
            return
        ledger = self.handler._outbox.ledger()
        assert ledger.balances, ledger
        assert ledger.accepted == self.log_everything

    def teardown(self) -> None:
        if not hasattr(self, "handler"):
            return
        self.sink.mood = "well"
        self.sink.wakes.set()
        self.log.info("the last")
        self.log_everything += 1
        self.handler.flush(SECONDS)
        self.handler.close()
        ledger = self.handler._outbox.ledger()
        self.at_the_end(ledger, self.sink.taken())
        self.directory.cleanup()

    def at_the_end(self, ledger: Any, taken: list[dict[str, Any]]) -> None:
        assert ledger.balances
        assert (ledger.queued, ledger.in_flight, ledger.spilled) == (0, 0, 0)
        own = [line["seq"] for line in taken if line.get("stream") == self.handler._stream and "seq" in line]
        assert len(set(own)) == ledger.delivered
        assert ledger.delivered + sum(ledger.dropped.values()) == self.log_everything


class AnyOrderOfMisfortunesWithAJournal(AnyOrderOfMisfortunes):
    """The same with a journal: then nothing is lost but what a sink's own code broke on."""

    has_journal = True

    def at_the_end(self, ledger: Any, taken: list[dict[str, Any]]) -> None:
        assert ledger.balances
        assert set(ledger.dropped) <= {"target_error"}, ledger
        heir = self.make(type(self.sink)(self.path / "taken"), 10, "drop_oldest", 1)
        refused = heir.recover().refused
        give_up_at = time.monotonic() + SECONDS
        # A stream that somebody looked at at that moment was passed by; the next look finds it.
        while any(file.unacknowledged_frames for file in pending(self.path / "journal") if not file.is_aside):
            assert time.monotonic() < give_up_at
            refused += heir.recover().refused
        heir.close()
        numbers = {(line["stream"], line["seq"]) for line in self.sink.taken() if "seq" in line}
        of_children = len({number for number in numbers if number[0] != self.handler._stream})
        assert refused == 0
        # At most those that a breaking sink refused, here or in passing on a dead child's, are not there.
        own = len(numbers) - of_children
        assert own == self.log_everything - sum(ledger.dropped.values())
        if not self.handler._delivery.recovered.refused:
            assert of_children == getattr(self, "children", 0)


def quickly(machine: Callable[..., Any], examples: int) -> Any:
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case


TestAnyOrderOfMisfortunes = quickly(AnyOrderOfMisfortunes, 25)
TestAnyOrderOfMisfortunesWithAJournal = quickly(AnyOrderOfMisfortunesWithAJournal, 15)

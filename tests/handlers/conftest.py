"""Give tests loggers of their own, and handlers that take records as they are told."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from aura_logging.encoding import encode


class Sink(logging.Handler):
    """Keeps the records it was given, or raises what `fail` says for one."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []
        self.fail: Callable[[logging.LogRecord], BaseException | None] = lambda record: None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        self.gate.wait(30)
        error = self.fail(record)
        if error is not None:
            raise error
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


class Lines(Sink):
    """Takes lines; raises what `fail_lines` says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.writes = 0
        self.fail_lines: Callable[[Sequence[bytes]], BaseException | None] = lambda lines: None

    def line(self, record: logging.LogRecord) -> bytes:
        return encode(record)

    def write_lines(self, lines: Sequence[bytes], count: int | None = None) -> None:
        self.writes += 1
        self.entered.set()
        self.gate.wait(30)
        single = [line + b"\n" for block in lines for line in bytes(block).split(b"\n")[:-1]]
        assert count in (None, len(single))
        error = self.fail_lines(single)
        if error is not None:
            raise error
        self.lines += single


_numbers = itertools.count()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def make_sink() -> type[Sink]:
    return Sink


@pytest.fixture
def make_lines() -> type[Lines]:
    return Lines


@pytest.fixture
def logger_of() -> Iterator[Callable[[logging.Handler], logging.Logger]]:
    """Return a function that makes a logger with one handler, which is closed after the test."""
    made: list[tuple[logging.Logger, logging.Handler]] = []

    def make(handler: logging.Handler) -> logging.Logger:
        logger = logging.getLogger(f"tests.delivery.{next(_numbers)}")
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        made.append((logger, handler))
        return logger

    yield make
    for logger, handler in made:
        logger.removeHandler(handler)
        handler.close()

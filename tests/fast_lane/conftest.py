"""Give tests a logger with our handler in front of a file in memory, and tell which way a call went."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler
from aura_logging.resilience.batches import single_lines

_numbers = itertools.count()


class InMemory(StructuredFileHandler):
    """Keeps its lines."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written: list[bytes] = []

    def write_lines(self, lines: Sequence[Any], count: int | None = None) -> None:
        self.written += single_lines(lines)


class Bench:
    """A logger in the fast lane, whose only handler is ours."""

    def __init__(
        self, directory: Path, wrap: Callable[[logging.Handler], logging.Handler] = lambda target: target
    ) -> None:
        self.target = InMemory(directory / "never-written.jsonl")
        self.target.setFormatter(JsonFormatter())
        self.handler = AsyncBufferedHandler(wrap(self.target), 10_000)
        self.handler.addFilter(RequestContextFilter(service_name="shop", host_metrics=False, environ={}))
        # Not from `getLogger`: pytest attaches its own handler to every logger that is known.
        self.logger = FastLogger(f"fast.{next(_numbers)}")
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(self.handler)
        self._records = 0
        # Where a record comes by on either of its ways.
        self.handler._payload = self._counted(self.handler._payload)
        self.handler._writes_plain_json = self._counted(self.handler._writes_plain_json)  # type: ignore[method-assign]
        self.logger.info("the first record starts the worker")

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any) -> Any:
            self._records += 1
            return function(*args)

        return count

    def is_fast(self, call: Callable[[], object] | None = None) -> bool:
        """Tell whether a call comes out without a record."""
        records, accepted = self._records, self.handler.health().accepted
        (call or self.a_call)()
        assert self.handler.health().accepted == accepted + 1
        return self._records == records

    def a_call(self) -> None:
        self.logger.info("an ordinary %s", "call", extra={"shelf": "poetry"})

    @property
    def lines(self) -> list[bytes]:
        """What came out."""
        assert self.handler.flush(10)
        return self.target.written


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made = []

    def make(*options: Any) -> Bench:
        made.append(Bench(tmp_path, *options))
        assert made[-1].is_fast()
        return made[-1]

    yield make
    for bench in made:
        bench.handler.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()

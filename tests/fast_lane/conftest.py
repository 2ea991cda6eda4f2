"""Give tests a logger with our handler in front of a file in memory, and tell which way a call went."""

from __future__ import annotations

import itertools
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, MetricsHandler, StructuredFileHandler
from aura_logging.performance import wide_record
from aura_logging.resilience.batches import single_lines
from aura_logging.testing import ManualClock

_numbers = itertools.count()
_COUNTED = (
    "aura_log_records_total", "aura_errors_total", "aura_requests_total", "aura_responses_total",
    "aura_request_duration_seconds", "aura_request_db_queries", "aura_db_queries_per_request",
    "aura_request_db_time_seconds", "aura_cache_hits_total", "aura_cache_misses_total",
    "aura_request_memory_growth_bytes", "aura_memory_percent", "aura_tasks_total", "aura_task_duration_seconds",
    "aura_security_events_total", "aura_security_events_by_country_total", "aura_metrics_rejected_total",
)  # fmt: skip
"""What is read off records; the rest is read off handlers."""

_STAMP = re.compile(rb',"stream":"\w+","seq":\d+}\n$')


class InMemory(StructuredFileHandler):
    """Keeps its lines."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.setFormatter(JsonFormatter())
        self.written: list[bytes] = []

    def write_lines(self, lines: Sequence[Any], count: int | None = None) -> None:
        self.written += single_lines(lines)


class Bench:
    """A logger in the fast lane, whose only handler is ours."""

    def __init__(
        self, directory: Path, wrap: Callable[[logging.Handler], logging.Handler] = lambda target: target
    ) -> None:
        self.target = InMemory(directory / "never-written.jsonl")
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


class Side:
    """A logger behind what the preset has: metrics first, then the file, sampled and scrubbed."""

    def __init__(self, directory: Path, kind: type[logging.Logger], **sampling: Any) -> None:
        self.clock = ManualClock(1_000.0)
        context = RequestContextFilter(service_name="shop", host_metrics=False, environ={})
        self.sampling = SamplingFilter(clock=self.clock, cpu_percent=lambda: 0.0, **sampling)
        self.security = SecurityFilter()
        self.metrics = MetricsHandler(store=f"memory://both-ways-{next(_numbers)}", flush_interval=300)
        self.metrics.filters = [context, SecurityFilter(scrub=False)]
        self.target = InMemory(directory / "never-written.jsonl")
        self.file = AsyncBufferedHandler(self.target, 100_000)
        self.file.filters = [context, self.sampling, self.security]
        # Not from `getLogger`: pytest attaches its own handler to every logger that is known.
        self.logger = kind("shop.orders")
        self.logger.setLevel(logging.DEBUG)
        self.logger.handlers = [self.metrics, self.file]
        self.records = 0
        counting: Any = self.metrics._counting
        counting.count = self._noted(counting.count)
        self.logger.warning("the first record starts the worker")
        self.clock.advance(10.0)
        self.logger.info("from here on the sampling filter knows that only one handler asks")
        self.logger.debug("and how it decides about this level")

    def _noted(self, count: Callable[..., Any]) -> Callable[..., Any]:
        def noted(record: logging.LogRecord) -> Any:
            self.records += 1
            return count(record)

        return noted

    def is_fast(self, call: Callable[[], object], times: int = 1) -> bool:
        before = self.records
        for _ in range(times):
            call()
        return self.records == before

    @property
    def lines(self) -> list[bytes]:
        assert self.file.flush(10)
        return [_STAMP.sub(b"}\n", line) for line in self.target.written]

    def counts(self) -> dict[tuple[object, ...], float]:
        """Return what was counted, the sums, by metric and labels."""
        self.metrics.flush()
        totals = self.metrics.store.totals(_COUNTED)
        return {(s.series.name, *s.series.labels): s.amount.sum for s in totals if s.amount.sum}

    def books(self) -> tuple[object, ...]:
        lanes = self.sampling.policy._book.all_lanes()
        offered = {(lane.logger, lane.level): lane.offered for lane in lanes}
        return self.counts(), self.sampling.health().dropped, offered, self.security.health().facts["findings"]

    def close(self) -> None:
        self.file.close()
        self.metrics.close()


@pytest.fixture
def make_side(tmp_path: Path) -> Iterator[Callable[..., Side]]:
    made: list[Side] = []

    def make(kind: type[logging.Logger] = FastLogger, **sampling: Any) -> Side:
        made.append(Side(tmp_path, kind, **sampling))
        return made[-1]

    yield make
    for side in made:
        side.close()


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.123456)
    # Which keeps the function that it was made with.
    monkeypatch.setattr(wide_record._writer.prototypes, "_clock", lambda: 1_700_000_000.123456)
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_456_000)


@pytest.fixture
def three_of_a_child() -> Callable[[Callable[[], object], Any], tuple[int, list[bytes]]]:
    """Return what calls three times in a forked child; that returns its process and the lines it has then."""

    def fork(call: Callable[[], object], side: Any) -> tuple[int, list[bytes]]:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                for _ in range(3):
                    call()
                os.write(writing, b"".join(side.lines[-3:]))
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(pid, 0)
        with os.fdopen(reading, "rb") as pipe:
            return pid, list(pipe)

    return fork

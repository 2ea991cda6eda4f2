"""Measure one log call through the whole chain beside doing nothing and beside peers, in one run: trust the ratios.

    python benchmarks/log_call.py [ROUNDS]

Every candidate logs the same: a message with an argument, six extras, four context fields, the caller's file and
line where it can, one JSON line in a file. The production preset also journals and scans the line, looks for threats,
and counts and samples the record (here it keeps all, so that there is a line to compare). CPU is that of the whole
process, our worker thread included, up to the moment when everything is in the file. The candidates take turns in short
rounds, and a ratio is the median of the rounds' own ratios, so that a noisy neighbour hits both sides of it alike.
"""

from __future__ import annotations

import logging
import logging.config
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter

import aura_logging
from aura_logging import presets
from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

CALLS = 4_000
ROUNDS = 30

WAYS = ("aura-logging, fast lane", "aura-logging")
PRESET_WAYS = ("preset, fast lane", "preset")
TARGETS = {"stdlib, NullHandler": 2.0, "python-json-logger": 0.5}

CONTEXT = {
    "correlation_id": "0af7651916cd43dd8448eb211c80319c",
    "user_id": "4711",
    "client_ip": "203.0.113.9",
    "route": "/orders/<int:pk>/",
}
EXTRA = {
    "order_id": 81723,
    "amount": 129.9,
    "currency": "EUR",
    "items": 3,
    "gateway": "stripe",
    "is_first": True,
}


@dataclass(frozen=True)
class Candidate:
    """A way of logging: `log` makes so many calls; `finish` returns when their lines are in the file."""

    name: str
    log: Callable[[int], None]
    finish: Callable[[], object]
    close: Callable[[], object]
    lines: Callable[[], int]


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _logger(name: str, handler: logging.Handler) -> logging.Logger:
    logger = logging.getLogger(f"benchmark.{name}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    return logger


def _stdlib_calls(logger: logging.Logger) -> Callable[[int], None]:
    def log(calls: int) -> None:
        for number in range(calls):
            logger.info("order %s placed", number, extra=EXTRA)

    return log


def doing_nothing() -> Candidate:
    handler = logging.NullHandler()
    logger = _logger("nothing", handler)
    return Candidate("stdlib, NullHandler", _stdlib_calls(logger), lambda: None, lambda: None, lambda: -1)


def ours(directory: Path, name: str = "aura-logging", **options: Any) -> Candidate:
    path = directory / f"{name.replace(' ', '_')}.jsonl"
    target = StructuredFileHandler(path, max_bytes=None)
    target.setFormatter(JsonFormatter())
    handler = AsyncBufferedHandler(target, **options)
    handler.addFilter(RequestContextFilter(service_name="shop", environment="benchmark", version="1"))
    logger = _logger(name, handler)

    def finish() -> None:
        if not handler.flush(30):
            losses.append(name)

    def lines() -> int:
        return _count_lines(path) - sum(handler.health().dropped.values())

    losses: list[str] = []
    return Candidate(name, _stdlib_calls(logger), finish, handler.close, lines)


def in_the_fast_lane(directory: Path, name: str = WAYS[0], **options: Any) -> Candidate:
    made = ours(directory, name, **options)
    # What `fast_lane.install()` does to every logger; here the others are to stay what they are.
    logging.getLogger(f"benchmark.{name}").__class__ = FastLogger
    return made


def production_preset(directory: Path) -> list[Candidate]:
    """The preset's own handlers and filters, taken both ways."""
    config = presets.production(log_dir=directory, sample_rates={}, metrics_store=f"sqlite:///{directory}/metrics.db")
    attached = {"level": "INFO", "propagate": False, "handlers": config["root"]["handlers"]}
    config["loggers"] |= {f"benchmark.{name}": attached for name in PRESET_WAYS}
    config["root"] = {}
    config["handlers"]["json"]["max_bytes"] = None
    config["filters"]["sampling"] |= {"limit_per_second": None, "circuit_records_per_second": None}
    logging.config.dictConfig(config)
    handler = logging.getLogger(f"benchmark.{PRESET_WAYS[0]}").handlers[1]
    assert isinstance(handler, AsyncBufferedHandler), handler
    logging.getLogger(f"benchmark.{PRESET_WAYS[0]}").__class__ = FastLogger

    def candidate(name: str) -> Candidate:
        def lines() -> int:
            written = b"".join(path.read_bytes() for path in directory.glob("app*.jsonl"))
            return written.count(b'"logger":"benchmark.%b"' % name.encode())

        logger = logging.getLogger(f"benchmark.{name}")
        return Candidate(name, _stdlib_calls(logger), lambda: handler.flush(30), lambda: None, lines)

    return [candidate(name) for name in PRESET_WAYS]


def python_json_logger(directory: Path) -> Candidate:
    path = directory / "python-json-logger.jsonl"
    handler = logging.FileHandler(path)
    names = ("asctime", "levelname", "name", "message", "pathname", "lineno", "funcName", "process", "threadName")
    handler.setFormatter(PythonJsonFormatter(" ".join(f"%({name})s" for name in names)))
    context = ContextVar("benchmark_context", default=CONTEXT)

    def add_context(record: logging.LogRecord) -> bool:
        record.__dict__.update(context.get())
        return True

    handler.addFilter(add_context)
    logger = _logger("python_json_logger", handler)
    return Candidate(
        "python-json-logger", _stdlib_calls(logger), handler.flush, handler.close, lambda: _count_lines(path)
    )


def structlog_native(directory: Path, name: str, *more: Callable[..., Any]) -> Candidate:
    path = directory / f"{name.replace(' ', '_')}.jsonl"
    file = path.open("wb")
    logger = structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *more,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind()

    def log(calls: int) -> None:
        for number in range(calls):
            logger.info("order %s placed", number, **EXTRA)

    return Candidate(name, log, file.flush, file.close, lambda: _count_lines(path))


def candidates(directory: Path) -> list[Candidate]:
    caller = structlog.processors.CallsiteParameterAdder(
        {
            structlog.processors.CallsiteParameter.PATHNAME,
            structlog.processors.CallsiteParameter.LINENO,
            structlog.processors.CallsiteParameter.FUNC_NAME,
        }
    )
    preset = production_preset(directory)  # first: configuring closes the handlers there are
    return [
        doing_nothing(),
        ours(directory),
        in_the_fast_lane(directory),
        *preset,
        python_json_logger(directory),
        structlog_native(directory, "structlog"),
        structlog_native(directory, "structlog with caller", caller),
    ]


Times = dict[str, list[float]]


def measure(subjects: list[Candidate], rounds: int, calls: int = CALLS) -> tuple[Times, Times]:
    """Return each round's CPU and wall time, in microseconds a call."""
    cpu: Times = {subject.name: [] for subject in subjects}
    wall: Times = {subject.name: [] for subject in subjects}
    for subject in subjects:
        subject.log(calls)
        subject.finish()
    for turn in range(rounds):
        # Each goes first as often as the others do.
        for subject in subjects[turn % len(subjects) :] + subjects[: turn % len(subjects)]:
            cpu_started, wall_started = time.process_time(), time.perf_counter()
            subject.log(calls)
            subject.finish()
            cpu[subject.name].append((time.process_time() - cpu_started) / calls * 1e6)
            wall[subject.name].append((time.perf_counter() - wall_started) / calls * 1e6)
    return cpu, wall


def ratio(times: Times, name: str, to: str) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(times[name], times[to], strict=True))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as made, aura_logging.bound(**CONTEXT):
        structlog.contextvars.bind_contextvars(**CONTEXT)
        subjects = candidates(Path(made))
        cpu, wall = measure(subjects, rounds)
        expected = CALLS * (rounds + 1)
        for subject in subjects:
            lines = subject.lines()
            if lines not in (-1, expected):
                print(f"{subject.name}: {expected - lines:,} of {expected:,} lines are missing")
            subject.close()
        print(f"{'':24} CPU µs   wall µs   the fast lane is   the ordinary way is, in CPU")
        for name in cpu:
            print(
                f"{name:23} {statistics.median(cpu[name]):7.2f} {statistics.median(wall[name]):9.2f}"
                f"   {ratio(cpu, WAYS[0], name):14.2f} x {ratio(cpu, WAYS[1], name):17.2f} x"
            )
        for name, most in TARGETS.items():
            for way in (*WAYS, *PRESET_WAYS):
                found = ratio(cpu, way, name)
                verdict = "met" if found <= most else "MISSED"
                print(f"target: at most {most} x {name}: {verdict} by {way} ({found:.2f})")


if __name__ == "__main__":
    main()

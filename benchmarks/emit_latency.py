"""Measure how long one log call keeps its caller, beside queue handlers of others, in one run: trust the ratios.

    python benchmarks/emit_latency.py

Paced (5,000 calls a second, so that caches are cold) and saturated (one call after the other), to a healthy file and
to a sink whose write does not return. All have a bounded queue of 1,000 where they can; nobody is waited for. A
caller is a plain loop in the main thread; what is timed is `logger.info(...)`, from call to return.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import logging.handlers
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import loguru
from log_call import CONTEXT, EXTRA
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter

import aura_logging
from aura_logging.filters import RequestContextFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler
from aura_logging.resilience.batches import Line

QUEUE = 1_000
PER_SECOND = 5_000
PACED_CALLS = 5_000
SATURATED_CALLS = 20_000
ROUNDS = 3

Call = Callable[[int], object]


class Gate:
    """Lets writes through, or holds them until it is opened."""

    def __init__(self, *, is_open: bool) -> None:
        self._opened = threading.Event()
        if is_open:
            self._opened.set()

    def pass_through(self) -> None:
        self._opened.wait()

    def open(self) -> None:
        self._opened.set()


class GatedFile(StructuredFileHandler):
    def __init__(self, path: Path, gate: Gate) -> None:
        super().__init__(path, max_bytes=None)
        self._gate = gate

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        self._gate.pass_through()
        super().write_lines(lines, count)


class GatedStdlibFile(logging.FileHandler):
    def __init__(self, path: Path, gate: Gate) -> None:
        super().__init__(path)
        self._gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        self._gate.pass_through()
        super().emit(record)


class DroppingQueueHandler(logging.handlers.QueueHandler):
    """As the documentation advises for those who must not wait; the stdlib's own prints a traceback instead."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


def _call(handler: logging.Handler) -> Call:
    logger = logging.Logger("benchmark", logging.INFO)
    logger.addHandler(handler)
    return lambda number: logger.info("order %s placed", number, extra=EXTRA)


@contextmanager
def ours(directory: Path, gate: Gate, **options: Any) -> Iterator[Call]:
    target = GatedFile(directory / "ours.jsonl", gate)
    target.setFormatter(JsonFormatter())
    handler = AsyncBufferedHandler(target, buffer_size=QUEUE, emergency=None, **options)
    handler.addFilter(RequestContextFilter(service_name="shop", environment="benchmark"))
    yield _call(handler)
    gate.open()
    handler.close()


@contextmanager
def ours_with_journal(directory: Path, gate: Gate) -> Iterator[Call]:
    with ours(directory, gate, journal=directory / "journal") as call:
        yield call


@contextmanager
def queue_listener(directory: Path, gate: Gate) -> Iterator[Call]:
    target = GatedStdlibFile(directory / "queue.jsonl", gate)
    target.setFormatter(PythonJsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s %(pathname)s %(lineno)d"))
    handler = DroppingQueueHandler(queue.Queue(QUEUE))
    listener = logging.handlers.QueueListener(handler.queue, target)
    listener.start()
    yield _call(handler)
    gate.open()
    while handler.queue.full():  # stop() raises queue.Full where there is no room for its sentinel
        time.sleep(0.01)
    listener.stop()
    target.close()


@contextmanager
def loguru_enqueue(directory: Path, gate: Gate) -> Iterator[Call]:
    file = (directory / "loguru.jsonl").open("a")

    def write(text: str) -> None:
        gate.pass_through()
        file.write(text)

    loguru.logger.remove()
    number_of_sink = loguru.logger.add(write, serialize=True, enqueue=True)
    logger = loguru.logger.bind(**CONTEXT)
    yield lambda number: logger.info("order {} placed", number, **EXTRA)
    gate.open()
    loguru.logger.remove(number_of_sink)
    file.close()


SUBJECTS = {
    "aura-logging": ours,
    "aura-logging, journal": ours_with_journal,
    "QueueHandler+Listener": queue_listener,
    "loguru, enqueue": loguru_enqueue,
}


def paced(call: Call, calls: int) -> list[int]:
    taken = []
    clock = time.perf_counter_ns
    due = clock()
    for number in range(calls):
        due += 1_000_000_000 // PER_SECOND
        wait = (due - clock()) / 1e9
        if wait > 0:
            time.sleep(wait)
        started = clock()
        call(number)
        taken.append(clock() - started)
    return taken


def saturated(call: Call, calls: int) -> list[int]:
    taken = []
    clock = time.perf_counter_ns
    for number in range(calls):
        started = clock()
        call(number)
        taken.append(clock() - started)
    return taken


def quantile(sorted_times: list[int], share: float) -> float:
    """Return it in microseconds."""
    return sorted_times[min(len(sorted_times) - 1, int(len(sorted_times) * share))] / 1e3


def table(title: str, drive: Callable[[Call, int], list[int]], calls: int, *, is_open: bool) -> None:
    times: dict[str, list[list[int]]] = {name: [] for name in SUBJECTS}
    for _ in range(ROUNDS):
        for name, subject in SUBJECTS.items():
            if name.startswith("loguru") and not is_open:
                # Its pipe has room for some 64 KiB; then it makes its callers wait for ever.
                break
            with tempfile.TemporaryDirectory() as made, subject(Path(made), Gate(is_open=is_open)) as call:
                saturated(call, 100)
                gc.collect()
                times[name].append(sorted(drive(call, calls)))
    print(f"\n{title}\n{'µs':24}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>12}{'p99, ours':>12}")
    our_p99 = [quantile(each, 0.99) for each in times["aura-logging"]]
    for name, rounds in times.items():
        if not rounds:
            print(f"{name:24}{'waits for ever once its pipe is full':>42}")
            continue
        columns = [statistics.median(quantile(each, share) for each in rounds) for share in (0.5, 0.99, 0.999, 1.0)]
        ratios = [a / quantile(b, 0.99) for a, b in zip(our_p99, rounds, strict=True)]
        p50, p99, p999, most = columns
        print(f"{name:24}{p50:10.1f}{p99:10.1f}{p999:10.1f}{most:12.0f}{statistics.median(ratios):12.2f} x")


def journal_ratio() -> None:
    """Print what the journal adds to a record: CPU of the whole process, in turns."""
    rounds, calls = 15, 3_000
    with (
        tempfile.TemporaryDirectory() as made,
        ours(Path(made), Gate(is_open=True)) as off,
        tempfile.TemporaryDirectory() as made_too,
        ours_with_journal(Path(made_too), Gate(is_open=True)) as on,
    ):
        ratios = []
        saturated(off, calls)
        saturated(on, calls)
        for turn in range(rounds):
            cost = {}
            for name, call in (("off", off), ("on", on)) if turn % 2 else (("on", on), ("off", off)):
                started = time.process_time()
                for number in range(calls):
                    call(number)
                cost[name] = time.process_time() - started
            ratios.append(cost["on"] / cost["off"])
    found = statistics.median(ratios)
    verdict = "met" if found <= 1.3 else "MISSED"
    print(f"\na record with the journal costs {found:.2f} x one without it; at most 1.3: {verdict}")


def main() -> None:
    with aura_logging.bound(**CONTEXT):
        table(f"paced, {PER_SECOND:,} a second, a healthy file", paced, PACED_CALLS, is_open=True)
        table("saturated, a healthy file", saturated, SATURATED_CALLS, is_open=True)
        table(f"paced, {PER_SECOND:,} a second, a sink that hangs", paced, PACED_CALLS, is_open=False)
        table("saturated, a sink that hangs", saturated, SATURATED_CALLS, is_open=False)
        journal_ratio()


if __name__ == "__main__":
    main()

"""Measure what a journal adds to a log call, and what it costs the worker, in one run: trust the ratios.

    python benchmarks/journal_append.py [DIRECTORY]

Every figure is the median of rounds taken in turns, so that a noisy neighbour hits all columns alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from aura_logging.resilience.journal import Journal, recover
from aura_logging.resilience.journal.frames import FRAME
from aura_logging.resilience.journal.headers import HEADER_BYTES

CALLS = 2_000
ROUNDS = 25


def nanoseconds_per_call(work: Callable[[], object], calls: int = CALLS) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / calls


def medians(subjects: dict[str, Callable[[], object]], between: Callable[[], object]) -> dict[str, float]:
    rounds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, work in subjects.items():
            rounds[name].append(nanoseconds_per_call(work))
            between()
    return {name: statistics.median(taken) for name, taken in rounds.items()}


def append_costs(directory: Path, size: int) -> dict[str, float]:
    line = os.urandom(size // 2).hex().encode()[: size - 1] + b"\n"
    journal = Journal(directory, name="benchmark")
    journal.open()
    room = journal._segments[-1].map
    buffer: deque[bytes] = deque()
    file = os.open(directory / "plain", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def journal_append() -> None:
        append = journal.append
        for _ in range(CALLS):
            append(line, 20)

    def deque_append() -> None:
        append = buffer.append
        for _ in range(CALLS):
            append(line)

    def write() -> None:
        for _ in range(CALLS):
            os.write(file, line)

    def copy() -> None:
        start, length = HEADER_BYTES, len(line)
        for _ in range(CALLS):
            room[start : start + length] = line
            start = start + length if start < 4_000_000 else HEADER_BYTES

    def checksum() -> None:
        for number in range(CALLS):
            crc32(line, number)

    def header() -> None:
        for number in range(CALLS):
            FRAME.pack_into(room, HEADER_BYTES, b"\xffabc", size, number, number, 20)

    def tidy() -> None:
        buffer.clear()
        os.ftruncate(file, 0)
        journal.acknowledge(journal.position)
        journal.maintain()

    # The parts scribble over the tail segment, so they are measured after the journal itself.
    costs = medians({"append": journal_append, "deque": deque_append, "os.write": write}, tidy)
    costs |= medians({"copy": copy, "crc32": checksum, "header": header}, lambda: None)
    os.close(file)
    journal.close()
    return costs


def read_and_acknowledge(directory: Path) -> float:
    """Nanoseconds a line for the worker of a handler that spills."""
    journal = Journal(directory, name="benchmark")
    taken = []
    for _ in range(ROUNDS):
        for _ in range(CALLS):
            journal.append(b"x" * 399 + b"\n", 20)

        def drain() -> None:
            after = 0
            while frames := journal.read(after):
                after = frames[-1].position
                journal.acknowledge(after)

        taken.append(nanoseconds_per_call(drain))
    journal.close()
    return statistics.median(taken)


def recovery(directory: Path, lines: int = 50_000) -> float:
    """Nanoseconds a line to claim, check and yield an orphan of many segments."""
    journal = Journal(directory, name="benchmark")
    for _ in range(lines):
        journal.append(b"x" * 399 + b"\n", 20)
    journal.close()

    def adopt() -> None:
        with recover(directory) as adopted:
            for batch in adopted:
                batch.acknowledge()
        assert adopted.report.recovered == lines

    return nanoseconds_per_call(adopt, lines)


def slowest_appends(directory: Path, *, with_worker: bool) -> tuple[float, float, float]:
    """Microseconds at p50, p99.9 and the worst of 100,000 appends, a worker's chores done between or not."""
    journal = Journal(directory, name="benchmark", max_bytes=256 << 20)
    journal.open()
    line, taken = b"x" * 399 + b"\n", []
    for number in range(100_000):
        started = time.perf_counter_ns()
        journal.append(line, 20)
        taken.append(time.perf_counter_ns() - started)
        if with_worker and number % 1000 == 0:
            journal.acknowledge(journal.position)
            journal.maintain()
    journal.acknowledge(journal.position)
    journal.close()
    taken.sort()
    return taken[len(taken) // 2] / 1e3, taken[-len(taken) // 1000] / 1e3, taken[-1] / 1e3


def fsync_costs(directory: Path) -> tuple[float, float]:
    """Microseconds a line with fsync="always", and with "batch" and one sync() per 500 lines."""
    always = Journal(directory, name="benchmark", fsync="always")
    batch = Journal(directory, name="benchmark", fsync="batch")
    line, calls = b"x" * 399 + b"\n", 200

    def each() -> None:
        for _ in range(calls):
            always.append(line)

    def batched() -> None:
        for _ in range(500):
            batch.append(line)
        assert batch.sync()

    for journal in (always, batch):
        journal.open()
    costs = (
        statistics.median(nanoseconds_per_call(each, calls) for _ in range(5)) / 1e3,
        statistics.median(nanoseconds_per_call(batched, 500) for _ in range(5)) / 1e3,
    )
    for journal in (always, batch):
        journal.acknowledge(journal.position)
        journal.close()
    return costs


def segment_costs(directory: Path) -> tuple[float, float]:
    """Milliseconds for the worker to make and prefault a new 4 MiB file, and to blank a used one instead."""
    made, blanked = [], []
    for _ in range(9):
        journal = Journal(directory, name="benchmark")
        journal.open()
        started = time.perf_counter()
        journal._pool.prepare()
        made.append(time.perf_counter() - started)
        segment = journal._pool._spares[0]
        segment.end = segment.size
        started = time.perf_counter()
        segment.zero()
        blanked.append(time.perf_counter() - started)
        journal.close()
    return statistics.median(made) * 1e3, statistics.median(blanked) * 1e3


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=root) as made:
        directory = Path(made)
        print("ns a line      append   deque  os.write |    copy   crc32  header | write/append")
        for size in (100, 400, 2000):
            c = append_costs(directory, size)
            print(
                f"{size:6d} bytes  {c['append']:7.0f} {c['deque']:7.0f} {c['os.write']:9.0f} |"
                f" {c['copy']:7.0f} {c['crc32']:7.0f} {c['header']:7.0f} | {c['os.write'] / c['append']:.1f}x"
            )
        print(f"read + acknowledge, ns a 400-byte line: {read_and_acknowledge(directory):.0f}")
        print(f"recovery, ns a 400-byte line:           {recovery(directory):.0f}")
        for with_worker in (True, False):
            p50, p999, worst = slowest_appends(directory, with_worker=with_worker)
            who = "worker keeps up" if with_worker else "nobody drains  "
            print(f"append, {who}: p50 {p50:.2f} us, p99.9 {p999:.2f} us, worst {worst:.0f} us")
        always, batch = fsync_costs(directory)
        print(f'fsync="always": {always:.0f} us a line; "batch", 500 lines a sync: {batch:.2f} us a line')
        fresh, blanked = segment_costs(directory)
        print(f"a new 4 MiB segment: {fresh:.2f} ms of the worker's time; a used one blanked: {blanked:.2f} ms")


if __name__ == "__main__":
    main()

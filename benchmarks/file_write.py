"""What a line costs on its way into a file, beside the handlers people use today.

    python benchmarks/file_write.py [--lines 20000] [--rounds 7]

Every handler gets lines of 400 bytes. The standard library's handlers, and concurrent-log-handler where it is
installed, know no batches and take a record at a time through a formatter that does nothing; ours is shown the same
way (`emit`) and with ready lines in batches (`write_lines`). The rounds of all are interleaved, the figure is the
median of CPU and of wall time in microseconds a line; trust the ratios, which are of the same run.
"""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aura_logging.handlers.files import StructuredFileHandler

LINE = b'{"message":"' + b"x" * 385 + b'"}\n'
TEXT = LINE[:-1].decode()
MAX_BYTES = 64 * 1024 * 1024


class ReadyText(logging.Formatter):
    """Costs nothing, so that what is left is the handler."""

    def format(self, record: logging.LogRecord) -> str:
        return TEXT

    def encode(self, record: logging.LogRecord) -> bytes:
        return LINE


def by_record(handler: logging.Handler, lines: int) -> Callable[[], None]:
    handler.setFormatter(ReadyText())
    record = logging.LogRecord("bench", logging.INFO, __file__, 1, "message", (), None)

    def run() -> None:
        for _ in range(lines):
            handler.handle(record)

    return run


def by_batch(handler: StructuredFileHandler, lines: int, size: int) -> Callable[[], None]:
    batch = [LINE] * size

    def run() -> None:
        for _ in range(lines // size):
            handler.write_lines(batch)

    return run


def contenders(directory: Path, lines: int) -> dict[str, Callable[[], None]]:
    def ours(name: str) -> StructuredFileHandler:
        return StructuredFileHandler(directory / name, max_bytes=MAX_BYTES, compress=None)

    runs = {
        "logging.FileHandler": by_record(logging.FileHandler(directory / "plain.log"), lines),
        "WatchedFileHandler": by_record(logging.handlers.WatchedFileHandler(directory / "watched.log"), lines),
        "RotatingFileHandler (one process only)": by_record(
            logging.handlers.RotatingFileHandler(directory / "rotating.log", maxBytes=MAX_BYTES, backupCount=20),
            lines,
        ),
    }
    try:
        from concurrent_log_handler import ConcurrentRotatingFileHandler
    except ImportError:
        print("concurrent-log-handler is not installed; it is left out")
    else:
        shared = ConcurrentRotatingFileHandler(directory / "concurrent.log", maxBytes=MAX_BYTES, backupCount=20)
        runs["ConcurrentRotatingFileHandler"] = by_record(shared, lines)
    runs["StructuredFileHandler.emit"] = by_record(ours("emit.log"), lines)
    for size in (1, 100, 1000):
        runs[f"StructuredFileHandler.write_lines, {size} a batch"] = by_batch(ours(f"batch{size}.log"), lines, size)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        runs = contenders(Path(directory), options.lines)
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(options.rounds):
            for name, run in runs.items():
                cpu, wall = time.process_time(), time.perf_counter()
                run()
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                took[name].append((cpu / options.lines * 1e6, wall / options.lines * 1e6))

    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in took.items()
    }
    base = medians["logging.FileHandler"][0]
    print(f"{'':46} CPU us  wall us  CPU ratio to FileHandler")
    for name, (cpu, wall) in medians.items():
        print(f"{name:46} {cpu:6.2f}  {wall:7.2f}  {cpu / base:.2f}")
    logging.shutdown()


if __name__ == "__main__":
    main()

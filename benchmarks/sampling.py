"""Measure what a sampling decision adds to a log call, and what a storm does to it, in one run: trust the ratios.

    python benchmarks/sampling.py [ROUNDS]

Costs are those of one filter on one handler that writes nothing, with the filter and without, in turns; a cost is the
median of the rounds' differences, and stands beside the whole call without the filter, on the same machine in the same
second. Then four threads log an error storm as fast as they can, and the memory and the lines it left are counted.
"""

from __future__ import annotations

import logging
import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable

from aura_logging.filters import SamplingFilter

CALLS = 20_000
ROUNDS = 40
TARGETS_MICROSECONDS = {"kept": 0.5, "dropped": 0.4}

STORM_THREADS = 4
STORM_RECORDS_PER_SECOND = 200_000
STORM_SECONDS = 2.0

ID = "0af7651916cd43dd8448eb211c80319c"
EXTRA = {"correlation_id": ID}


class Nowhere(logging.Handler):
    """Asks its filters, and counts what passes."""

    count = 0

    def handle(self, record: logging.LogRecord) -> bool:
        kept = bool(self.filter(record))
        self.count += kept
        return kept


def logger_with(name: str, *filters: logging.Filter) -> logging.Logger:
    logger = logging.Logger(f"benchmark.{name}", logging.DEBUG)
    handler = Nowhere()
    for each in filters:
        handler.addFilter(each)
    logger.addHandler(handler)
    return logger


def unlimited(**options: object) -> SamplingFilter:
    """A filter whose limits are never reached, so that each of them is asked."""
    return SamplingFilter(
        limit_per_second=1e9, burst=1_000_000_000, circuit_records_per_second=1e9, fold_after=1_000_000_000,
        shed_at_cpu_percent=None, **options,
    )  # fmt: skip


def infos(logger: logging.Logger) -> Callable[[int], None]:
    def log(calls: int) -> None:
        info = logger.info
        for number in range(calls):
            info("order %s placed", number, extra=EXTRA)

    return log


def warnings(logger: logging.Logger) -> Callable[[int], None]:
    def log(calls: int) -> None:
        warning = logger.warning
        for number in range(calls):
            warning("order %s placed", number, extra=EXTRA)

    return log


CANDIDATES: dict[str, tuple[Callable[[int], None], str]] = {
    "no filter": (infos(logger_with("none")), ""),
    "kept, rate 1": (infos(logger_with("whole", unlimited(rates={}))), "kept"),
    "kept, rate 0.99": (infos(logger_with("kept", unlimited(rates={"INFO": 0.99}))), "kept"),
    "kept, looked for storms": (warnings(logger_with("warned", unlimited())), "kept"),
    "dropped by rate": (infos(logger_with("dropped", unlimited(rates={"INFO": 0.0001}))), "dropped"),
    "dropped by limit": (
        infos(logger_with("limited", SamplingFilter({}, limit_per_second=1, burst=1, circuit_records_per_second=None))),
        "dropped",
    ),
    "folded": (
        warnings(logger_with("folded", SamplingFilter({}, fold_after=1, fold_every=1_000_000))),
        "dropped",
    ),
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Return each round's microseconds a call."""
    spent: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    names = list(CANDIDATES)
    for turn in range(-2, rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.thread_time()
            CANDIDATES[name][0](CALLS)
            if turn >= 0:
                spent[name].append((time.thread_time() - started) / CALLS * 1e6)
    return spent


def storm() -> None:
    """Offer 200,000 errors a second from four threads, and count what came of it."""
    sampling = SamplingFilter()
    logger = logger_with("storm", sampling)
    handler = logger.handlers[0]
    assert isinstance(handler, Nowhere)
    each_second = STORM_RECORDS_PER_SECOND // STORM_THREADS
    offered = [0] * STORM_THREADS

    def offer(mine: int) -> None:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < STORM_SECONDS:
            due = max(0, min(500, int(elapsed * each_second) - offered[mine]) // 2)
            for _ in range(due):
                logger.error("payment gateway unreachable", extra=EXTRA)
                logger.info("order %s placed", mine, extra=EXTRA)
            offered[mine] += 2 * due
            if not due:
                time.sleep(0.001)

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    threads = [threading.Thread(target=offer, args=(number,)) for number in range(STORM_THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    del before
    dropped = sampling.health().dropped
    total = sum(offered)
    print(
        f"\nstorm: {total:,} records in {seconds:.1f} s, {total / seconds:,.0f} a second, from {STORM_THREADS} threads"
    )
    print(f"       {handler.count:,} lines; dropped {dict(dropped)}")
    print(f"       the books balance: {handler.count + sum(dropped.values()) == total}")
    return


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    spent = measure(rounds)
    bare = spent["no filter"]
    whole = statistics.median(bare)
    print(f"{'':26} µs a call   beyond the call   of the call")
    for name, (_, kind) in CANDIDATES.items():
        beyond = statistics.median(mine - its for mine, its in zip(spent[name], bare, strict=True))
        verdict = ""
        if kind:
            most = TARGETS_MICROSECONDS[kind]
            verdict = f"   target: at most {most} µs: {'met' if beyond <= most else 'MISSED'}"
        print(f"{name:26} {statistics.median(spent[name]):9.2f} {beyond:17.2f} {beyond / whole:13.0%}{verdict}")
    storm()


if __name__ == "__main__":
    main()

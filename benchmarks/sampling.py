"""Measure what a sampling decision adds to a log call, and count the lines of a million identical errors.

    python benchmarks/sampling.py [ROUNDS]

A cost is that of one filter on one handler that writes nothing, beyond the same call without the filter. All take turns
in short rounds, so that a noisy neighbour hits them alike; of each the quickest tenth of its rounds counts, which is
what the code costs and not what the neighbour does. What a storm does to
requests is in sampling_storm.py.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Callable

from aura_logging.filters import SamplingFilter

CALLS = 2_000
ROUNDS = 150
TARGETS_MICROSECONDS = {"kept": 0.5, "dropped": 0.4}

ID = "0af7651916cd43dd8448eb211c80319c"
EXTRA = {"correlation_id": ID}


class Nowhere(logging.Handler):
    """Asks its filters, and counts what passes."""

    lines = 0

    def handle(self, record: logging.LogRecord) -> bool:
        kept = bool(self.filter(record))
        self.lines += kept and record.name != "aura.sampling"
        return kept


class Idle(logging.Filter):
    """Lets everything pass: what `logging` takes to ask any filter."""

    def filter(self, record: logging.LogRecord) -> bool:
        return True


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
    "a filter that does nothing": (infos(logger_with("idle", Idle())), ""),
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


def a_million() -> None:
    """Log a million identical errors, and compare the lines with the promise."""
    sampling = SamplingFilter()
    logger = logger_with("million", sampling)
    handler = logger.handlers[0]
    assert isinstance(handler, Nowhere)
    for _ in range(1_000_000):
        logger.error("payment gateway %s unreachable", "eu-1", extra=EXTRA)
    folded = sampling.health().dropped["folded"]
    lines = handler.lines
    print(f"\na million identical errors: {lines:,} lines and {folded:,} counted, together {lines + folded:,}")


def quickest(times: list[float]) -> float:
    return statistics.quantiles(times, n=10)[0]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    spent = measure(rounds)
    bare = quickest(spent["no filter"])
    print(f"{'':26} µs a call   beyond the call   of the call")
    for name, (_, kind) in CANDIDATES.items():
        beyond = quickest(spent[name]) - bare
        verdict = ""
        if kind:
            most = TARGETS_MICROSECONDS[kind]
            verdict = f"   target: at most {most} µs: {'met' if beyond <= most else 'MISSED'}"
        print(f"{name:26} {bare + beyond:9.2f} {beyond:17.2f} {beyond / bare:13.0%}{verdict}")
    a_million()


if __name__ == "__main__":
    main()

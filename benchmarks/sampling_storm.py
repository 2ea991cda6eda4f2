"""Measure what a storm of 200,000 records a second from four threads does to requests, to memory and to the ledger.

    python benchmarks/sampling_storm.py [SECONDS]

Four threads offer records to the production chain, into a file, while a fifth works through requests of ten lines.
CPython runs one thread at a time, and `logging` itself takes 5 µs to make a record and find its handlers: through
loggers no more than about 100,000 a second can be offered on a machine of today. So there are two storms: one of
records that are made already, offered to the handler, where it is decided about them, and one through loggers, as fast
as that goes. Beside both stand the same requests alone, beside four threads that offer as much to a handler that does
nothing, and beside four that calculate and log nothing: what those cost, threads cost and not a log.

Half of a storm are errors that say the same, half are ordinary records of 1,000 requests.
"""

from __future__ import annotations

import logging
import logging.config
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from aura_logging import bound, presets
from aura_logging.filters import SamplingFilter
from aura_logging.handlers import AsyncBufferedHandler

THREADS = 4
RECORDS_PER_SECOND = 200_000
SECONDS = 4.0
PAIRS_AT_ONCE = 25
POOL = 1_000

ID = "0af7651916cd43dd8448eb211c80319c"

Offer = Callable[[], int]
"""Offers the next two records, returns how many that were."""


class Nothing(logging.Handler):
    """Takes every record and does nothing."""

    def handle(self, record: logging.LogRecord) -> bool:
        return True


def through_a_logger(logger: logging.Logger) -> Offer:
    ids = [{"correlation_id": f"{number:032x}"} for number in range(POOL)]
    turn = 0

    def offer() -> int:
        nonlocal turn
        turn = (turn + 1) % POOL
        logger.error("payment gateway %s unreachable", "eu-1", extra=ids[0])
        logger.info("order %s placed", turn, extra=ids[turn])
        return 2

    return offer


def calculation() -> int:
    """Offer nothing, for about as long as offering two records through a logger takes."""
    sum(range(500))
    return 2


def to_a_handler(handler: logging.Handler, name: str) -> Offer:
    """Offer records that are made already, each again and again, as if it were new: nobody remembers it."""
    maker = logging.Logger(name)

    def made(level: int, message: str, args: tuple[object, ...], number: int) -> logging.LogRecord:
        extra = {"correlation_id": f"{number:032x}"}
        return maker.makeRecord(name, level, "shop.py", 7, message, args, None, "place", extra)

    errors = [made(logging.ERROR, "payment gateway %s unreachable", ("eu-1",), number) for number in range(POOL)]
    infos = [made(logging.INFO, "order %s placed", (number,), number) for number in range(POOL)]
    turn = 0

    def offer() -> int:
        nonlocal turn
        turn = (turn + 1) % POOL
        for record in (errors[turn], infos[turn]):
            record.__dict__.pop("_aura", None)
            handler.handle(record)
        return 2

    return offer


class Pace:
    """Offers so many records a second, as far as the machine lets it, and counts them."""

    def __init__(self, offer: Offer, per_second: float, stop: threading.Event) -> None:
        self.offered = 0
        self._offer = offer
        self._per_second = per_second
        self._stop = stop

    def __call__(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * self._per_second) - self.offered
            for _ in range(min(due // 2, PAIRS_AT_ONCE)):
                self.offered += self._offer()
            if due < PAIRS_AT_ONCE:
                time.sleep(0.0005)


@dataclass(frozen=True, slots=True)
class Requests:
    """How long requests took, in milliseconds by the clock, and of the processor, in microseconds."""

    milliseconds: Sequence[float]
    processor_microseconds: float

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.milliseconds, n=100)
        return f"{cuts[49]:9.2f} {cuts[98]:9.2f} {self.processor_microseconds:14.0f} {len(self.milliseconds):9,}"


def requests(seconds: float) -> Requests:
    """Work through requests: some work, ten lines."""
    logger = logging.getLogger("shop.requests")
    took, processor = [], []
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        started, started_processor = time.perf_counter(), time.thread_time()
        with bound(correlation_id=ID, route="orders/<int:pk>/"):
            for number in range(10):
                sum(range(200))
                logger.info("step %d", number)
        took.append((time.perf_counter() - started) * 1e3)
        processor.append((time.thread_time() - started_processor) * 1e6)
        time.sleep(0.001)
    return Requests(took, statistics.median(processor))


def beside(
    offers: Sequence[Offer], seconds: float, per_second: float = RECORDS_PER_SECOND
) -> tuple[Requests, int, float]:
    """Return how requests go beside threads that offer, how much those offered, and how much of it a second."""
    stop = threading.Event()
    paces = [Pace(offer, per_second / THREADS, stop) for offer in offers]
    threads = [threading.Thread(target=pace) for pace in paces]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    result = requests(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    offered = sum(pace.offered for pace in paces)
    return result, offered, offered / (time.monotonic() - began)


def configured(directory: str) -> tuple[AsyncBufferedHandler, SamplingFilter]:
    config = presets.production(log_dir=directory, level="INFO")
    config["root"]["handlers"] = ["async_file"]
    logging.config.dictConfig(config)
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, AsyncBufferedHandler)
    (sampling,) = (each for each in handler.filters if isinstance(each, SamplingFilter))
    return handler, sampling


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as directory:
        handler, sampling = configured(directory)
        names = [f"shop.storm.{number}" for number in range(THREADS)]
        print(f"{'a request of ten lines':34} p50 in ms   p99 in ms   processor µs   requests   offered a second")
        requests(seconds / 4)
        print(f"{'alone':34} {requests(seconds)}")
        idle, _, rate = beside([to_a_handler(Nothing(), name) for name in names], seconds)
        print(f"{'beside a handler that does nothing':34} {idle} {rate:18,.0f}")
        busy, _, _ = beside([calculation] * THREADS, seconds, per_second=1e9)
        print(f"{'beside threads that calculate':34} {busy}")
        before = psutil.Process().memory_info().rss
        storms: dict[str, Sequence[Offer]] = {
            "in a storm at the handler": [to_a_handler(handler, name) for name in names],
            "in a storm through loggers": [through_a_logger(logging.getLogger(name)) for name in names],
        }
        for title, offers in storms.items():
            accepted, left_out = handler.health().accepted or 0, sum(sampling.health().dropped.values())
            told, offered, rate = beside(offers, seconds)
            handler.flush(10)
            lines = (handler.health().accepted or 0) - accepted
            dropped = sum(sampling.health().dropped.values()) - left_out
            print(f"{title:34} {told} {rate:18,.0f}")
            asked = offered + 10 * len(told.milliseconds)
            print(
                f"{'':34} {offered:,} and {10 * len(told.milliseconds):,} of the requests = {asked:,} offered;"
                f" {lines:,} lines, {dropped:,} left out and counted: {lines + dropped - asked:+,} (notices)"
            )
        grown = psutil.Process().memory_info().rss - before
        health = handler.health()
        print(f"\nleft out by reason: {dict(sampling.health().dropped)}")
        print(f"lost by the buffer: {dict(health.dropped) or 'nothing'}; memory grew by {grown / 1024 / 1024:.1f} MiB")
        logging.shutdown()


if __name__ == "__main__":
    main()

"""What counting costs the caller, a flush the process, and a scrape the worker that answers it.

    pip install prometheus_client
    python benchmarks/metrics_cost.py [redis://localhost:6379/0]

Beside ours stands prometheus_client in the same run, in its multiprocess mode where processes are meant. Trust the
ratios: absolute times are this machine's.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics import counter, histogram, open_store
from aura_logging.metrics.buckets import DURATIONS_SECONDS
from aura_logging.metrics.exposition import expose
from aura_logging.metrics.families import gather
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.stores.base import MetricsStore

REQUEST = {
    "method": "GET", "route": "orders/<int:id>", "status_code": 200, "user_type": "staff", "request_duration": 0.25,
    "db_queries": 4, "db_time": 0.05, "cache_hits": 3, "cache_misses": 1, "memory_delta": 4096,
    "security_event": False, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}  # fmt: skip
WORKERS = 500


def microseconds(call: Callable[[], object], number: int = 50_000) -> float:
    rounds = []
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(number):
            call()
        rounds.append((time.perf_counter() - began) / number * 1e6)
    empty = time.perf_counter()
    for _ in range(number):
        pass
    return median(rounds) - (time.perf_counter() - empty) / number * 1e6


def milliseconds(call: Callable[[], object], number: int = 15) -> float:
    times = []
    for _ in range(number):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return median(times)


def samples() -> list[Sample]:
    """Two hundred series: a hundred counters, sixty histograms, forty gauges, of twenty metrics."""
    at, now = int(time.time()) // 10 * 10, time.time()
    made = [Sample(Series(f"c{n % 10}_total", "counter", (("n", str(n)),)), at, Amount(sum=1.0)) for n in range(100)]
    buckets = dict.fromkeys(range(20, 28), 2.0)
    made += [
        Sample(
            Series(f"h{n % 6}", "histogram", (("n", str(n)),), DURATIONS_SECONDS), at, Amount(16, 3.2, 0, 0, buckets)
        )
        for n in range(60)
    ]
    made += [Sample(Series(f"g{n % 4}", "gauge", (("n", str(n)),)), at, Amount(3, 9.0, 3.0, now)) for n in range(40)]
    return made


def flush(store: MetricsStore) -> float:
    numbers = iter(range(1_000_000))
    store.add(samples(), f"first {time.time()}")
    return milliseconds(lambda: store.add(samples(), f"{os.getpid()} {time.time()} {next(numbers)}"))


PEER = """
import sys
from prometheus_client import Counter, Histogram
orders = Counter("orders", "", ["route"]); seconds = Histogram("seconds", "", ["route"])
for route in range(20):
    orders.labels(str(route)).inc(); seconds.labels(str(route)).observe(0.2)
"""
OURS = """
import sys
from aura_logging.metrics import counter, histogram, open_store
from aura_logging.metrics.registry import PROCESS
orders = counter("orders_total", labels=["route"]); seconds = histogram("seconds", labels=["route"])
for route in range(20):
    orders.inc(route=route); seconds.observe(0.2, route=route)
open_store(sys.argv[1]).add(PROCESS.drain())
"""


FORK = """
import os
for _ in range({n}):
    pid = os.fork()
    if not pid:
        exec({body!r})
        os._exit(0)
    os.waitpid(pid, 0)
"""


def scrape(directory: Path) -> tuple[float, float]:
    """Return milliseconds of a scrape after 500 workers of twenty routes have come and gone: ours, theirs."""
    url = f"sqlite:///{directory}/metrics.db"
    environment = dict(os.environ, PROMETHEUS_MULTIPROC_DIR=str(directory / "multiproc"))
    (directory / "multiproc").mkdir()
    for body in (PEER, OURS):
        script = FORK.format(n=WORKERS, body=body)
        subprocess.run([sys.executable, "-c", script, url], env=environment, check=True)
    theirs = subprocess.run(
        [sys.executable, "-c", SCRAPE_PEER], env=environment, check=True, capture_output=True, text=True
    )
    store = open_store(url)
    text = expose(gather(store))
    assert f'orders_total{{route="7"}} {float(WORKERS)}' in text, text[:400]
    return milliseconds(lambda: expose(gather(store))), float(theirs.stdout)


SCRAPE_PEER = f"""
import time
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
times = []
for _ in range(3):
    began = time.perf_counter()
    registry = CollectorRegistry(); MultiProcessCollector(registry); text = generate_latest(registry).decode()
    times.append(time.perf_counter() - began)
assert 'orders_total{{route="7"}} {float(WORKERS)}' in text, text
print(sorted(times)[1] * 1e3)
"""


def main() -> None:
    import prometheus_client

    their_counter = prometheus_client.Counter("bench_orders", "", ["route"]).labels("shop/")
    their_labelled = prometheus_client.Counter("bench_labelled", "", ["route"])
    their_histogram = prometheus_client.Histogram("bench_seconds", "")
    our_counter = counter("bench_orders_total", labels=["route"])
    our_cell, our_histogram = our_counter.labels(route="shop/"), histogram("bench_own_seconds")
    rows = [
        ("counter, kept cell", our_cell.inc, their_counter.inc),
        ("counter, by label", lambda: our_counter.inc(route="shop/"), lambda: their_labelled.labels("shop/").inc()),
        ("histogram", lambda: our_histogram.observe(0.2), lambda: their_histogram.observe(0.2)),
    ]
    print(f"{'an update, µs':34}{'ours':>8}{'prometheus_client':>20}{'ratio':>8}")
    for name, ours, theirs in rows:
        our_time, their_time = microseconds(ours), microseconds(theirs)
        print(f"{name:34}{our_time:>8.2f}{their_time:>20.2f}{their_time / our_time:>8.1f}")

    handler = MetricsHandler(store="memory://bench")
    make = logging.getLogger("bench").makeRecord
    line, request = make("shop", 20, "", 0, "", (), None), make("aura.request", 20, "", 0, "", (), None, extra=REQUEST)

    def emit(record: logging.LogRecord) -> None:
        record.__dict__.pop("_aura", None)
        handler.emit(record)

    print(f"\n{'a record through MetricsHandler, µs':34}")
    print(f"{'ordinary':34}{microseconds(lambda: emit(line)):>8.2f}")
    print(f"{'aura.request, eleven metrics':34}{microseconds(lambda: emit(request), 10_000):>8.2f}")

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        print(f"\n{'a flush of 200 series, ms':34}")
        for url in (f"sqlite:///{directory}/flush.db", *sys.argv[1:]):
            print(f"{url.partition(':')[0]:34}{flush(open_store(url)):>8.2f}")
        ours, theirs = scrape(directory)
        print(f"\n{f'a scrape after {WORKERS} workers, ms':34}{'ours':>8}{'prometheus_client':>20}{'ratio':>8}")
        print(f"{'':34}{ours:>8.1f}{theirs:>20.1f}{theirs / ours:>8.1f}")


if __name__ == "__main__":
    main()

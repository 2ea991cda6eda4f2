"""Ten thousand workers come, count and go: are the totals exact, and what is left on disk?

    python benchmarks/metrics_recycles.py

Each worker is a process of its own for the store: a new connection, one flush of twenty series under a new batch id.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.stores.sqlite import SqliteStore

WORKERS = 10_000
SERIES = [Series("shop_orders_total", "counter", (("channel", str(number)),)) for number in range(20)]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "metrics.db"
        lives = []
        for worker in range(WORKERS):
            began = time.perf_counter()
            store = SqliteStore(path)
            at = int(time.time()) // 10 * 10
            store.add([Sample(series, at, Amount(sum=1)) for series in SERIES], f"worker {worker}")
            store.close()
            lives.append(time.perf_counter() - began)
        totals = [sample.amount.sum for sample in SqliteStore(path).totals()]
        exact = totals == [WORKERS] * len(SERIES)
        size = sum(file.stat().st_size for file in Path(name).iterdir())
        print(f"workers                {WORKERS:,}")
        print(f"totals exact           {exact}")
        print(f"bytes on disk          {size:,}")
        print(f"a worker's open, flush and close, median  {median(lives) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()

"""What a hundred hosts do to one Redis: memory after a day, commands and processor time a second.

    redis-server --port 7777 --save '' &
    python benchmarks/metrics_redis_fleet.py redis://127.0.0.1:7777/0

Every bucket that a day of counting leaves alive is written: two hundred series at each ten seconds of the last hour
and each minute of the day. Hosts add to the same buckets, so memory does not depend on their number; the rate does,
and is computed from what one flush costs the server. The database is flushed first.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import replace

import metrics_cost

from aura_logging.metrics.stores.redis import RedisStore

HOSTS, WORKERS, FLUSH_SECONDS = 100, 4, 5
DAY, HOUR = 86_400, 3_600


def main() -> None:
    if len(sys.argv) < 2:
        print("give the URL of a Redis that may be emptied; nothing measured")
        return
    store = RedisStore(sys.argv[1])
    client = store._client
    client.flushdb()
    samples = metrics_cost.samples()
    now = int(time.time()) // 60 * 60
    before = client.info("memory")["used_memory"]
    for at in itertools.chain(range(now - DAY, now - HOUR, 60), range(now - HOUR, now, 10)):
        store.add([replace(sample, at=at) for sample in samples])
        if at < now - HOUR:
            # Ten-second buckets of more than an hour ago would have expired by then.
            client.delete(*{f"{{aura}}:t:10:{at}:{sample.series.name}" for sample in samples})
    used = client.info("memory")["used_memory"] - before
    client.config_resetstat()
    times = 100
    for number in range(times):
        store.add([replace(sample, at=now - 10) for sample in samples], f"{time.time()} {number}")
    stats = client.info("commandstats")
    flush_microseconds = stats["cmdstat_evalsha"]["usec"] / times
    calls = (
        sum(each["calls"] for name, each in stats.items() if name not in ("cmdstat_evalsha", "cmdstat_info")) / times
    )
    flushes = HOSTS * WORKERS / FLUSH_SECONDS
    print(f"series                                     {len(samples)}")
    print(f"keys after a day                           {client.dbsize():,}")
    print(f"memory after a day                         {used / 1e6:.0f} MB")
    print(f"commands in one flush's script             {calls:,.0f}")
    print(f"processor time of one flush                {flush_microseconds / 1e3:.1f} ms")
    print(f"flushes a second, {HOSTS} hosts of {WORKERS} workers     {flushes:.0f}")
    print(f"processor time of Redis, all series busy   {flushes * flush_microseconds / 1e4:.0f} %")
    client.flushdb()


if __name__ == "__main__":
    main()

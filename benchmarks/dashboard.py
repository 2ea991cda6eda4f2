"""How long the dashboard's pages take over a store with 90 days and 1,000 series, and a log of two gigabytes.

    python benchmarks/dashboard.py [DIRECTORY] [ROUNDS]

Seeds a SQLite store in the directory with every bucket of every tier that 90 days of steady traffic leave (2.6 million
rows), and a log with its segments beside it. Then asks for
each page and each window through Django's test client, all in turn, and prints median and maximum of the rounds, and
the median of the processor's time, which is the one to trust on a machine that others use.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
import orjson
from django.conf import settings
from django.core.management import call_command

from aura_logging.metrics import catalogue
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.model import Amount, Series
from aura_logging.metrics.stores import sqlite_schema as schema
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.metrics.stores.tiers import TIERS
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

DAYS = 90
ROUTES = [f"shop/section-{number}/<int:pk>/" for number in range(100)]
COUNTRIES = ("FI", "SE", "DE", "FR", "US", "BR", "IN", "CN", "JP", "ZA")
WINDOWS = ("15m", "1h", "24h", "7d", "90d")
SEGMENT_BYTES = 64 << 20
SEGMENTS = 31


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "aura-dashboard")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    home.mkdir(parents=True, exist_ok=True)
    store, log = home / f"metrics-{datetime.now(UTC):%Y%m%d-%H}.db", home / "app.jsonl"
    if not store.exists():
        started = time.perf_counter()
        rows = seed_store(store)
        print(f"seeded {rows:,} rows in {time.perf_counter() - started:.0f} s, {store.stat().st_size / 1e6:.0f} MB")
    if not log.exists():
        seed_log(log)
    client = client_of(home, store, log)
    pages = [f"/aura/?window={window}" for window in WINDOWS]
    # pages += [f"/aura/route/?route={ROUTES[7]}&window={window}" for window in WINDOWS]
    pages += [f"/aura/routes/?route={quote(ROUTES[7])}&window={window}" for window in WINDOWS]
    pages += ["/aura/routes/?window=7d", "/aura/logs/", "/aura/logs/?level=ERROR", "/aura/logs/?text=no+such+text"]
    pages += ["/aura/logs/never-was/", "/aura/workers/", "/aura/alerts/"]
    walls: dict[str, list[float]] = {page: [] for page in pages}
    processors: dict[str, list[float]] = {page: [] for page in pages}
    for round_ in range(rounds + 1):
        for page in pages:
            started, worked = time.perf_counter(), time.process_time()
            response = client.get(page)
            wall, processor = time.perf_counter() - started, time.process_time() - worked
            assert response.status_code in (200, 404), (page, response.status_code)
            if round_:  # the first reads files and compiles templates
                walls[page].append(wall)
                processors[page].append(processor)
    print(f"{'page':<66}  median      max  of processor")
    for page in pages:
        wall, processor = statistics.median(walls[page]), statistics.median(processors[page])
        print(f"{page:<66} {wall:5.2f} s  {max(walls[page]):5.2f} s  {processor:5.2f} s")


def client_of(home: Path, store: Path, log: Path) -> Any:
    """Return a client that is logged in as a superuser of a site with nothing but the dashboard."""
    settings.configure(
        SECRET_KEY="a benchmark's key, which has to be long enough",
        ALLOWED_HOSTS=["testserver"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "aura_logging.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF=__name__,
        LOGGING_CONFIG=None,
        AURA={"METRICS": {"store": f"sqlite:///{store}"}, "DASHBOARD": {"log_files": [str(log)]}},
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import include, path

    globals()["urlpatterns"] = [path("aura/", include("aura_logging.django.urls"))]
    client = Client()
    client.force_login(User.objects.create_superuser("viewer"))
    return client


def all_series() -> list[Series]:
    """Return a thousand: a shop of a hundred routes and sixty loggers."""

    def of(metric: Metric, *values: str) -> Series:
        return Series(
            metric.name,
            metric.kind,
            tuple(sorted(zip(metric.labels, values, strict=True))),
            metric.bounds,
            metric.merge,
        )

    found = []
    for route in ROUTES:
        found += [of(catalogue.REQUESTS, route, "GET", status, "authenticated") for status in ("2xx", "4xx", "5xx")]
        found.append(of(catalogue.REQUESTS, route, "GET", "2xx", "anonymous"))
        found.append(of(catalogue.REQUEST_DURATION, route, "GET"))
        found += [of(metric, route) for metric in (catalogue.REQUEST_DB_QUERIES, catalogue.REQUEST_DB_TIME)]
        found += [of(metric, route) for metric in (catalogue.CACHE_HITS, catalogue.CACHE_MISSES)]
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    found += [of(catalogue.LOG_RECORDS, levels[number % 4], f"shop.part_{number}") for number in range(60)]
    found += [of(catalogue.ERRORS, "shop", route, "ValueError") for route in ROUTES[:20]]
    found += [of(catalogue.SECURITY_EVENTS, f"kind-{number}", "aura.request") for number in range(10)]
    found += [of(catalogue.SECURITY_EVENTS_BY_COUNTRY, country, "aura.request") for country in COUNTRIES]
    return found


def seed_store(path: Path) -> int:
    """Write what 90 days leave in each tier, and return the number of rows."""
    chance, series, now, rows = random.Random(1), all_series(), int(time.time()), 0
    store = SqliteStore(path)
    store.add([])
    store.close()
    with sqlite3.connect(path, isolation_level=None) as connection:
        schema.prepare(connection)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        ids = [(schema.make_series(connection, each), each) for each in series]
        for tier in TIERS:
            begins = range((now - min(tier.keep, DAYS * 86_400)) // tier.step * tier.step, now, tier.step)
            for at in begins:
                points = [schema.row(id_, at, amount(each, chance, tier.step)) for id_, each in ids]
                schema.add_points(connection, tier.step, points)
            rows += len(begins) * len(ids)
        connection.execute("COMMIT")
    connection.close()
    return rows


def amount(series: Series, chance: random.Random, seconds: int) -> Amount:
    number = max(1, seconds // 10) * chance.randrange(1, 4)
    if series.kind != "histogram":
        return Amount(sum=number)
    usual = chance.randrange(len(series.bounds) - 6)
    buckets = {usual: number // 2 + 1, usual + 1: number // 4 + 1, usual + 3: number // 8 + 1, usual + 6: 1}
    return Amount(sum(buckets.values()), number * 0.05, buckets=buckets)


def seed_log(log: Path) -> None:
    """Write a live file and 31 segments of 64 MiB that end an hour apart."""
    names, now = SegmentNames(log.name), time.time()
    for number in range(SEGMENTS):
        closed_at = now - (SEGMENTS - number) * 3_600
        name = names.name(SegmentFile(Segment(int(closed_at * 1e6), number + 1), ""))
        write_lines(log.with_name(name), closed_at, number)
    write_lines(log, now, SEGMENTS)


def write_lines(path: Path, until: float, seed: int) -> None:
    with path.open("wb") as file:
        for line in lines(until, seed):
            file.write(line)
            if file.tell() >= SEGMENT_BYTES:
                return


def lines(until: float, seed: int) -> Iterator[bytes]:
    """Yield lines of the hour before, one in forty of them a request's own with a hint."""
    chance, at = random.Random(seed), until - 3_600
    while True:
        at = min(until, at + 0.018)
        route = chance.choice(ROUTES)
        line: dict[str, Any] = {
            "timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "level": "INFO",
            "logger": "shop.orders", "message": f"order {chance.randrange(10**9)} took {chance.random():.6f}",
            "correlation_id": uuid.UUID(int=chance.getrandbits(128)).hex, "user_id": str(chance.randrange(10**5)),
            "client_ip": "10.1.2.7", "route": route, "method": "GET", "file": "orders.py", "line": 100,
            "function": "place", "pid": 4711, "service_name": "shop", "environment": "production",
        }  # fmt: skip
        kind = chance.randrange(40)
        if kind == 0:
            line |= {
                "logger": "aura.request", "level": "WARNING", "message": "request finished", "status_code": 200,
                "request_duration": chance.random() * 3, "db_queries": 47, "security_event": False,
                "hints": [f"Book.author is loaded once per row at shop/views.py:{ROUTES.index(route)}"],
            }  # fmt: skip
        elif kind == 1 and chance.random() < 0.02:
            line |= {"logger": "aura.security", "level": "WARNING", "security_event": True, "threat_type": "sqli"}
        yield orjson.dumps(line) + b"\n"


urlpatterns: list[Any] = []

if __name__ == "__main__":
    main()

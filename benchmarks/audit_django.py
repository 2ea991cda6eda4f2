"""Measure what a tracked save costs, beside django-auditlog and django-simple-history, in one run: trust the ratios.

    python benchmarks/audit_django.py [ROUNDS] [postgresql://…]

Every candidate runs in a process of its own with a database of its own (a SQLite file, unless a PostgreSQL server is
named), and all take their rounds in turn. Counted is the wall time of one row being created, changed in two of its ten
fields, and deleted, each in its own transaction, as most applications do it. A row of the trail is made each time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

ROWS = 60
ROUNDS = 25
OPERATIONS = ("create", "update", "delete", "update in a transaction")
PEERS = {"django-auditlog": "auditlog", "django-simple-history": "simple_history"}
NAMES = ("bare", "ours", *PEERS)


def database(name: str, url: str) -> dict[str, Any]:
    if not url:
        directory = tempfile.mkdtemp(prefix="aura-audit-")
        return {
            "ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/shop.db",
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
        }  # fmt: skip
    import psycopg

    own = f"audit_bench_{name.replace('-', '_')}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {own}")
        connection.execute(f"CREATE DATABASE {own}")
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql", "NAME": own, "USER": parts.username, "HOST": parts.hostname,
        "PORT": parts.port, "CONN_MAX_AGE": None,
    }  # fmt: skip


def serve(name: str, url: str) -> None:
    """In a candidate's process: answer each line on standard input with one round's µs for each operation."""
    import django
    from django.conf import settings

    ours = name == "ours"
    peers = [PEERS[name]] if name in PEERS else []
    settings.configure(
        SECRET_KEY="a benchmark's key, which has to be long enough", USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": database(name, url)},
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", *peers, *(["aura_logging.django"] if ours else []),
        ],
        AURA={"AUDIT": {"accounts": False}, "PERFORMANCE": {"enabled": False}} if ours else {},
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django.db import connection, models, transaction

    class Book(models.Model):
        title = models.CharField(max_length=200)
        author = models.CharField(max_length=200)
        isbn = models.CharField(max_length=13)
        price = models.DecimalField(max_digits=8, decimal_places=2)
        pages = models.IntegerField()
        in_stock = models.BooleanField(default=True)
        published = models.DateField()
        added = models.DateTimeField()
        blurb = models.TextField()
        tags = models.JSONField(default=list)

        if name == "django-simple-history":
            from simple_history.models import HistoricalRecords

            history = HistoricalRecords(app="auth")

        class Meta:
            app_label = "auth"  # any app that is installed; peers insist

    if ours:
        from aura_logging.django.audit import track

        track(Book)
    elif name == "django-auditlog":
        from auditlog.registry import auditlog

        auditlog.register(Book)
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Book)
        if name == "django-simple-history":
            editor.create_model(Book.history.model)

    import datetime

    values = {
        "title": "The Art of Computer Programming", "author": "Donald E. Knuth", "isbn": "9780201896831",
        "price": "79.99", "pages": 672, "published": datetime.date(1997, 7, 17),
        "added": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "blurb": "A classic. " * 20, "tags": ["a", "b"],
    }  # fmt: skip

    def round_of_saves() -> list[float]:
        times = []
        began = time.perf_counter()
        books = [Book.objects.create(**values) for _ in range(ROWS)]
        times.append(time.perf_counter() - began)
        books = list(Book.objects.filter(pk__in=[book.pk for book in books]))

        def update() -> None:
            for book in books:
                book.pages += 1
                book.title = f"{book.title[:30]}{book.pages}"
                book.save()

        began = time.perf_counter()
        update()
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
        with transaction.atomic():
            update()
        within = time.perf_counter() - began
        began = time.perf_counter()
        for book in books:
            book.delete()
        times.append(time.perf_counter() - began)
        return [each / ROWS * 1e6 for each in [*times, within]]

    round_of_saves()
    for _ in sys.stdin:
        print(*round_of_saves(), flush=True)


def main() -> None:
    rounds = next((int(each) for each in sys.argv[1:] if each.isdigit()), ROUNDS)
    url = next((each for each in sys.argv[1:] if "://" in each), "")
    names = [name for name in NAMES if find_spec(PEERS.get(name, "django")) is not None]
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--serve", name, url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"DJANGO_SETTINGS_MODULE": ""},
        )
        for name in names
    }  # fmt: skip
    taken: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, process in processes.items():
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            taken[name].append([float(each) for each in process.stdout.readline().split()])
    for process in processes.values():
        process.communicate()
    print(
        f"µs a row, median of {rounds} rounds of {ROWS}; in brackets the ratio to django-auditlog's in the same round"
    )
    for place, operation in enumerate(OPERATIONS):
        print(f"\n{operation}")
        for name in names:
            own = [each[place] for each in taken[name]]
            line = f"  {name:24}{statistics.median(own):10.0f}"
            if "django-auditlog" in taken:
                peer = [each[place] for each in taken["django-auditlog"]]
                ratio = statistics.median(one / other for one, other in zip(own, peer, strict=True))
                line += f"   ({ratio:.2f}x)"
            print(line)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(*sys.argv[-2:])
    else:
        main()

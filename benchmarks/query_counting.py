"""Measure what counting adds to a query inside a request, with what it brings at the request's end: trust the ratios.

    python benchmarks/query_counting.py [ROUNDS]

The difference of two requests of a hundred queries drowns a microsecond in its noise. So two clocks stand around what
counts, one outside it and one between it and the database, in requests that go through Django's whole WSGI handler
and both middlewares: what counting takes with the processor's caches full of the ORM's things. A third times what the
request's record says of its queries. Not in the figures: what Django takes to call one more wrapper, 0.3 µs.

The views ask, in SQLite: by a bare cursor; `.first()` of the same statement; `.get()`, an N+1; a field loaded lazily,
an N+1; and statements that all differ, each by a line of its own. `usual` is the median query; `10`, `50` and `100`
are all that requests of so many queries pay, the record included, divided by their number.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 30
NUMBERS = (10, 50, 100)

VIEWS = """
def by_cursor(keys):
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT name FROM auth_author WHERE id = %s", [key])

def first(keys):
    for key in keys:
        Author.objects.filter(pk=key).first()

def get(keys):
    for key in keys:
        Author.objects.get(pk=key)

def lazily(keys):
    for book in Book.objects.all()[:len(keys)]:
        book.author.name

def all_different(keys):
    for ask, key in zip(ASKING, keys):
        ask(key)
"""
ASKING = """
def ask_{0}(key):
    return Author.objects.filter(pk=key).exclude(name="{0}").extra(where=["{0} = {0}"]).first()
ASKING.append(ask_{0})
"""

OURS = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
    "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware",
]


def configure(directory: str) -> None:
    import django
    from django.conf import settings

    settings.configure(
        DEBUG=False, SECRET_KEY="benchmark", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], MIDDLEWARE=[],
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "aura_logging.django"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/db.sqlite3"}},
        LOGGING={
            "version": 1, "disable_existing_loggers": False, "root": {"level": "INFO", "handlers": ["file"]},
            "formatters": {"json": {"()": "aura_logging.formatters.JsonFormatter"}},
            "handlers": {
                "file": {"class": "logging.FileHandler", "filename": f"{directory}/app.log", "formatter": "json"}
            },
        },
    )  # fmt: skip
    django.setup()


def views(directory: str) -> dict[str, Callable[[Any], None]]:
    """Make two tables of a hundred rows, and the views; as files outside of what is installed: a project's lines."""
    from django.db import connection, models

    class Author(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "auth"

    class Book(models.Model):
        author = models.ForeignKey(Author, models.CASCADE)

        class Meta:
            app_label = "auth"

    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    for number in range(max(NUMBERS)):
        Book.objects.create(author=Author.objects.create(name=f"author {number}"))
    names: dict[str, Any] = {"Author": Author, "Book": Book, "connection": connection, "ASKING": []}
    source = VIEWS + "".join(ASKING.format(number) for number in range(max(NUMBERS)))
    exec(compile(source, str(Path(directory, "views.py")), "exec"), names)
    return {name: names[name] for name in ("by_cursor", "first", "get", "lazily", "all_different")}


def ask(application: Any, address: str) -> None:
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        "wsgi.version": (1, 0), "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "benchmark/1", "HTTP_ACCEPT": "*/*",
        "wsgi.input": io.BytesIO(),
    }  # fmt: skip
    response = application(environ, lambda status, headers: None)
    b"".join(response)
    response.close()


class Clocks:
    """Time what counts each query, and what the record says of all: seconds of one request."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.queries: list[float] = []
        self.record = 0.0
        self._clock = clock
        self._inside = 0.0

    def outer(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        began = self._clock()
        result = execute(sql, params, many, context)
        self.queries.append(self._clock() - began - self._inside)
        return result

    def inner(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        began = self._clock()
        result = execute(sql, params, many, context)
        self._inside = self._clock() - began
        return result

    def around(self, function: Any) -> Any:
        def timed(*args: Any) -> Any:
            began = self._clock()
            result = function(*args)
            self.record = self._clock() - began
            return result

        return timed


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    directory = tempfile.mkdtemp(prefix="aura-queries-")
    configure(directory)
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.http import HttpRequest, HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    from aura_logging.django import request_queries

    asking = views(directory)
    keys = list(range(1, max(NUMBERS) + 1))

    def answer(request: HttpRequest, name: str, number: int) -> HttpResponse:
        asking[name](keys[:number])
        return HttpResponse(b"fine")

    urls = type(sys)("urls")
    urls.urlpatterns = [path("<name>/<int:number>/", answer)]
    sys.modules["urls"] = urls
    with override_settings(MIDDLEWARE=OURS):
        application = WSGIHandler()
    clocks = Clocks()
    request_queries.findings = clocks.around(request_queries.findings)
    connection.execute_wrappers[:] = [clocks.outer, *connection.execute_wrappers, clocks.inner]

    usual: dict[tuple[str, int], list[float]] = {(name, number): [] for name in asking for number in NUMBERS}
    whole: dict[tuple[str, int], list[float]] = {key: [] for key in usual}
    for turn in range(rounds + 3):
        for name, number in usual:
            clocks.queries.clear()
            ask(application, f"/{name}/{number}/")
            if turn >= 3:
                usual[name, number].append(statistics.median(clocks.queries) * 1e6)
                whole[name, number].append((sum(clocks.queries) + clocks.record) / number * 1e6)
    print(f"{'µs a query':16}   usual" + "".join(f"{number:>9}" for number in NUMBERS))
    for name in asking:
        figures = "".join(f"{statistics.median(whole[name, number]):9.2f}" for number in NUMBERS)
        print(f"{name:16}{statistics.median(usual[name, NUMBERS[-1]]):8.2f}{figures}")


if __name__ == "__main__":
    main()

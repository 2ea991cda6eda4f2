"""Measure what counting queries adds to a view that makes some, beside peers, in one run: trust the ratios.

    python benchmarks/request_queries.py [ROUNDS]

Every candidate runs in a process of its own, all take their rounds in turn, and each round is set against the bare
site's of the same turn. A request goes through Django's whole WSGI handler to a view with 50 queries in SQLite (one
list, 49 single rows), and to one with none; the difference of the two, divided by 50, is what a query costs. Ours are
both middlewares with the wide record written to a file. Peers that are not installed are left out.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import Any

QUERIES = 50
REQUESTS = 20
ROUNDS = 40


def to_file(directory: str, formatter: dict[str, Any] | None = None) -> dict[str, Any]:
    handler: dict[str, Any] = {"class": "logging.FileHandler", "filename": f"{directory}/app.log"}
    if formatter is not None:
        handler["formatter"] = "chosen"
    return {
        "version": 1, "disable_existing_loggers": False, "handlers": {"file": handler},
        "formatters": {"chosen": formatter} if formatter is not None else {},
        "root": {"level": "INFO", "handlers": ["file"]},
    }  # fmt: skip


def bare(directory: str) -> dict[str, Any]:
    return {"LOGGING": to_file(directory)}


def ours(directory: str) -> dict[str, Any]:
    return {
        "MIDDLEWARE": [
            "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
            "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware",
        ],
        "INSTALLED_APPS": ["aura_logging.django"],
        "LOGGING": to_file(directory, {"()": "aura_logging.formatters.JsonFormatter"}),
    }


def outer_only(directory: str) -> dict[str, Any]:
    return {**ours(directory), "MIDDLEWARE": ours(directory)["MIDDLEWARE"][:1]}


def django_guid(directory: str) -> dict[str, Any]:
    return {
        "MIDDLEWARE": ["django_guid.middleware.guid_middleware"], "INSTALLED_APPS": ["django_guid"],
        "LOGGING": to_file(directory),
    }  # fmt: skip


def django_structlog(directory: str) -> dict[str, Any]:
    import structlog

    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True)
    return {
        "MIDDLEWARE": ["django_structlog.middlewares.RequestMiddleware"], "INSTALLED_APPS": ["django_structlog"],
        "LOGGING": to_file(directory),
    }  # fmt: skip


def django_zeal(directory: str) -> dict[str, Any]:
    return {
        "MIDDLEWARE": ["zeal.middleware.zeal_middleware"], "INSTALLED_APPS": ["zeal"], "ZEAL_RAISE": False,
        "LOGGING": to_file(directory),
    }  # fmt: skip


def django_prometheus(directory: str) -> dict[str, Any]:
    return {
        "MIDDLEWARE": [
            "django_prometheus.middleware.PrometheusBeforeMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        ],
        "INSTALLED_APPS": ["django_prometheus"], "LOGGING": to_file(directory),
        "ENGINE": "django_prometheus.db.backends.sqlite3",
    }  # fmt: skip


CANDIDATES = {
    "bare": bare,
    "ours, both": ours,
    "ours, outer only": outer_only,
    "django-guid": django_guid,
    "django-structlog": django_structlog,
    "django-zeal": django_zeal,
    "django-prometheus": django_prometheus,
}
NEEDS = {
    "django-guid": "django_guid", "django-structlog": "django_structlog", "django-zeal": "zeal",
    "django-prometheus": "django_prometheus", "ours, both": "aura_logging", "ours, outer only": "aura_logging",
}  # fmt: skip


def serve(name: str) -> None:
    """In a candidate's process: answer each line on standard input with µs a request, without and with queries."""
    from django.conf import settings

    directory = tempfile.mkdtemp(prefix="aura-queries-")
    chosen = CANDIDATES[name](directory)
    engine = chosen.pop("ENGINE", "django.db.backends.sqlite3")
    apps = ["django.contrib.contenttypes", "django.contrib.auth", *chosen.pop("INSTALLED_APPS", [])]
    settings.configure(
        **{"MIDDLEWARE": [], **chosen}, DEBUG=False, SECRET_KEY="benchmark", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=apps, DATABASES={"default": {"ENGINE": engine, "NAME": f"{directory}/db.sqlite3"}},
    )  # fmt: skip
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    application = get_wsgi_application()
    from django.contrib.auth.models import Group

    call_command("migrate", verbosity=0)
    keys = [Group.objects.create(name=f"group {number}").pk for number in range(QUERIES - 1)]

    def asking(request: Any) -> HttpResponse:
        list(Group.objects.all())
        for key in keys:
            Group.objects.filter(pk=key).first()
        return HttpResponse(b"fine")

    urls = type(sys)("urls")
    urls.urlpatterns = [path("asking/", asking), path("trivial/", lambda request: HttpResponse(b"fine"))]
    sys.modules["urls"] = urls

    def per_request(address: str, times: int) -> float:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": "", "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
            "wsgi.version": (1, 0), "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "benchmark/1", "HTTP_ACCEPT": "*/*",
        }  # fmt: skip
        started = time.process_time()
        for _ in range(times):
            response = application({**environ, "wsgi.input": io.BytesIO()}, lambda status, headers: None)
            b"".join(response)
            response.close()
        return (time.process_time() - started) / times * 1e6

    per_request("/trivial/", REQUESTS)
    per_request("/asking/", REQUESTS)
    for _ in sys.stdin:
        print(per_request("/trivial/", REQUESTS * 10), per_request("/asking/", REQUESTS), flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    names = [name for name in CANDIDATES if find_spec(NEEDS.get(name, "django")) is not None]
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--serve", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=os.environ | {"DJANGO_SETTINGS_MODULE": ""},
        )
        for name in names
    }  # fmt: skip
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, process in processes.items():
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            trivial, asking = process.stdout.readline().split()
            taken[name].append((float(trivial), float(asking)))
    print(f"{'':18} trivial µs   added   {QUERIES} queries µs   added   ratio   added a query µs")
    for name, process in processes.items():
        process.communicate()
        pairs = list(zip(taken[name], taken["bare"], strict=True))
        trivial = statistics.median(own[0] - base[0] for own, base in pairs)
        asking = statistics.median(own[1] - base[1] for own, base in pairs)
        ratio = statistics.median(own[1] / base[1] for own, base in pairs)
        query = statistics.median(((own[1] - base[1]) - (own[0] - base[0])) / QUERIES for own, base in pairs)
        print(
            f"{name:18} {statistics.median(own[0] for own, _ in pairs):10.1f} {trivial:7.1f} "
            f"{statistics.median(own[1] for own, _ in pairs):15.1f} {asking:7.1f} {ratio:6.3f}x {query:12.2f}"
        )


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        main()

"""Measure what our middleware and its wide record add to a request, beside peers, in one run: trust the ratios.

    python benchmarks/request_overhead.py [ROUNDS [CANDIDATE …]]

Every candidate runs in a process of its own, all take their rounds in turn, and each round is set against the bare
site's of the same turn. A request goes through Django's whole WSGI handler, from environ to the response's close;
what is logged is written to a file. Counted is the processor time of the whole process, its threads included. Every
site has a database connection, as any site with a model has: Django looks at it when a request begins and ends.

`ours, alone` is our outer middleware before one `FileHandler` with our filter and formatter, `ours, both` has the inner
one as well, `ours, buffered` has our own handler write the file; `ours, production` is the outer one with the preset:
scrubbed, counted, journalled, delivered by a thread.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REQUESTS = 400
ROUNDS = 25
OURS = "aura_logging.django.middleware.PerformanceMonitoringMiddleware"
QUERIES = "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware"
JSON = {
    "filters": {"context": {"()": "aura_logging.filters.RequestContextFilter"}},
    "formatters": {"json": {"()": "aura_logging.formatters.JsonFormatter"}},
}


def to_file(directory: str, **parts: Any) -> dict[str, Any]:
    """A LOGGING dict with one FileHandler behind the root logger."""
    handler = {"class": "logging.FileHandler", "filename": f"{directory}/app.log", **parts.pop("handler", {})}
    return {
        "version": 1, "disable_existing_loggers": False, "handlers": {"file": handler},
        "root": {"level": "INFO", "handlers": ["file"]}, **parts,
    }  # fmt: skip


def bare(directory: str) -> dict[str, Any]:
    return {"LOGGING": to_file(directory)}


def ours_alone(directory: str) -> dict[str, Any]:
    handler = {"filters": ["context"], "formatter": "json"}
    return {
        "MIDDLEWARE": [OURS], "INSTALLED_APPS": ["aura_logging.django"],
        "LOGGING": to_file(directory, handler=handler, **JSON),
    }  # fmt: skip


def ours_both(directory: str) -> dict[str, Any]:
    """The request's queries and caches counted too."""
    return {**ours_alone(directory), "MIDDLEWARE": [OURS, QUERIES]}


def ours_buffered(directory: str) -> dict[str, Any]:
    """Both, delivered by our own handler's thread instead of by the request's."""
    logging = to_file(directory, **JSON)
    file = {"()": "aura_logging.handlers.StructuredFileHandler", "filename": f"{directory}/app.log"}
    logging["handlers"] = {
        "file": {"()": "aura_logging.handlers.AsyncBufferedHandler", "target": {**file, "formatter": "json"},
                 "filters": ["context"]}
    }  # fmt: skip
    return {**ours_both(directory), "LOGGING": logging}


def ours_silent(directory: str) -> dict[str, Any]:
    """The ids alone, nothing measured, nothing written."""
    return {**ours_alone(directory), "AURA": {"PERFORMANCE": {"enabled": False}}}


def ours_production(directory: str) -> dict[str, Any]:
    from aura_logging import presets

    logging = presets.production(log_dir=directory)
    logging["filters"]["sampling"]["rates"] = {}
    return {"MIDDLEWARE": [OURS], "INSTALLED_APPS": ["aura_logging.django"], "LOGGING": logging}


def django_guid(directory: str) -> dict[str, Any]:
    formatters = {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(correlation_id)s %(message)s"}}
    filters = {"id": {"()": "django_guid.log_filters.CorrelationId"}}
    handler = {"filters": ["id"], "formatter": "plain"}
    return {
        "MIDDLEWARE": ["django_guid.middleware.guid_middleware"], "INSTALLED_APPS": ["django_guid"],
        "DJANGO_GUID": {"GUID_HEADER_NAME": "Correlation-ID"},
        "LOGGING": to_file(directory, handler=handler, formatters=formatters, filters=filters),
    }  # fmt: skip


def django_structlog(directory: str) -> dict[str, Any]:
    import structlog

    shared = [
        structlog.contextvars.merge_contextvars, structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"), structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(), structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info, structlog.processors.UnicodeDecoder(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]  # fmt: skip
    structlog.configure(
        processors=shared, logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True
    )
    renderer = structlog.processors.JSONRenderer()
    formatters = {"json": {"()": structlog.stdlib.ProcessorFormatter, "processor": renderer}}
    return {
        "MIDDLEWARE": ["django_structlog.middlewares.RequestMiddleware"], "INSTALLED_APPS": ["django_structlog"],
        "LOGGING": to_file(directory, handler={"formatter": "json"}, formatters=formatters),
    }  # fmt: skip


CANDIDATES = {
    "bare": bare,
    "ours, alone": ours_alone,
    "ours, both": ours_both,
    "ours, buffered": ours_buffered,
    "ours, ids only": ours_silent,
    "ours, production": ours_production,
    "django-guid": django_guid,
    "django-structlog": django_structlog,
}
NEEDS = {"django-guid": "django_guid", "django-structlog": "django_structlog"}


def serve(name: str) -> None:
    """In a candidate's process: answer each line on standard input with one round's µs a request."""
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    urls = type(sys)("urls")
    urls.urlpatterns = [path("things/<int:number>/", lambda request, number: HttpResponse(b"fine"))]
    sys.modules["urls"] = urls
    directory = tempfile.mkdtemp(prefix="aura-request-")
    defaults = {
        "DEBUG": False, "SECRET_KEY": "benchmark", "ROOT_URLCONF": "urls", "ALLOWED_HOSTS": ["*"], "MIDDLEWARE": [],
    }  # fmt: skip
    chosen = CANDIDATES[name](directory)
    apps = ["django.contrib.contenttypes", *chosen.pop("INSTALLED_APPS", [])]
    settings.configure(**{**defaults, **chosen}, INSTALLED_APPS=apps)
    from django.core.wsgi import get_wsgi_application
    from django.db import connections

    application = get_wsgi_application()
    connections.all()  # as in every site with a model: Django looks at them when a request begins and ends
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/things/7/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        "wsgi.version": (1, 0), "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "benchmark/1", "HTTP_ACCEPT": "*/*",
    }  # fmt: skip

    def round_of_requests() -> float:
        started = time.process_time()
        for _ in range(REQUESTS):
            response = application({**environ, "wsgi.input": io.BytesIO()}, lambda status, headers: None)
            for _part in response:
                pass
            response.close()
        return (time.process_time() - started) / REQUESTS * 1e6

    round_of_requests()
    for _ in sys.stdin:
        print(round_of_requests(), flush=True)
    written = sum(file.stat().st_size for file in Path(directory).glob("app.*"))
    print(json.dumps({"bytes": written}), flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    names = [name for name in CANDIDATES if find_spec(NEEDS.get(name, "django")) is not None]
    if len(sys.argv) > 2:
        names = [name for name in names if name == "bare" or name in sys.argv[2:]]
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--serve", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"DJANGO_SETTINGS_MODULE": ""},
        )
        for name in names
    }  # fmt: skip
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, process in processes.items():
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            taken[name].append(float(process.stdout.readline()))
    print(f"{'':18} µs a request   added   ratio to bare   bytes written a request")
    for name, process in processes.items():
        written, _ = process.communicate()
        size = json.loads(written)["bytes"] / REQUESTS / (rounds + 1)
        added = statistics.median(own - base for own, base in zip(taken[name], taken["bare"], strict=True))
        ratio = statistics.median(own / base for own, base in zip(taken[name], taken["bare"], strict=True))
        print(f"{name:18} {statistics.median(taken[name]):12.1f} {added:7.1f} {ratio:14.2f}x {size:18.0f}")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        main()

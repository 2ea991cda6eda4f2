"""The sites that `request_overhead.py` and `request_queries.py` compare: bare, with ours, and with each peer.

A peer is set up as documented: as its own README (OpenTelemetry, Sentry: the page on Django) of the version installed
here tells a project to, its defaults untouched. Left out is what only its own pages need, and changed is one thing for
all: what a README sends to the console, to a collector or to a service goes to a file, or nowhere, as said there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OUTER = "aura_logging.django.middleware.PerformanceMonitoringMiddleware"
INNER = "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware"
JSON = {
    "filters": {"context": {"()": "aura_logging.filters.RequestContextFilter"}},
    "formatters": {"json": {"()": "aura_logging.formatters.JsonFormatter"}},
}


@dataclass(frozen=True)
class Candidate:
    """What a site has beside what every site has.

    `settings` is called with the directory for its files where a project's settings would be read, `instrument`
    between the settings and the making of the WSGI application. `pages` are an address and the URLs it includes.
    `slowness` is how many times fewer requests a round makes than others' rounds.
    """

    settings: Callable[[Path], dict[str, Any]]
    packages: tuple[str, ...] = ()
    instrument: Callable[[], None] = lambda: None
    pages: tuple[str, str] | None = None
    database: str = "django.db.backends.sqlite3"
    slowness: int = 1

    def is_installed(self) -> bool:
        return None not in self.versions().values()

    def versions(self) -> dict[str, str | None]:
        return {package: _version(package) for package in self.packages}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def to_file(directory: Path, **parts: Any) -> dict[str, Any]:
    """A LOGGING dict with one FileHandler behind the root logger."""
    handler = {"class": "logging.FileHandler", "filename": f"{directory}/app.log", **parts.pop("handler", {})}
    return {
        "version": 1, "disable_existing_loggers": False, "handlers": {"file": handler},
        "root": {"level": "INFO", "handlers": ["file"]}, **parts,
    }  # fmt: skip


def bare(directory: Path) -> dict[str, Any]:
    return {"LOGGING": to_file(directory)}


def ours_alone(directory: Path) -> dict[str, Any]:
    """The outer middleware and its wide record, before one `FileHandler` with our filter and formatter."""
    handler = {"filters": ["context"], "formatter": "json"}
    return {
        "MIDDLEWARE": [OUTER], "INSTALLED_APPS": ["aura_logging.django"],
        "LOGGING": to_file(directory, handler=handler, **JSON),
    }  # fmt: skip


def ours_both(directory: Path) -> dict[str, Any]:
    """The request's queries and caches counted too."""
    return {**ours_alone(directory), "MIDDLEWARE": [OUTER, INNER]}


def ours_buffered(directory: Path) -> dict[str, Any]:
    """Both, delivered by our own handler's thread instead of by the request's."""
    logging = to_file(directory, **JSON)
    file = {"()": "aura_logging.handlers.StructuredFileHandler", "filename": f"{directory}/app.log"}
    logging["handlers"] = {
        "file": {"()": "aura_logging.handlers.AsyncBufferedHandler", "target": {**file, "formatter": "json"},
                 "filters": ["context"]}
    }  # fmt: skip
    return {**ours_both(directory), "LOGGING": logging}


def ours_silent(directory: Path) -> dict[str, Any]:
    """The ids alone, nothing measured, nothing written."""
    return {**ours_alone(directory), "AURA": {"PERFORMANCE": {"enabled": False}}}


def ours_production(directory: Path) -> dict[str, Any]:
    """The outer one with the preset: scrubbed, counted, journalled, delivered by a thread."""
    from aura_logging import presets

    logging = presets.production(log_dir=str(directory))
    logging["filters"]["sampling"]["rates"] = {}
    return {"MIDDLEWARE": [OUTER], "INSTALLED_APPS": ["aura_logging.django"], "LOGGING": logging}


def django_guid(directory: Path) -> dict[str, Any]:
    """Its README's filter and formatter; the handler writes to a file. Its own lines come at INFO, one a request."""
    formatters = {"medium": {"format": "%(levelname)s %(asctime)s [%(correlation_id)s] %(name)s %(message)s"}}
    filters = {"correlation_id": {"()": "django_guid.log_filters.CorrelationId"}}
    handler = {"filters": ["correlation_id"], "formatter": "medium"}
    return {
        "MIDDLEWARE": ["django_guid.middleware.guid_middleware"], "INSTALLED_APPS": ["django_guid"],
        "LOGGING": to_file(directory, handler=handler, formatters=formatters, filters=filters),
    }  # fmt: skip


def django_structlog(directory: Path) -> dict[str, Any]:
    """Its README's LOGGING: every line three times, the console's in a file here."""
    import structlog

    def formatter(processor: Any) -> dict[str, Any]:
        return {"()": structlog.stdlib.ProcessorFormatter, "processor": processor}

    console = (directory / "console.log").open("w", encoding="utf-8")
    watched = "logging.handlers.WatchedFileHandler"
    in_order = ["timestamp", "level", "event", "logger"]
    return {
        **django_structlog_one_file(directory),
        "LOGGING": {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json_formatter": formatter(structlog.processors.JSONRenderer()),
                "plain_console": formatter(structlog.dev.ConsoleRenderer()),
                "key_value": formatter(structlog.processors.KeyValueRenderer(key_order=in_order)),
            },
            "handlers": {
                "console": {"class": "logging.StreamHandler", "stream": console, "formatter": "plain_console"},
                "json_file": {"class": watched, "filename": f"{directory}/json.log", "formatter": "json_formatter"},
                "flat_line_file": {"class": watched, "filename": f"{directory}/flat.log", "formatter": "key_value"},
            },
            "loggers": {
                "django_structlog": {"handlers": ["console", "flat_line_file", "json_file"], "level": "INFO"},
            },
        },
    }


def django_structlog_one_file(directory: Path) -> dict[str, Any]:
    """Its README's `structlog.configure`, but every line once: JSON in one file, as a project would keep of it."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.UnicodeDecoder(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.processors.JSONRenderer()
    formatters = {"json": {"()": structlog.stdlib.ProcessorFormatter, "processor": renderer}}
    return {
        "MIDDLEWARE": ["django_structlog.middlewares.RequestMiddleware"], "INSTALLED_APPS": ["django_structlog"],
        "LOGGING": to_file(directory, handler={"formatter": "json"}, formatters=formatters),
    }  # fmt: skip


def django_prometheus(directory: Path) -> dict[str, Any]:
    return {
        "MIDDLEWARE": [
            "django_prometheus.middleware.PrometheusBeforeMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        ],
        "INSTALLED_APPS": ["django_prometheus"],
        "LOGGING": to_file(directory),
    }


def django_zeal(directory: Path) -> dict[str, Any]:
    """What it finds is a warning, not an error: the one of its documented settings that leaves the view its answer."""
    return {
        "MIDDLEWARE": ["zeal.middleware.zeal_middleware"], "INSTALLED_APPS": ["zeal"], "ZEAL_RAISE": False,
        "LOGGING": to_file(directory),
    }  # fmt: skip


def django_silk(directory: Path) -> dict[str, Any]:
    """Requests and queries are stored in the site's own database."""
    return {
        "MIDDLEWARE": ["silk.middleware.SilkyMiddleware"], "INSTALLED_APPS": ["silk"],
        "LOGGING": to_file(directory),
    }  # fmt: skip


def opentelemetry() -> None:
    """Every request and query a span, in batches to an exporter that throws them away: a collector's price is extra."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    SQLite3Instrumentor().instrument()


def sentry(directory: Path) -> dict[str, Any]:
    """Every request a transaction, to a transport that throws them away: encoding and sending them are extra."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            pass

    sentry_sdk.init("https://key@sentry.invalid/1", traces_sample_rate=1.0, transport=Nowhere)
    return {"LOGGING": to_file(directory)}


CANDIDATES = {
    "bare": Candidate(bare),
    "ours, alone": Candidate(ours_alone),
    "ours, both": Candidate(ours_both),
    "ours, buffered": Candidate(ours_buffered),
    "ours, ids only": Candidate(ours_silent),
    "ours, production": Candidate(ours_production),
    "django-guid": Candidate(django_guid, ("django-guid",)),
    "django-structlog": Candidate(django_structlog, ("django-structlog",)),
    "django-structlog, one file": Candidate(django_structlog_one_file, ("django-structlog",)),
    "django-prometheus": Candidate(
        django_prometheus, ("django-prometheus",), pages=("", "django_prometheus.urls"),
        database="django_prometheus.db.backends.sqlite3",
    ),
    "django-zeal": Candidate(django_zeal, ("django-zeal",)),
    "OpenTelemetry": Candidate(
        bare, ("opentelemetry-sdk", "opentelemetry-instrumentation-django", "opentelemetry-instrumentation-sqlite3"),
        instrument=opentelemetry,
    ),
    "sentry-sdk": Candidate(sentry, ("sentry-sdk",)),
    "django-silk": Candidate(django_silk, ("django-silk",), pages=("silk/", "silk.urls"), slowness=20),
}  # fmt: skip

"""The names that users type are there, spelled here once more by hand."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest

import aura_logging

NAMES = {
    "aura_logging": (
        "bind", "unbind", "bound", "fields", "correlation_id", "outgoing_headers", "run_in_context", "__version__",
    ),
    "aura_logging.presets": ("production", "development", "testing"),
    "aura_logging.filters": ("RequestContextFilter", "SamplingFilter", "SecurityFilter"),
    "aura_logging.handlers": ("AsyncBufferedHandler", "FailoverHandler", "MetricsHandler", "StructuredFileHandler"),
    "aura_logging.formatters": ("JsonFormatter", "ConsoleFormatter"),
    "aura_logging.privacy": ("Scrubber", "Finding"),
    "aura_logging.metrics": ("open_store", "counter", "gauge", "histogram", "timer"),
    "aura_logging.audit": ("record", "configure", "Actor", "AuditEvent", "KeyRing", "Trail", "AuditError"),
    "aura_logging.testing": ("ManualClock", "capture", "assert_no_pii"),
    "aura_logging.django.middleware": ("PerformanceMonitoringMiddleware",),
}  # fmt: skip

IN_A_DJANGO_PROJECT = """
import sys
from importlib import import_module
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "aura_logging.django"])
django.setup()
module, *names = sys.argv[1:]
for name in names:
    getattr(import_module(module), name)
from django.apps import apps
assert apps.get_app_config("aura").name == "aura_logging.django"
"""

OPTIONS = {
    "handlers.AsyncBufferedHandler": {
        "target": inspect.Parameter.empty, "buffer_size": 1000, "flush_interval": 1.0, "workers": 1,
        "when_full": "drop_oldest", "journal": None,
    },
    "handlers.FailoverHandler": {
        "handlers": inspect.Parameter.empty, "strategy": "failover", "failover_threshold": 5, "cooldown_seconds": 30,
    },
    "handlers.MetricsHandler": {"store": None, "flush_interval": 5.0},
    "handlers.StructuredFileHandler": {
        "filename": inspect.Parameter.empty, "max_bytes": 64 * 1024 * 1024, "backup_count": 20, "compress": "gzip",
    },
    "filters.SamplingFilter": {"rates": None},
    "filters.SecurityFilter": {"scrub": True},
    "formatters.JsonFormatter": {"schema": "aura"},
}  # fmt: skip


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in NAMES.items() for name in names])
def test_a_name_can_be_imported_from_where_it_is_promised(module: str, name: str) -> None:
    if ".django" in module:
        outcome = subprocess.run(
            [sys.executable, "-c", IN_A_DJANGO_PROJECT, module, name], capture_output=True, text=True, timeout=60
        )
        assert outcome.returncode == 0, outcome.stderr
        return

    assert hasattr(importlib.import_module(module), name)
    assert name in importlib.import_module(module).__all__


@pytest.mark.parametrize("path", OPTIONS)
def test_an_option_has_its_promised_name_place_and_default(path: str) -> None:
    room, _, name = path.partition(".")
    made = getattr(importlib.import_module(f"aura_logging.{room}"), name)

    parameters = inspect.signature(made).parameters

    assert {key: parameters[key].default for key in OPTIONS[path]} == OPTIONS[path]


@pytest.mark.parametrize("schema", ["aura", "ecs", "otel"])
def test_a_schema_can_be_asked_for_by_its_name(schema: str) -> None:
    from aura_logging.formatters import JsonFormatter

    assert JsonFormatter(schema=schema).schema == schema


@pytest.mark.parametrize("url", ["memory://", "sqlite:///logs/metrics.db"])
def test_a_store_can_be_asked_for_by_its_url(url: str) -> None:
    from aura_logging.metrics import open_store

    assert open_store(url)


def test_a_finding_says_what_and_where() -> None:
    from aura_logging.privacy import Scrubber

    scrubbed, findings = Scrubber().scrub("card 4111111111111111")

    assert scrubbed != "card 4111111111111111"
    assert [(finding.detector, finding.start, finding.end) for finding in findings] == [("credit_card", 5, 21)]


@pytest.mark.parametrize(
    "choice", ["drop_oldest", "drop_newest", "block", "spill"]
)  # fmt: skip
def test_what_gives_way_can_be_asked_for_by_its_name(choice: str, tmp_path: Any) -> None:
    from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

    target = StructuredFileHandler(tmp_path / "app.jsonl")
    handler = AsyncBufferedHandler(target, when_full=choice, journal=tmp_path / "journal")

    assert handler.health().as_dict()["status"] == "healthy"
    handler.close()


def test_the_version_is_that_of_the_distribution() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", aura_logging.__version__)
    try:
        installed = metadata.version("aura-logging")
    except metadata.PackageNotFoundError:
        return  # run from the source tree
    assert installed == aura_logging.__version__

"""What a user's type checker must accept: checked by mypy, never run."""

from __future__ import annotations

import logging
from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse

import aura_logging
from aura_logging import audit, presets
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.django.audit import AuditedAccessMixin, audited_access, track
from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.formatters import ConsoleFormatter, JsonFormatter
from aura_logging.handlers import (
    AsyncBufferedHandler,
    FailoverHandler,
    MetricsHandler,
    StructuredFileHandler,
    ThrottleHandler,
)
from aura_logging.health import Checkable, Health
from aura_logging.testing import ManualClock


@aura_logging.bound(task="import")
def run(path: str) -> int:
    aura_logging.bind(path=path)
    return len(path)


@aura_logging.bound(task="import")
async def run_async(path: str) -> int:
    return len(path)


class Importer:
    @aura_logging.bound(task="import")
    def run(self, path: str, *, dry: bool = False) -> bytes:
        with aura_logging.bound(path=path, dry=dry):
            return path.encode()


async def awaited() -> tuple[int, bytes]:
    return await run_async("x"), Importer().run("x", dry=True)


def results() -> tuple[int, str | None, dict[str, str], dict[str, Any]]:
    aura_logging.unbind("path")
    headers = aura_logging.outgoing_headers({"Accept": "*/*"})
    return run("x"), aura_logging.correlation_id(), headers, aura_logging.fields()


def in_thread() -> int:
    return aura_logging.run_in_context(run)("x")


def configuration() -> dict[str, Any]:
    config = presets.production(log_dir="logs", service_name="shop", level="INFO", sample_rates={"INFO": 0.5})
    config["handlers"]["async_file"]["buffer_size"] = 500
    return config


def by_hand() -> list[Health]:
    file = StructuredFileHandler("logs/app.jsonl", max_bytes=1_000_000, backup_count=3, compress=None)
    file.setFormatter(JsonFormatter(schema="ecs"))
    failover = FailoverHandler([file, logging.StreamHandler()], strategy="failover", failover_threshold=3)
    handler = AsyncBufferedHandler(failover, buffer_size=500, when_full="block", journal="logs/journal")
    for each in (RequestContextFilter(service_name="shop"), SamplingFilter(rates={"INFO": 0.5}), SecurityFilter()):
        handler.addFilter(each)
    delivered: bool = handler.flush(timeout=1.0)
    console = logging.StreamHandler()
    console.setFormatter(ConsoleFormatter(color=delivered, hide=["service_name"]))
    parts: list[Checkable] = [handler, failover, file, MetricsHandler(store="memory://"), SamplingFilter()]
    return [part.health() for part in parts]


def a_pager() -> Health:
    rules = [{"logger": "shop", "rate": 0.1}]
    throttle = ThrottleHandler(logging.StreamHandler(), at_most=5, window_seconds=300)
    throttle.addFilter(SamplingFilter(rules=rules, fold_after=None))
    return throttle.health()


def a_trail() -> Health:
    keys = audit.KeyRing({"2026": "hex:" + "00" * 32})
    trail = audit.configure(JsonlAuditStore("audit", keys), when_unwritable="journal", journal_dir="journal")
    audit.record("patient.viewed", ("clinic.patient", 42), {"ward": ("A", None)}, reason="round", rows=3)
    return trail.health()


@track(mask=["iban"], label="name")
class Customer(models.Model):
    name: models.CharField[str, str] = models.CharField(max_length=80)
    iban: models.CharField[str, str] = models.CharField(max_length=34)


@audited_access(Customer, "pk", reason="support")
def customer_page(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(Customer(pk=pk).name)


@audited_access
async def front_page(request: HttpRequest) -> HttpResponse:
    return customer_page(request, 7)


class Customers(AuditedAccessMixin):
    audit_subject = "name"


def a_clock() -> float:
    clock = ManualClock(100.0)
    clock.advance(2.5)
    return clock()

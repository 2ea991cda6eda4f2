"""Any worker shows what all have counted, in the format that is asked for; the settings say where that is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from aura_logging.django import metrics_store
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics import catalogue
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.redis import RedisStore
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.metrics.window import read_sums

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Yield the root logger; metrics handlers that a test attaches are closed after it."""
    root = logging.getLogger()
    yield root
    for handler in [each for each in root.handlers if isinstance(each, MetricsHandler)]:
        handler.close()


def attached(root: logging.Logger, **options: Any) -> MetricsHandler:
    handler = MetricsHandler(flush_interval=60, **options)
    root.addHandler(handler)
    return handler


def served_by_another_process(path: Path) -> None:
    handler = MetricsHandler(store=f"sqlite:///{path}", flush_interval=60)
    fields = {"route": "orders/", "method": "GET", "status_code": 200, "request_duration": 0.3, "trace_id": TRACE}
    handler.handle(logging.getLogger("aura.request").makeRecord("aura.request", 20, "", 0, "", (), None, extra=fields))
    handler.close()


def test_who_watches_is_no_traffic(root: logging.Logger, database: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aura.request")
    handler = attached(root, store="memory://")

    for path in ("/aura/metrics", "/aura/health/live", "/aura/", "/plain"):
        Client().get(path)

    handler.flush()
    found = read_sums(handler.store, 300, [catalogue.REQUESTS.name, catalogue.LOG_RECORDS.name])
    assert found.total(catalogue.REQUESTS.name) == 1
    assert found.total(catalogue.LOG_RECORDS.name, logger="aura.request") == 4


def test_what_others_have_counted_is_served_as_text_and_as_openmetrics_with_exemplars(tmp_path: Path) -> None:
    served_by_another_process(tmp_path / "m.db")

    with override_settings(AURA={"METRICS": {"store": f"sqlite:///{tmp_path}/m.db"}}):
        text = Client().get("/aura/metrics")
        openmetrics = Client().get("/aura/metrics", headers={"Accept": OPENMETRICS})

    assert text["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    requests = {family.name: family for family in parse_text(text.content.decode())}["aura_requests"]
    assert [sample.value for sample in requests.samples if sample.name == "aura_requests_total"] == [1]
    assert openmetrics["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    durations = {family.name: family for family in parse_openmetrics(openmetrics.content.decode())}
    exemplars = [sample.exemplar for sample in durations["aura_request_duration_seconds"].samples if sample.exemplar]
    assert exemplars[0].labels == {"trace_id": TRACE}


def test_strangers_get_nothing() -> None:
    refused = Client().get("/aura/metrics", REMOTE_ADDR="203.0.113.5")

    assert refused.status_code == 403
    assert b"aura_" not in refused.content


def test_a_store_that_does_not_answer_is_503_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_text("this is no database" * 100)

    with override_settings(AURA={"METRICS": {"store": f"sqlite:///{tmp_path}/m.db"}}):
        answer = Client().get("/aura/metrics")

    assert answer.status_code == 503
    assert answer.content.startswith(b"The store of metrics does not answer: ")


def test_a_password_of_the_store_is_not_told(free_port: Any) -> None:
    url = f"redis://app:hunter2secret@127.0.0.1:{free_port()}/0"

    with override_settings(AURA={"METRICS": {"store": url}}):
        answer = Client().get("/aura/metrics")

    assert answer.status_code == 503
    assert b"hunter2secret" not in answer.content


def test_the_store_is_that_of_the_settings_then_of_logging_then_of_the_environment(
    root: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("AURA_LOG_DIR", str(tmp_path))
    with override_settings(AURA={}):
        by_default = store_of_settings()
        assert store_of_settings() is by_default, "connections are kept"
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
        by_environment = store_of_settings()
        handler = attached(root, store=f"sqlite:///{tmp_path}/of-logging.db")
        by_logging = store_of_settings()
    with override_settings(AURA={"METRICS": {"store": "memory://of-settings"}}):
        by_settings = store_of_settings()

    assert isinstance(by_default, SqliteStore)
    assert by_default.path == tmp_path / "aura-metrics.db"
    assert isinstance(by_environment, RedisStore)
    assert by_logging is handler.store
    assert isinstance(by_settings, MemoryStore)


def test_an_environment_that_names_no_store_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "localhost:6379")

    with override_settings(AURA={}), pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        store_of_settings()


def test_handlers_count_into_the_store_of_the_settings(root: logging.Logger, tmp_path: Path) -> None:
    before = MemoryStore()
    handler = attached(root, store=before)
    logging.getLogger("shop").warning("counted where LOGGING said")

    with override_settings(AURA={"METRICS": {"store": f"sqlite:///{tmp_path}/m.db"}}):
        metrics_store.apply()
        logging.getLogger("shop").warning("counted where the settings say")
        handler.flush()
        after = store_of_settings()
        metrics_store.apply()

    names = ["aura_log_records_total"]
    assert [sample.amount.sum for sample in before.totals(names)] == [1]
    assert [sample.amount.sum for sample in after.totals(names)] == [1]


def test_a_store_elsewhere_is_mirrored_where_the_database_was_to_be(
    root: logging.Logger, tmp_path: Path, free_port: Any
) -> None:
    handler = attached(root, store=f"sqlite:///{tmp_path}/m.db")

    with override_settings(AURA={"METRICS": {"store": f"redis://127.0.0.1:{free_port()}/0"}}):
        metrics_store.apply()
        logging.getLogger("shop").warning("counted, and nobody is there")

    assert handler.health().facts["mirror"] == "on"
    assert len(list(tmp_path.glob("aura-metrics-*.live/*.live"))) == 1
    assert not (tmp_path / "m.db").exists()


@override_settings(AURA={"ALERTS": {"disabled": ["threats", "memory"], "max_error_rate": 0.5}})
def test_thresholds_of_the_settings_reach_handlers_that_have_none_of_their_own(root: logging.Logger) -> None:
    plain = attached(root, store=MemoryStore())
    standard = attached(root, store=MemoryStore(), alerts=True)
    own = attached(root, store=MemoryStore(), alerts={"max_error_rate": 0.2})
    without = attached(root, store=MemoryStore(), alerts=False)

    metrics_store.apply()

    assert thresholds(plain) == thresholds(standard) == {"slow_requests": 0, "many_queries": 0, "error_rate": 0.5}
    assert thresholds(own)["error_rate"] == 0.2
    assert thresholds(without) == {}


@override_settings(AURA={})
def test_without_the_section_nothing_changes(root: logging.Logger) -> None:
    plain = attached(root, store=MemoryStore())

    metrics_store.apply()

    assert thresholds(plain) == {}


def thresholds(handler: MetricsHandler) -> dict[str, float]:
    return {rule.name: rule.threshold for rule in handler.rules}

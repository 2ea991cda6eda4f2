"""Redis may be stopped and started: nothing is lost, nothing counted twice, nobody waits."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.health import Status
from aura_logging.metrics import open_store
from aura_logging.metrics.model import OVERFLOW, Amount, Sample, Series, merge
from aura_logging.metrics.stores import redis as redis_store
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.redis import RedisStore
from aura_logging.metrics.stores.tiers import TIERS
from aura_logging.options import OptionError

ORDERS = Series("shop_orders_total", "counter")
AT = 1_800_000_000


@pytest.fixture
def restarted(redis_server: Any) -> Any:
    """The server, which is running again when the test is over, whatever happened."""
    yield redis_server
    redis_server.stop()
    redis_server.start()


def test_what_is_counted_while_redis_is_down_arrives_when_it_is_back(restarted: Any) -> None:
    store = RedisStore(restarted.url, prefix="outage")
    handler = MetricsHandler(store=store, flush_interval=60)
    log = logging.Logger("shop")
    log.addHandler(handler)
    log.info("sold")
    handler.flush()
    restarted.stop()
    for _ in range(3):
        log.info("sold while it is down")
        handler.flush()
    health = handler.health()
    assert health.status is Status.UNHEALTHY
    assert "until Redis answers again" in health.detail
    restarted.start()
    handler.flush()
    assert handler.health().status is Status.HEALTHY
    totals = store.totals(["aura_log_records_total"])
    assert sum(sample.amount.sum for sample in totals) == 4
    handler.close()


def test_a_batch_whose_answer_was_lost_is_counted_once(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RedisStore(redis_server.url, prefix="lost-answer")
    add = store._add

    def add_and_lose_the_answer(**arguments: Any) -> None:
        add(**arguments)
        raise redis_store.redis.TimeoutError("Timeout reading from socket")

    monkeypatch.setattr(store, "_add", add_and_lose_the_answer)
    with pytest.raises(StoreError, match="Timeout reading"):
        store.add([Sample(ORDERS, AT, Amount(sum=1))], "batch")
    monkeypatch.undo()
    store.add([Sample(ORDERS, AT, Amount(sum=1))], "batch")
    assert merge(store.totals())[ORDERS].sum == 1


def test_buckets_expire_and_totals_do_not(redis_server: Any) -> None:
    store = RedisStore(redis_server.url, prefix="expiry")
    store.add([Sample(ORDERS, AT, Amount(sum=1))])
    client = store._client
    lives = {key.removeprefix("{expiry}:"): client.ttl(key) for key in client.keys("{expiry}:*")}
    for tier in TIERS:
        assert 0 < lives[f"t:{tier.step}:{AT // tier.step * tier.step}:shop_orders_total"] <= tier.keep + tier.step
    assert lives["total:shop_orders_total"] == -1


def test_too_many_series_are_counted_together(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "_MAX_SERIES_PER_METRIC", 2)
    store = RedisStore(redis_server.url, prefix="too-many")
    for number in range(5):
        store.add([Sample(Series("shop_orders_total", "counter", (("channel", str(number)),)), AT, Amount(sum=1))])
    totals = {sample.series.label("channel"): sample.amount.sum for sample in store.totals()}
    assert totals == {"0": 1, "1": 1, OVERFLOW: 3}


def test_reading_scans_nothing(redis_server: Any) -> None:
    store = RedisStore(redis_server.url, prefix="no-scan")
    store.add([Sample(ORDERS, AT, Amount(sum=1))])
    store._client.config_resetstat()
    store.totals()
    store.read(AT - 300, AT + 1)
    used = set(store._client.info("commandstats"))
    assert not used & {"cmdstat_keys", "cmdstat_scan", "cmdstat_hscan", "cmdstat_sscan"}


def test_a_redis_url_that_redis_py_refuses_is_told_without_its_password() -> None:
    with pytest.raises(OptionError) as error:
        open_store("redis://user:secret@host:not-a-port/0")
    assert "secret" not in str(error.value)
    assert "not-a-port" in str(error.value)


@pytest.mark.parametrize("url", ["redis://user:se/cr@et@host/shop", "rediss://:se/cr@et@host/1x?db=2"])
def test_a_redis_database_is_a_number(url: str) -> None:
    with pytest.raises(OptionError, match="give its number") as error:
        open_store(url)
    assert not any(part in str(error.value) for part in ("se/", "cr", "et@"))


def test_a_server_that_has_forgotten_everything_is_told_the_names_again(redis_server: Any) -> None:
    store = RedisStore(redis_server.url, prefix="forgetful")
    store.add([Sample(ORDERS, AT, Amount(sum=1))])
    client = store._client
    client.delete(*client.keys("{forgetful}:*"))
    store.add([Sample(ORDERS, AT, Amount(sum=2.5))], "batch")
    assert [(sample.series, sample.amount.sum) for sample in store.totals()] == [(ORDERS, 2.5)]


def test_what_a_killed_process_counted_for_redis_is_in_its_mirror(redis_server: Any, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        handler = MetricsHandler(store=f"{redis_server.url}?db=5", flush_interval=300, mirror=tmp_path)
        handler.handle(logging.makeLogRecord({"name": "shop", "levelname": "INFO"}))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    handler = MetricsHandler(store=f"{redis_server.url}?db=5", flush_interval=300, mirror=tmp_path)
    handler._counting.recorder.tick()
    store = open_store(f"{redis_server.url}?db=5")
    assert [sample.amount.sum for sample in store.totals(["aura_log_records_total"])] == [1]
    assert handler.health().facts["recovered_batches"] == 1
    handler.close()

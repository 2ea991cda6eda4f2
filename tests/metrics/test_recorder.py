"""The way to the store survives whoever is asked on it, and a process that recorded nothing writes nothing."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

from aura_logging.health import Status
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.recorder import Recorder
from aura_logging.metrics.registry import PROCESS
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.testing import ManualClock

ORDERS = Metric("recorder_orders_total", "counter", "")


def test_a_handler_that_cannot_tell_its_health_does_not_stop_the_counting() -> None:
    def broken() -> None:
        raise ZeroDivisionError("no health")

    store = MemoryStore()
    recorder = Recorder(store, 3600, before_drain=broken)
    recorder.start()
    recorder.registry.counter(ORDERS).inc()
    assert recorder.flush()
    assert [sample.amount.sum for sample in store.totals([ORDERS.name])] == [1]
    assert recorder.health().facts["ledger_error"] == "ZeroDivisionError: no health"
    recorder.close()


def test_a_process_that_recorded_nothing_makes_no_file(tmp_path: Path) -> None:
    PROCESS.drain()
    recorder = Recorder(SqliteStore(tmp_path / "metrics.db"), 3600, mirror_directory=tmp_path / "mirrors")
    recorder.flush()
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_what_code_counts_reaches_the_store_of_every_recorder_that_runs() -> None:
    stores = [MemoryStore(), MemoryStore()]
    recorders = [Recorder(store, 3600) for store in stores]
    for recorder in recorders:
        recorder.start()
    PROCESS.counter(ORDERS).inc(5)
    for recorder in recorders:
        recorder.flush()
    assert [store.totals([ORDERS.name])[0].amount.sum for store in stores] == [5, 5]
    for recorder in recorders:
        recorder.close()


def test_an_abandoned_recorder_is_not_kept_alive_by_its_timer() -> None:
    before = set(threading.enumerate())
    recorder = Recorder(MemoryStore(), 0.01)
    recorder.start()
    (timer,) = set(threading.enumerate()) - before
    gone = weakref.ref(recorder)
    del recorder
    timer.join(10)
    gc.collect()
    assert gone() is None
    assert not timer.is_alive()


def test_a_timer_that_has_not_come_by_for_long_is_told_by_health() -> None:
    clock = ManualClock(100.0)
    recorder = Recorder(MemoryStore(), 3600, clock=clock)
    recorder.start()
    assert recorder.health().status is Status.HEALTHY
    clock.advance(20_000)
    assert recorder.health().status is Status.DEGRADED
    assert "no flush for 20000 s" in recorder.health().detail
    recorder.close()


def test_what_is_done_after_a_flush_may_fail_and_health_tells() -> None:
    recorder = Recorder(MemoryStore(), 3600)

    def broken() -> None:
        raise LookupError("no rules")

    recorder.after_flush = broken
    recorder.start()
    recorder.tick()
    assert recorder.health().facts["alerts_error"] == "LookupError: no rules"
    recorder.close()


def test_a_process_says_how_it_is_every_ten_seconds_and_takes_it_back_at_an_orderly_end() -> None:
    store, clock = MemoryStore(), ManualClock(0.0)
    asked: list[float] = []

    def tell(every_seconds: float) -> str:
        asked.append(every_seconds)
        return f"well, {len(asked)}"

    recorder = Recorder(store, 5, tell=tell, clock=clock)
    for _ in range(5):
        recorder.tick()
        clock.advance(5)

    assert asked == [10.0] * 3
    assert list(store.published().values()) == ["well, 3"]
    recorder.close()
    assert store.published() == {}


def test_a_process_that_cannot_say_how_it_is_goes_on_counting_and_shows_why() -> None:
    def tell(every_seconds: float) -> str:
        raise ZeroDivisionError("no word")

    recorder = Recorder(MemoryStore(), 3600, tell=tell)
    recorder.tick()

    assert recorder.health().facts["tell_error"] == "ZeroDivisionError: no word"
    recorder.close()

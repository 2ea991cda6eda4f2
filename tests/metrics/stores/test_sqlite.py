"""The SQLite file stays small, is made anew when it is gone, and adds up what many processes write at once."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from aura_logging.health import Status
from aura_logging.metrics.model import OVERFLOW, Amount, Sample, Series, merge
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.metrics.stores.tiers import TIERS, bucket_start
from aura_logging.testing import ManualClock

NOW = 1_800_000_003.0
ORDERS = Series("shop_orders_total", "counter")


def counted(at: float, series: Series = ORDERS) -> Sample:
    return Sample(series, bucket_start(at, 10), Amount(sum=1))


def rows(path: Path) -> dict[int, int]:
    with sqlite3.connect(path) as connection:
        found = dict(connection.execute("SELECT step, count(*) FROM point GROUP BY step"))
    connection.close()
    return found


def test_many_processes_at_once_lose_no_count(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    series = [Series("shop_orders_total", "counter", (("channel", str(number)),)) for number in range(50)]
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                store = SqliteStore(path)
                for flush in range(10):
                    store.add([counted(NOW, each) for each in series], f"{worker} {flush}")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    totals = merge(SqliteStore(path).totals())
    assert [totals[each].sum for each in series] == [40] * 50


def test_a_file_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    maker = sqlite3.connect(tmp_path / "metrics.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.1, maker.execute, ["COMMIT"])
    done.start()

    store = SqliteStore(tmp_path / "metrics.db")
    store.add([counted(NOW)])

    done.join()
    maker.close()
    assert merge(store.totals())[ORDERS].sum == 1


def test_a_file_that_stays_locked_is_an_error_in_good_time(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "metrics.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreError, match="locked"):
        SqliteStore(tmp_path / "metrics.db", busy_seconds=0.05).add([counted(NOW)])

    holder.close()


def test_buckets_go_when_their_time_is_over_and_totals_stay(tmp_path: Path) -> None:
    path, clock = tmp_path / "metrics.db", ManualClock(NOW)
    store = SqliteStore(path, clock=clock)
    for tier in TIERS:
        clock.now = NOW
        store.add([counted(NOW)])
        clock.now = NOW + tier.keep + 3 * tier.step + 60
        store.add([counted(clock.now)])
        assert rows(path)[tier.step] == 1
        store.close()
        path.unlink()
    store.add([counted(NOW)])
    clock.advance(10 * TIERS[-1].keep)
    store.add([counted(clock.now)])
    assert [sample.amount.sum for sample in store.totals()] == [2]


def test_a_series_that_counts_all_the_time_keeps_a_bounded_number_of_rows(tmp_path: Path) -> None:
    path, clock = tmp_path / "metrics.db", ManualClock(NOW)
    store = SqliteStore(path, clock=clock)
    for _ in range(300):
        clock.advance(61)
        store.add([counted(clock.now)])
    assert rows(path)[10] <= TIERS[0].keep // 61 + 2
    assert merge(store.totals())[ORDERS].sum == 300


def test_the_file_stays_below_its_limit_by_dropping_the_oldest(tmp_path: Path) -> None:
    path, clock = tmp_path / "metrics.db", ManualClock(NOW)
    limit = 200_000
    store = SqliteStore(path, max_bytes=limit, clock=clock)
    series = [Series("shop_orders_total", "counter", (("channel", str(number)),)) for number in range(100)]
    for _ in range(120):
        clock.advance(61)
        store.add([counted(clock.now, each) for each in series])
    store.close()
    assert path.stat().st_size < 1.5 * limit
    assert merge(store.totals())[series[0]].sum == 120
    newest = store.read(clock.now - 300)
    assert len({sample.at for sample in newest}) >= 4


def test_too_many_series_are_counted_together(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "metrics.db", max_series=3)
    for number in range(10):
        store.add([counted(NOW, Series("shop_orders_total", "counter", (("channel", str(number)),)))])
    totals = {sample.series.label("channel"): sample.amount.sum for sample in store.totals()}
    assert totals == {"0": 1, "1": 1, "2": 1, OVERFLOW: 7}


def test_a_file_that_somebody_deleted_is_made_anew_and_not_written_into_the_void(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    store = SqliteStore(path)
    store.add([counted(NOW)])
    for file in tmp_path.iterdir():
        file.unlink()
    store.add([counted(NOW)])
    assert merge(SqliteStore(path).totals())[ORDERS].sum == 1


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="layout 99"):
        store.add([counted(NOW)])
    assert store.health().status is Status.UNHEALTHY


def test_a_file_that_another_process_keeps_locked_is_an_error_and_then_counted(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    store = SqliteStore(path, busy_seconds=0.05)
    store.add([counted(NOW)], "1")
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.add([counted(NOW)], "2")
    assert len(store.totals()) == 1, "readers do not wait"
    blocker.rollback()
    blocker.close()
    store.add([counted(NOW)], "2")
    assert merge(store.totals())[ORDERS].sum == 2


def test_a_relative_path_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("metrics.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.add([counted(time.time())])
    assert (tmp_path / "metrics.db").exists()


def test_a_store_that_nobody_holds_any_more_leaves_no_connection_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "metrics.db")
    store.totals()
    connection = store._connection
    assert connection is not None

    del store
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")

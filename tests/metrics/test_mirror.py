"""What a killed process had counted is delivered by a neighbour, once, at whatever moment it was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from aura_logging.metrics import mirror as mirror_module
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.mirror import Mirror, remains_in
from aura_logging.metrics.model import OVERFLOW, Amount, Sample, Series, merge
from aura_logging.metrics.recorder import Recorder
from aura_logging.metrics.registry import PROCESS
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.sqlite import SqliteStore

ORDERS = Metric("shop_orders_total", "counter", "", labels=("channel",))
SECONDS = Metric("shop_seconds", "histogram", "", bounds=(0.5, 1.0))
WEB = Series("shop_orders_total", "counter", (("channel", "web"),))
LATENCY = Series("shop_seconds", "histogram", (), (0.5, 1.0))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


@pytest.fixture
def neighbour(tmp_path: Path, directory: Path) -> Iterator[Recorder]:
    recorder = Recorder(SqliteStore(tmp_path / "metrics.db"), 60, mirror_directory=directory)
    yield recorder
    recorder.close()


class DyingStore(SqliteStore):
    """A store whose process is killed in the middle of a flush: before or after the store has it."""

    when = ""

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        if self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.when == "down":
            raise StoreError("down")
        super().add(samples, batch)
        if self.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)


def run_and_kill(tmp_path: Path, directory: Path, work: Callable[[Recorder, DyingStore], None]) -> None:
    """Run the work in a child that is killed by SIGKILL at its end, if not before."""
    child = os.fork()
    if child == 0:
        try:
            store = DyingStore(tmp_path / "metrics.db")
            recorder = Recorder(store, 3600, mirror_directory=directory)
            recorder.start()
            work(recorder, store)
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def count(recorder: Recorder, times: int) -> None:
    orders, seconds = recorder.registry.counter(ORDERS), recorder.registry.histogram(SECONDS)
    shared = PROCESS.counter(Metric("mirror_test_total", "counter", ""))
    for _ in range(times):
        orders.inc(channel="web")
        seconds.observe(0.75)
        shared.inc()


@pytest.mark.parametrize("when", ["", "before", "after"])
def test_a_process_that_is_killed_at_any_moment_is_counted_once(
    tmp_path: Path, directory: Path, neighbour: Recorder, when: str
) -> None:
    def work(recorder: Recorder, store: DyingStore) -> None:
        count(recorder, 3)
        recorder.flush()
        count(recorder, 4)
        store.when = when
        if when:
            recorder.flush()

    run_and_kill(tmp_path, directory, work)
    neighbour.tick()
    totals = merge(neighbour.store.totals())
    assert totals[WEB].sum == 7
    assert (totals[LATENCY].count, totals[LATENCY].sum, totals[LATENCY].buckets) == (7, 5.25, {1: 7})
    assert totals[Series("mirror_test_total", "counter")].sum == 7
    assert list(directory.iterdir()) == []


def test_a_process_killed_while_the_store_is_down_is_counted_once(
    tmp_path: Path, directory: Path, neighbour: Recorder
) -> None:
    def work(recorder: Recorder, store: DyingStore) -> None:
        count(recorder, 1)
        recorder.flush()
        store.when = "down"
        for _ in range(3):
            count(recorder, 1)
            recorder.flush()

    run_and_kill(tmp_path, directory, work)
    neighbour.tick()
    assert merge(neighbour.store.totals())[WEB].sum == 4


def test_after_an_outage_it_goes_on_as_before(tmp_path: Path, directory: Path, neighbour: Recorder) -> None:
    def work(recorder: Recorder, store: DyingStore) -> None:
        store.when = "down"
        for _ in range(3):
            count(recorder, 1)
            recorder.flush()
        store.when = ""
        recorder.flush()
        count(recorder, 1)
        recorder.flush()
        count(recorder, 1)

    run_and_kill(tmp_path, directory, work)
    neighbour.tick()
    assert merge(neighbour.store.totals())[WEB].sum == 5


def test_children_of_a_killed_process_count_for_themselves(
    tmp_path: Path, directory: Path, neighbour: Recorder
) -> None:
    def work(recorder: Recorder, store: DyingStore) -> None:
        count(recorder, 1)
        child = os.fork()
        if child == 0:
            recorder.start()
            count(recorder, 10)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        count(recorder, 100)

    run_and_kill(tmp_path, directory, work)
    neighbour.tick()
    assert merge(neighbour.store.totals())[WEB].sum == 111


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_file(
    tmp_path: Path, directory: Path, neighbour: Recorder
) -> None:
    reading, writing = os.pipe()
    is_forked, tell_forked = os.pipe()

    def work(recorder: Recorder, store: DyingStore) -> None:
        count(recorder, 1)
        if os.fork() == 0:
            os.close(writing)
            os.write(tell_forked, b".")
            os.read(reading, 1)
            os._exit(0)
        os.read(is_forked, 1)

    run_and_kill(tmp_path, directory, work)
    os.close(reading)
    neighbour.tick()
    assert merge(neighbour.store.totals())[WEB].sum == 1
    for descriptor in (writing, is_forked, tell_forked):
        os.close(descriptor)


def test_an_orderly_end_leaves_no_file_and_a_living_process_keeps_its_own(directory: Path) -> None:
    first = Recorder(MemoryStore(), 3600, mirror_directory=directory)
    second = Recorder(MemoryStore(), 3600, mirror_directory=directory)
    first.start()
    second.start()
    count(first, 1)
    second.tick()
    assert len(list(directory.glob("*.live"))) == 2
    first.close()
    second.close()
    assert list(directory.iterdir()) == []
    count(first, 1)


def test_a_process_that_ends_while_the_store_is_down_leaves_its_counts_to_the_next(
    tmp_path: Path, directory: Path, neighbour: Recorder
) -> None:
    store = DyingStore(tmp_path / "metrics.db")
    recorder = Recorder(store, 3600, mirror_directory=directory)
    recorder.start()
    store.when = "down"
    count(recorder, 2)
    recorder.flush()
    count(recorder, 3)
    recorder.close()
    neighbour.tick()
    assert merge(neighbour.store.totals())[WEB].sum == 5


def test_where_no_file_can_be_made_counting_goes_on_and_health_tells(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    store = MemoryStore()
    recorder = Recorder(store, 3600, mirror_directory=tmp_path / "in the way" / "mirrors")
    recorder.start()
    count(recorder, 2)
    recorder.flush()
    assert merge(store.totals())[WEB].sum == 2
    assert str(recorder.health().facts["mirror"]).startswith("off: ")
    recorder.close()


def test_what_has_no_room_in_the_file_is_counted_all_the_same(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "SLOTS", 3)
    store = MemoryStore()
    recorder = Recorder(store, 3600, mirror_directory=directory)
    recorder.start()
    orders = recorder.registry.counter(ORDERS)
    for number in range(5):
        orders.inc(channel=str(number))
    recorder.flush()
    assert sum(amount.sum for series, amount in merge(store.totals()).items() if series.label("channel")) == 5
    assert recorder.health().facts["mirror"] == "full"
    recorder.close()


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(500_000), b"AURAMIR1" + bytes(500_000)])
def test_a_file_that_is_nonsense_is_buried_without_counting(
    directory: Path, neighbour: Recorder, content: bytes
) -> None:
    directory.mkdir()
    (directory / "bad.live").write_bytes(content)
    neighbour.tick()
    assert neighbour.store.totals() == []
    assert list(directory.glob("bad*")) == []


def test_a_torn_name_is_left_out(directory: Path) -> None:
    mirror = Mirror(directory)
    slot = mirror.allocate(WEB, 1)
    assert slot == 0
    mirror.live[0] = 3.0
    with (directory / f"{mirror.id}.names").open("ab") as names:
        names.write(b'[1, "shop_or')
    mirror.leave()
    found = [remains.batches() for remains in remains_in(directory, 10)]
    assert found == [[(f"{mirror.id}-1", {WEB: [3.0]})]]


def test_overflow_is_mirrored_too(tmp_path: Path, directory: Path, neighbour: Recorder) -> None:
    few = Metric("shop_orders_total", "counter", "", labels=("channel",), max_series=1)

    def work(recorder: Recorder, store: DyingStore) -> None:
        for channel in ("web", "shop", "phone"):
            recorder.registry.counter(few).inc(channel=channel)

    run_and_kill(tmp_path, directory, work)
    neighbour.tick()
    totals = {series.label("channel"): amount for series, amount in merge(neighbour.store.totals()).items()}
    assert totals["web"] == Amount(sum=1)
    assert totals[OVERFLOW] == Amount(sum=2)

"""Test any `MetricsStore` against the promises of the protocol; pytest collects it from a subclass of yours.

class TestMyStore(MetricsStoreContract):
    @pytest.fixture
    def store(self):
        return MyStore(...)

    def open_again(self, store):
        return MyStore(...)  # the same numbers, as another process would open them
"""

# ruff: noqa: S101  # a contract is made of assertions

from __future__ import annotations

import os
import threading
import time

from aura_logging.health import Status
from aura_logging.metrics.model import Amount, Exemplar, Sample, Series, merge
from aura_logging.metrics.outline import Outline
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.stores.tiers import FINEST_SECONDS, TIERS, bucket_start

__all__ = ["MetricsStoreContract"]

ORDERS = Series("shop_orders_total", "counter", (("channel", "web"),))
CARTS = Series("shop_carts", "gauge")
LATENCY = Series("shop_seconds", "histogram", (("step", "pay"),), (0.1, 1.0, 10.0))


class MetricsStoreContract:
    """The promises. `shared` is false for a store that only its own process can see."""

    shared = True

    def open_again(self, store: MetricsStore) -> MetricsStore:
        """Return another way to the same numbers; by default the same object."""
        return store

    def test_an_unused_store_is_empty_and_healthy(self, store: MetricsStore) -> None:
        """Nothing is there, and asking does not fail."""
        assert store.totals() == []
        assert store.read(time.time() - 60) == []
        assert store.health().status is Status.HEALTHY

    def test_increases_add_up_across_handles(self, store: MetricsStore) -> None:
        """Additive: whoever adds, and however often."""
        other = self.open_again(store)
        for each in (store, other, store):
            each.add([_counted(2.5)])
        assert _total(other, ORDERS).sum == 7.5
        assert _window(store, ORDERS, 60).sum == 7.5

    def test_a_batch_is_counted_once(self, store: MetricsStore) -> None:
        """A caller that did not hear the answer may send the same batch again."""
        store.add([_counted(1)], "batch-1")
        self.open_again(store).add([_counted(1)], "batch-1")
        store.add([_counted(1)], "batch-2")
        assert _total(store, ORDERS).sum == 2

    def test_adding_nothing_is_no_error(self, store: MetricsStore) -> None:
        """An idle process flushes too."""
        store.add([])
        assert store.totals() == []

    def test_the_newest_gauge_wins_in_whatever_order_it_arrives(self, store: MetricsStore) -> None:
        """`last` belongs to the greatest `last_at`."""
        at, now = _now_bucket(), time.time()
        store.add([Sample(CARTS, at, Amount(1, 5, 5, now))])
        store.add([Sample(CARTS, at, Amount(1, 3, 3, now - 1))])
        amount = _window(store, CARTS, 60)
        assert (amount.count, amount.sum, amount.last) == (2, 8, 5)
        assert _total(store, CARTS).last == 5

    def test_histograms_add_bucket_by_bucket_and_keep_an_exemplar(self, store: MetricsStore) -> None:
        """Empty buckets are left out; the bounds come back as they were."""
        at = _now_bucket()
        exemplar = Exemplar(0.5, "4bf92f3577b34da6a3ce929d0e0e4736", 1_700_000_000.5)
        store.add([Sample(LATENCY, at, Amount(2, 0.55, buckets={0: 1, 1: 1}, exemplar=exemplar))])
        store.add([Sample(LATENCY, at, Amount(2, 50.5, buckets={1: 1, 3: 1}))])
        (total,) = store.totals()
        assert total.series == LATENCY
        assert total.series.bounds == (0.1, 1.0, 10.0)
        assert (total.amount.count, total.amount.sum) == (4, 51.05)
        assert total.amount.buckets == {0: 1, 1: 2, 3: 1}
        assert total.amount.exemplar == exemplar
        assert _window(store, LATENCY, 60).buckets == {0: 1, 1: 2, 3: 1}

    def test_samples_lie_in_the_time_they_are_from(self, store: MetricsStore) -> None:
        """A flush that comes late, after an outage, is not counted as now."""
        at = _now_bucket()
        store.add([_counted(1, at - 600), _counted(2, at - 300), _counted(4, at)])
        found = store.read(at - 600, at)
        assert [(sample.at, sample.amount.sum) for sample in found] == [(at - 600, 1), (at - 300, 2)]
        (total,) = store.totals()
        assert total.at == at - 600

    def test_a_window_includes_the_bucket_it_begins_in(self, store: MetricsStore) -> None:
        """So a window is never shorter than asked."""
        at = _now_bucket()
        store.add([_counted(1, at - 100)])
        assert len(store.read(at - 100 + FINEST_SECONDS - 1, at + 1)) == 1
        assert store.read(at - 100 + FINEST_SECONDS, at + 1) == []

    def test_long_windows_are_answered_by_coarser_buckets_with_the_same_sums(self, store: MetricsStore) -> None:
        """Every amount is in every tier."""
        at = _now_bucket()
        store.add([_counted(1, at - ago) for ago in (0, 20, 40)])
        for tier in TIERS:
            found = store.read(at - tier.keep + 1)
            assert sum(sample.amount.sum for sample in found) == 3

    def test_names_restrict_what_is_read(self, store: MetricsStore) -> None:
        """Those metrics, and no error for one that nobody counted."""
        store.add([_counted(1), Sample(CARTS, _now_bucket(), Amount(1, 1, 1, 1.0))])
        names = ["shop_orders_total", "never_seen_total"]
        assert [sample.series for sample in store.totals(names)] == [ORDERS]
        assert [sample.series for sample in store.read(time.time() - 60, names=names)] == [ORDERS]
        assert store.totals([]) == []

    def test_a_sum_is_what_all_its_samples_come_to(self, store: MetricsStore) -> None:
        """Each series once, at the beginning of the span; of a gauge the newest value, of a histogram all buckets."""
        at, now = _now_bucket(), time.time()
        for ago in (40, 20):
            store.add([_counted(2, at - ago), Sample(LATENCY, at - ago, Amount(2, 3, buckets={0: 1, 2: 1}))])
        store.add(
            [Sample(CARTS, at - 20, Amount(1, 4, 4, now - 20)), Sample(CARTS, at - 40, Amount(1, 9, 9, now - 40))]
        )
        found = store.read_sums(now - 300, now + 1, Outline((ORDERS.name, CARTS.name, LATENCY.name)))
        assert {sample.at for sample in found} == {bucket_start(now - 300, FINEST_SECONDS)}
        assert {sample.series: _told(sample.amount) for sample in found} == {
            ORDERS: (0, 4, 0, None),
            CARTS: (2, 13, 4, None),
            LATENCY: (4, 6, 0, {0: 2, 2: 2}),
        }

    def test_a_course_tells_apart_what_it_is_asked_to(self, store: MetricsStore) -> None:
        """Series that differ in other labels are one; those with another value than the one wanted are none."""
        at = _now_bucket()
        for route, status, ago in (("a", "2xx", 30), ("a", "5xx", 30), ("b", "2xx", 30), ("b", "2xx", 10)):
            series = Series("ends_total", "counter", (("route", route), ("status", status)))
            store.add([Sample(series, at - ago, Amount(sum=1))])
        since, until = time.time() - 300, time.time() + 1
        found = store.read_sums(since, until, Outline(("ends_total",), ("status",), by_time=True))
        assert [sample.at for sample in found] == [at - 30, at - 30, at - 10]
        assert {(each.at - at, each.series.labels, each.amount.sum) for each in found} == {
            (-30, (("status", "2xx"),), 2),
            (-30, (("status", "5xx"),), 1),
            (-10, (("status", "2xx"),), 1),
        }
        (of_one,) = store.read_sums(since, until, Outline(("ends_total",), (), {"route": "a"}))
        assert (of_one.series.labels, of_one.amount.sum) == ((), 2)
        assert store.read_sums(since, until, Outline(("ends_total",), (), {"route": "c"})) == []
        assert store.read_sums(since, until, Outline(())) == []

    def test_histograms_of_other_bounds_are_not_added_up(self, store: MetricsStore) -> None:
        """Two releases at once."""
        at = _now_bucket()
        for labels, bounds in (("pay", (0.1, 1.0)), ("ship", (0.1, 1.0)), ("pay", (0.5,))):
            series = Series("step_seconds", "histogram", (("step", labels),), bounds)
            store.add([Sample(series, at, Amount(1, 0.2, buckets={1: 1}))])
        found = store.read_sums(time.time() - 300, time.time() + 1, Outline(("step_seconds",), (), by_time=True))
        assert {each.series.bounds: each.amount.buckets for each in found} == {(0.1, 1.0): {1: 2}, (0.5,): {1: 1}}

    def test_sums_of_every_tier_have_what_was_added_long_ago(self, store: MetricsStore) -> None:
        """A quarter is read in days, a week in hours, an hour in minutes."""
        now = time.time()
        day = 86_400
        store.add([_counted(1, int(now - 80 * day)), _counted(2, int(now - 5 * day)), _counted(4, int(now - 1_800))])
        for seconds, sums in ((90 * day, 7), (7 * day, 6), (3_600, 4)):
            for by_time in (False, True):
                found = store.read_sums(now - seconds, now, Outline((ORDERS.name,), by_time=by_time))
                assert sum(sample.amount.sum for sample in found) == sums

    def test_any_text_is_a_label(self, store: MetricsStore) -> None:
        """Quotes, separators, emoji and control characters come back as they went."""
        odd = Series("odd_total", "counter", (("route", 'a|b"c\\d\n{é}🦉\x00%s'),))
        store.add([Sample(odd, _now_bucket(), Amount(sum=1))])
        store.add([Sample(odd, _now_bucket(), Amount(sum=1))])
        assert _total(self.open_again(store), odd).sum == 2

    def test_the_same_name_with_other_bounds_is_another_series(self, store: MetricsStore) -> None:
        """Two releases that differ in their buckets do not spoil each other's."""
        other = Series(LATENCY.name, "histogram", LATENCY.labels, (0.5,))
        at = _now_bucket()
        store.add(
            [Sample(LATENCY, at, Amount(1, 0.2, buckets={1: 1})), Sample(other, at, Amount(1, 0.2, buckets={0: 1}))]
        )
        assert _total(store, LATENCY).buckets == {1: 1}
        assert _total(store, other).buckets == {0: 1}

    def test_threads_may_add_and_read_at_once(self, store: MetricsStore) -> None:
        """Any thread may call any method."""
        errors: list[Exception] = []

        def work() -> None:
            try:
                for _ in range(10):
                    store.add([_counted(1)])
                    store.totals()
            except Exception as error:  # noqa: BLE001  # shown by the assertion below
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert _total(store, ORDERS).sum == 40

    def test_one_holder_has_a_lease_until_it_ends(self, store: MetricsStore) -> None:
        """Others wait; the holder may renew."""
        other = self.open_again(store)
        assert store.lease("alerts", "one", 60)
        assert not other.lease("alerts", "two", 60)
        assert other.lease("anomalies", "two", 60)
        assert store.lease("alerts", "one", 0.001)
        deadline = time.monotonic() + 10
        while not other.lease("alerts", "two", 60):
            assert time.monotonic() < deadline
        assert not store.lease("alerts", "one", 60)

    def test_a_text_is_swapped_only_for_the_one_expected(self, store: MetricsStore) -> None:
        """So two processes cannot both take the same step."""
        other = self.open_again(store)
        assert store.load("alerts") is None
        assert not store.swap("alerts", "firing", "resolved")
        assert store.swap("alerts", None, "firing")
        assert not other.swap("alerts", None, "firing")
        assert other.load("alerts") == "firing"
        assert other.swap("alerts", "firing", "")
        assert store.load("alerts") == ""
        assert not store.swap("alerts", None, "firing")

    def test_what_workers_say_is_known_to_all_until_its_time_is_over(self, store: MetricsStore) -> None:
        """The newest word of each counts; who has nothing more to say is forgotten."""
        other = self.open_again(store)
        assert store.published() == {}
        store.publish("one", "well", 60)
        other.publish("two", "café 🦉", 60)
        other.publish("two", "ill", 60)
        assert store.published() == other.published() == {"one": "well", "two": "ill"}
        store.publish("two", "", 0)
        assert other.published() == {"one": "well"}
        store.publish("one", "well", 0.001)
        deadline = time.monotonic() + 10
        while other.published():
            assert time.monotonic() < deadline

    def test_both_sides_of_a_fork_may_use_it(self, store: MetricsStore) -> None:
        """A store that was in use before the fork."""
        store.add([_counted(1)])
        child = os.fork()
        if child == 0:
            status = 1
            try:
                store.add([_counted(10)])
                status = 0
            finally:
                os._exit(status)
        store.add([_counted(100)])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert _total(store, ORDERS).sum == (111 if self.shared else 101)

    def test_it_works_again_after_close(self, store: MetricsStore) -> None:
        """Close lets go of connections, not of numbers."""
        store.add([_counted(1)])
        store.close()
        store.add([_counted(1)])
        assert _total(store, ORDERS).sum == 2
        store.close()
        store.close()


def _told(amount: Amount) -> tuple[float, float, float, object]:
    return (amount.count, amount.sum, amount.last, None if amount.buckets is None else dict(amount.buckets))


def _now_bucket() -> int:
    return bucket_start(time.time(), FINEST_SECONDS)


def _counted(increase: float, at: int | None = None) -> Sample:
    return Sample(ORDERS, _now_bucket() if at is None else at, Amount(sum=increase))


def _total(store: MetricsStore, series: Series) -> Amount:
    return merge(store.totals())[series]


def _window(store: MetricsStore, series: Series, seconds: float) -> Amount:
    return merge(store.read(time.time() - seconds, time.time() + 1))[series]

"""What waits for the store is bounded, and counts survive whatever order of failure."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.pending import Pending

SERIES = [Series(f"shop_{letter}_total", "counter") for letter in "abcde"]

samples = st.builds(
    lambda series, bucket, increase: Sample(series, bucket * 10, Amount(sum=float(increase))),
    st.sampled_from(SERIES),
    st.integers(0, 30),
    st.integers(1, 9),
)


@given(st.lists(st.tuples(st.lists(samples, max_size=8), st.booleans()), max_size=30))
def test_every_count_arrives_once_however_often_the_store_fails(steps: list[tuple[list[Sample], bool]]) -> None:
    pending = Pending(max_samples=10, batch_samples=4)
    counted: Counter[Series] = Counter()
    arrived: Counter[Series] = Counter()
    seen: set[str] = set()

    def deliver() -> None:
        batch = pending.batch()
        if batch is not None:
            assert batch.id not in seen
            seen.add(batch.id)
            for sample in batch.samples:
                arrived[sample.series] += int(sample.amount.sum)
            pending.delivered()

    for taken, store_is_up in steps:
        pending.take(taken)
        for sample in taken:
            counted[sample.series] += int(sample.amount.sum)
        if store_is_up:
            deliver()
        else:
            pending.batch()
    while len(pending):
        deliver()
    assert arrived == counted


@given(st.lists(samples, max_size=200))
def test_it_holds_no_more_than_its_limit_or_one_amount_for_each_series(taken: list[Sample]) -> None:
    pending = Pending(max_samples=10)
    for sample in taken:
        pending.take([sample])
        assert len(pending) <= max(10, len(SERIES))


def test_a_batch_that_was_not_delivered_is_handed_out_again_the_same() -> None:
    pending = Pending(batch_samples=1)
    pending.take([Sample(SERIES[0], 10, Amount(sum=1)), Sample(SERIES[0], 20, Amount(sum=2))])
    first = pending.batch()
    pending.take([Sample(SERIES[0], 10, Amount(sum=4))])
    assert pending.batch() is first
    pending.delivered()
    second = pending.batch()
    assert second is not None
    assert first is not None
    assert second.id != first.id
    assert [(sample.at, sample.amount.sum) for sample in second.samples] == [(10, 4)]


def test_when_there_is_too_much_the_oldest_times_are_joined() -> None:
    pending = Pending(max_samples=3)
    pending.take([Sample(SERIES[0], at, Amount(sum=1)) for at in (10, 20, 30, 40, 50)])
    batch = pending.batch()
    assert batch is not None
    assert [(sample.at, sample.amount.sum) for sample in batch.samples] == [(30, 3), (40, 1), (50, 1)]
    assert pending.joined == 2

"""Answer questions about a stretch of time: rates, shares, quantiles and tops, for all processes together."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from aura_logging.metrics import catalogue
from aura_logging.metrics.model import Amount, Sample, Series, merge
from aura_logging.metrics.outline import Outline
from aura_logging.metrics.quantiles import Quantile, quantile, share_above
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.stores.tiers import FINEST_SECONDS, OUTLINE_BUCKETS, bucket_start, tier_for
from aura_logging.resilience.clock import Clock

__all__ = ["Outcome", "Window", "read_course", "read_sums", "read_window"]

_NOTHING = Amount()

# A process that has not told a summed gauge for so long is gone: four of the longest usual flush intervals.
_SILENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many requests there were, and how many of them failed (5xx)."""

    requests: float
    failed: float

    @property
    def error_rate(self) -> float:
        """The share that failed, 0 to 1; of no requests, 0."""
        return self.failed / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Window:
    """What was counted from `since` to `until`, in Unix seconds; nothing here touches the store.

    `since` lies at the beginning of a time bucket, so a window may be a bucket (10 s, in one of an hour or less)
    longer than it was asked for; rates are per second of its true length. What processes have counted but not
    flushed is not in it: the last few seconds are incomplete by up to a flush interval.
    """

    since: float
    until: float
    step: int
    samples: tuple[Sample, ...]

    @cached_property
    def amounts(self) -> dict[Series, Amount]:
        """Each series' amount over the whole window."""
        return merge(self.samples)

    @property
    def seconds(self) -> float:
        """The window's length."""
        return self.until - self.since

    def amount(self, name: str, **labels: str) -> Amount:
        """Return what all series of a metric with these labels come to; nothing if there is none."""
        return _sum(amount for series, amount in self.amounts.items() if _matches(series, name, labels))

    def total(self, name: str, **labels: str) -> float:
        """Return a counter's increase, or the sum of a histogram's observations."""
        return self.amount(name, **labels).sum

    def rate(self, name: str, **labels: str) -> float:
        """Return a counter's increase per second."""
        return self.total(name, **labels) / self.seconds if self.seconds > 0 else 0.0

    def by(self, name: str, label: str, **labels: str) -> dict[str, Amount]:
        """Return a metric's amount for each value of one label."""
        grouped: dict[str, Amount] = {}
        for series, amount in self.amounts.items():
            if _matches(series, name, labels):
                key = series.label(label)
                before = grouped.get(key)
                grouped[key] = amount if before is None else before.plus(amount)
        return grouped

    def top(self, name: str, label: str, n: int = 10, **labels: str) -> list[tuple[str, float]]:
        """Return the label's values with the greatest sums, greatest first."""
        sums = ((value, amount.sum) for value, amount in self.by(name, label, **labels).items())
        return sorted(sums, key=lambda pair: (-pair[1], pair[0]))[:n]

    def quantile(self, q: float, name: str, **labels: str) -> Quantile | None:
        """Return a histogram's quantile, with the bounds of its error; None without observations.

        Series that differ in their bounds (two releases at once) are not mixed: the one with more counts.
        """
        bounds, amount = self._histogram(name, labels)
        return quantile(q, bounds, amount.buckets)

    def share_above(self, threshold: float, name: str, **labels: str) -> float:
        """Return the share of a histogram's observations above a threshold."""
        bounds, amount = self._histogram(name, labels)
        return share_above(threshold, bounds, amount.buckets)

    def gauge(self, name: str, **labels: str) -> float | None:
        """Return a gauge's value, merged over processes as it declares; None if it was not set in the window."""
        amount = self.amount(name, **labels)
        if not amount.count:
            return None
        how = next(series.merge for series in self.amounts if _matches(series, name, labels))
        if how == "mean":
            return amount.sum / amount.count
        return amount.last if how == "last" else self._gauge_sum(name, labels)

    def outcome(self, **labels: str) -> Outcome:
        """Return how requests ended: of a `route`, of a `user_type`, or of all."""
        name = catalogue.REQUESTS.name
        return Outcome(self.total(name, **labels), self.total(name, **{**labels, "status": "5xx"}))

    def outcomes(self, label: str) -> dict[str, Outcome]:
        """Return how requests ended for each value of a label: `route`, `method`, `user_type`."""
        name = catalogue.REQUESTS.name
        failed = self.by(name, label, status="5xx")
        return {
            value: Outcome(amount.sum, failed.get(value, _NOTHING).sum)
            for value, amount in self.by(name, label).items()
        }

    def over_time(self, name: str, **labels: str) -> list[tuple[int, Amount]]:
        """Return a metric's amount for each time bucket of the window, oldest first, empty ones included."""
        amounts: dict[int, Amount] = {}
        for sample in self.samples:
            if _matches(sample.series, name, labels):
                amounts[sample.at] = amounts.get(sample.at, _NOTHING).plus(sample.amount)
        times = range(int(self.since), int(-(-self.until // 1)), self.step)
        return [(at, amounts.get(at, _NOTHING)) for at in times]

    def _histogram(self, name: str, labels: dict[str, str]) -> tuple[tuple[float, ...], Amount]:
        by_bounds: dict[tuple[float, ...], Amount] = {}
        for series, amount in self.amounts.items():
            if _matches(series, name, labels) and series.bounds:
                by_bounds[series.bounds] = by_bounds.get(series.bounds, _NOTHING).plus(amount)
        return max(by_bounds.items(), key=lambda item: item[1].count, default=((), _NOTHING))

    def _gauge_sum(self, name: str, labels: dict[str, str]) -> float:
        # Every process tells its value once in ten seconds. The newest bucket is still being told, so the one
        # before it is the newest whole one. In coarser buckets each process has told several times.
        told = [(at, amount) for at, amount in self.over_time(name, **labels) if amount.count]
        if told[-1][0] + self.step + _SILENCE_SECONDS < self.until:
            return 0.0
        _, amount = told[-2] if len(told) > 1 else told[-1]
        return amount.sum / (self.step // FINEST_SECONDS)


def read_window(
    store: MetricsStore, seconds: float, names: Collection[str] | None = None, clock: Clock = time.time
) -> Window:
    """Return the last `seconds` (over 0) as the store has them; `StoreError` if it does not answer.

    Name the metrics you will ask for: the store then reads only those.
    """
    since, until = _span(seconds, clock)
    step = tier_for(since, until, until).step
    return Window(bucket_start(since, step), until, step, tuple(store.read(since, until, names)))


def read_sums(store: MetricsStore, seconds: float, names: Collection[str], clock: Clock = time.time) -> Window:
    """Return the last `seconds` with each series added up: for totals, shares and quantiles, not for `over_time`.

    Long stretches are many times quicker to read so. The window begins up to a bucket earlier than asked for: a minute
    in one of an hour, an hour in one of a day or a week, a day beyond. `StoreError` if the store does not answer.
    """
    return _outlined(store, seconds, Outline(names), clock)


def read_course(
    store: MetricsStore,
    seconds: float,
    names: Collection[str],
    labels: Collection[str] = (),
    only: Mapping[str, str] | None = None,
    clock: Clock = time.time,
) -> Window:
    """Return the last `seconds` bucket by bucket, of each metric only what `labels` tell apart: for `over_time`.

    `only` names labels and the value that is wanted of them.
    """
    return _outlined(store, seconds, Outline(names, labels, only or {}, by_time=True), clock)


def _outlined(store: MetricsStore, seconds: float, outline: Outline, clock: Clock) -> Window:
    since, until = _span(seconds, clock)
    step = tier_for(since, until, until, OUTLINE_BUCKETS).step
    return Window(bucket_start(since, step), until, step, tuple(store.read_sums(since, until, outline)))


def _span(seconds: float, clock: Clock) -> tuple[float, float]:
    if seconds <= 0:
        raise ValueError(f"seconds={seconds!r}; a window is longer than 0.")
    until = clock()
    return until - seconds, until


def _matches(series: Series, name: str, labels: dict[str, str]) -> bool:
    return series.name == name and all(series.label(key) == value for key, value in labels.items())


def _sum(amounts: Iterable[Amount]) -> Amount:
    total = _NOTHING
    for amount in amounts:
        total = total.plus(amount)
    return total

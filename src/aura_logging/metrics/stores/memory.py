"""Keep metrics in this process's memory: for tests, for development, and for one process alone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence

from aura_logging.health import Health, Status
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.outline import Outline
from aura_logging.metrics.stores.tiers import OUTLINE_BUCKETS, TIERS, Stretch, bucket_start, span_of, tier_for
from aura_logging.resilience.clock import Clock

__all__ = ["MemoryStore"]

_BATCHES_REMEMBERED = 10_000


class MemoryStore:
    """A `MetricsStore` that dies with its process; a forked child has one of its own from then on."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[int, int], dict[Series, Amount]] = {}
        self._totals: dict[Series, Amount] = {}
        self._first: dict[Series, int] = {}
        self._batches: OrderedDict[str, None] = OrderedDict()
        self._leases: dict[str, tuple[str, float]] = {}
        self._texts: dict[str, str] = {}
        self._published: dict[str, tuple[str, float]] = {}
        at_fork(in_child=self._begin_child)

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        """Add the samples to every tier and to the totals."""
        with self._lock:
            if batch:
                if batch in self._batches:
                    return
                self._batches[batch] = None
                if len(self._batches) > _BATCHES_REMEMBERED:
                    self._batches.popitem(last=False)
            for sample in samples:
                self._first.setdefault(sample.series, sample.at)
                _put(self._totals, sample)
                for tier in TIERS:
                    key = (tier.step, bucket_start(sample.at, tier.step))
                    _put(self._buckets.setdefault(key, {}), sample)
            self._drop_expired()

    def read(self, since: float, until: float | None = None, names: Collection[str] | None = None) -> list[Sample]:
        """Return the samples of the span, oldest first."""
        now = self._clock()
        until = now if until is None else until
        return self._read(span_of(since, until, tier_for(since, until, now).step), names)

    def read_sums(self, since: float, until: float, outline: Outline) -> list[Sample]:
        """Return what is wanted of the span, added up."""
        span = span_of(since, until, tier_for(since, until, self._clock(), OUTLINE_BUCKETS).step)
        return outline.added(self._read(span, outline.names), span.first)

    def totals(self, names: Collection[str] | None = None) -> list[Sample]:
        """Return one sample for each series."""
        with self._lock:
            return [
                Sample(series, self._first[series], amount)
                for series, amount in self._totals.items()
                if names is None or series.name in names
            ]

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the right to do a job."""
        now = self._clock()
        with self._lock:
            owner, until = self._leases.get(name, (holder, now))
            # One that would last twice as long was taken before the clock was put back.
            if owner != holder and now < until <= now + 2 * seconds:
                return False
            self._leases[name] = (holder, now + seconds)
            return True

    def load(self, key: str) -> str | None:
        """Return the text under a key."""
        return self._texts.get(key)

    def swap(self, key: str, expected: str | None, text: str) -> bool:
        """Put a text in the place of the one expected."""
        with self._lock:
            if self._texts.get(key) != expected:
                return False
            self._texts[key] = text
            return True

    def publish(self, worker: str, text: str, seconds: float) -> None:
        """Remember what a worker says; there is one at most, for another process has another memory."""
        with self._lock:
            self._published[worker] = (text, self._clock() + seconds)

    def published(self) -> dict[str, str]:
        """Return what was said in this process."""
        now = self._clock()
        with self._lock:
            self._published = {worker: said for worker, said in self._published.items() if said[1] > now}
            return {worker: text for worker, (text, _) in self._published.items()}

    def health(self) -> Health:
        """Return healthy: there is nothing here that can fail."""
        return Health(Status.HEALTHY, facts={"store": "memory", "series": len(self._totals)})

    def close(self) -> None:
        """Keep everything: a store in memory that forgot at close could not be read after a flush."""

    def _read(self, span: Stretch, names: Collection[str] | None) -> list[Sample]:
        with self._lock:
            found = [
                Sample(series, at, amount)
                for (of_step, at), amounts in self._buckets.items()
                if of_step == span.step and span.first <= at < span.end
                for series, amount in amounts.items()
                if names is None or series.name in names
            ]
        return sorted(found, key=lambda sample: sample.at)

    def _begin_child(self) -> None:
        # Another thread of the parent may have held it.
        self._lock = threading.Lock()
        self._published = {}

    def _drop_expired(self) -> None:
        now = self._clock()
        keep = {tier.step: tier.keep for tier in TIERS}
        for step, at in [key for key in self._buckets if key[1] + key[0] + keep[key[0]] < now]:
            del self._buckets[step, at]


def _put(amounts: dict[Series, Amount], sample: Sample) -> None:
    before = amounts.get(sample.series)
    amounts[sample.series] = sample.amount if before is None else before.plus(sample.amount)

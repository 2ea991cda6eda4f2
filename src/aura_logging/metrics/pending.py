"""Keep what the store has not taken yet, in bounded room and without losing a count."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aura_logging.metrics.model import Amount, Sample, Series

__all__ = ["Batch", "Pending"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples that are added together, under an id by which a store knows them again."""

    id: str
    samples: list[Sample]


class Pending:
    """Amounts by time bucket, handed out in batches; not for more than one thread at a time.

    While a store is down the buckets pile up. Beyond `max_samples` the two oldest are joined, again and again:
    when something happened is known less well, how often it happened exactly. The room is bounded by that and
    by the limit of series in the instruments. A batch that was handed out is handed out again, the same, until
    it is `delivered`.
    """

    def __init__(
        self,
        max_samples: int = 20_000,
        batch_samples: int = 2_000,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._max_samples = max_samples
        self._batch_samples = batch_samples
        self._new_id = new_id
        self._buckets: dict[int, dict[Series, Amount]] = {}
        self._count = 0
        self._handed_out: Batch | None = None
        self.joined = 0

    def __len__(self) -> int:
        return self._count + (len(self._handed_out.samples) if self._handed_out else 0)

    def take(self, samples: Iterable[Sample]) -> None:
        """Keep the samples."""
        for sample in samples:
            self._put(sample.at, sample.series, sample.amount)
        while self._count > self._max_samples and len(self._buckets) > 1:
            self._join_oldest()

    @property
    def fits_one_batch(self) -> bool:
        """Whether all that waits is handed out at the next asking."""
        return len(self) <= self._batch_samples

    def batch(self, name: str = "") -> Batch | None:
        """Return what the store should take next, oldest first; nothing if there is nothing.

        A new batch gets the id `name`, or one of its own.
        """
        if self._handed_out is None and self._buckets:
            samples: list[Sample] = []
            for at in sorted(self._buckets):
                bucket = self._buckets[at]
                while bucket and len(samples) < self._batch_samples:
                    series, amount = bucket.popitem()
                    samples.append(Sample(series, at, amount))
                if bucket:
                    break
                del self._buckets[at]
            self._count -= len(samples)
            self._handed_out = Batch(name or self._new_id(), samples)
        return self._handed_out

    def delivered(self) -> None:
        """Forget the batch that was handed out: the store has it."""
        self._handed_out = None

    def clear(self) -> None:
        """Forget everything: a forked child's parent still has it."""
        self._buckets.clear()
        self._count = 0
        self._handed_out = None

    def _put(self, at: int, series: Series, amount: Amount) -> None:
        bucket = self._buckets.setdefault(at, {})
        before = bucket.get(series)
        if before is None:
            bucket[series] = amount
            self._count += 1
        else:
            bucket[series] = before.plus(amount)

    def _join_oldest(self) -> None:
        oldest, next_oldest = sorted(self._buckets)[:2]
        gone = self._buckets.pop(oldest)
        self._count -= len(gone)
        for series, amount in gone.items():
            self._put(next_oldest, series, amount)
        self.joined += 1

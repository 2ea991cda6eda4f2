"""Hold what came in under one set of label values since it was last drained, in less than a microsecond.

One lock per registry guards all its cells: it is held for a few additions, never over I/O. What is counted is also
added to numbers in a mirror (see `mirror.py`), or to some that nobody reads.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Any, Protocol

from aura_logging.metrics.model import Amount, Exemplar, Sample, Series
from aura_logging.resilience.clock import Clock

__all__ = ["Cell", "CounterCell", "GaugeCell", "HistogramCell", "Lock"]

_INFINITY = float("inf")
_MOST_MISSED_BUCKETS = 360

Numbers = Any  # array("d"), or a memoryview of doubles: both are indexed alike
Lock = Any  # threading.RLock is a function to the type checker, not a class


class Cell(Protocol):
    """What an instrument keeps per set of label values."""

    series: Series
    rejected: int

    def drain(self, at: int, step: int) -> list[Sample]:
        """Return what came in since the last drain and start again from nothing; called under the lock."""
        ...

    def reset(self) -> None:
        """Forget what came in; called under the lock."""
        ...

    def mirror_in(self, numbers: Numbers, slot: int) -> None:
        """Write what is counted there too, beginning with what has not been drained; called under the lock."""
        ...

    def mirror_nowhere(self) -> None:
        """Mirror no longer; called under the lock."""
        ...


class CounterCell:
    """Adds up increases. A negative or infinite increase is rejected and counted, never raised in the caller."""

    __slots__ = ("_increase", "_lock", "_mirror", "_slot", "rejected", "series")

    def __init__(self, series: Series, lock: Lock) -> None:
        self.series = series
        self.rejected = 0
        self._lock = lock
        self._increase = 0.0
        self.mirror_in(_nowhere(1), 0)

    def mirror_in(self, numbers: Numbers, slot: int) -> None:
        """Write what is counted there too, beginning with what has not been drained; called under the lock."""
        self._mirror, self._slot = numbers, slot
        numbers[slot] += self._increase

    def mirror_nowhere(self) -> None:
        """Mirror no longer; called under the lock."""
        self._mirror, self._slot = _nowhere(1), 0

    def inc(self, amount: float = 1.0) -> None:
        """Add to the count."""
        with self._lock:
            if 0.0 <= amount < _INFINITY:
                self._increase += amount
                self._mirror[self._slot] += amount
            else:
                self.rejected += 1

    def drain(self, at: int, step: int) -> list[Sample]:
        """Return the increase since the last drain."""
        increase, self._increase = self._increase, 0.0
        return [Sample(self.series, at, Amount(sum=increase))] if increase else []

    def reset(self) -> None:
        """Forget the increase."""
        self._increase = 0.0


class GaugeCell:
    """Holds a value that goes up and down, and how often and to what it was set."""

    __slots__ = (
        "_at",
        "_clock",
        "_count",
        "_lock",
        "_reported",
        "_sum",
        "_summed",
        "_told",
        "_value",
        "rejected",
        "series",
    )

    def __init__(self, series: Series, lock: Lock, *, clock: Clock) -> None:
        self.series = series
        self.rejected = 0
        self._lock = lock
        self._clock = clock
        self._summed = series.merge == "sum"
        self._reported = 0
        self._value = 0.0
        self._count = 0
        self._sum = 0.0
        self._at = 0.0
        self._told = False

    def mirror_in(self, numbers: Numbers, slot: int) -> None:
        """Do nothing: the value of a dead process is nobody's."""

    def mirror_nowhere(self) -> None:
        """Do nothing."""

    def set(self, value: float) -> None:
        """Make this the value."""
        with self._lock:
            if not -_INFINITY < value < _INFINITY:
                self.rejected += 1
                return
            self._value = value
            self._count += 1
            self._sum += value
            self._at = self._clock()
            self._told = True

    def inc(self, amount: float = 1.0) -> None:
        """Raise the value; it begins at 0 in each process."""
        with self._lock:
            self.set(self._value + amount)

    def dec(self, amount: float = 1.0) -> None:
        """Lower the value."""
        self.inc(-amount)

    def drain(self, at: int, step: int) -> list[Sample]:
        """Return what was set since the last drain.

        A gauge that is summed over processes is told once for every time bucket, so that adding what the
        processes tell in one bucket gives the sum, whoever has died meanwhile.
        """
        count, total = self._count, self._sum
        self._count, self._sum = 0, 0.0
        if not self._summed:
            return [Sample(self.series, at, Amount(count, total, self._value, self._at))] if count else []
        if not self._told:
            return []
        first = max(self._reported + step, at - _MOST_MISSED_BUCKETS * step) if self._reported else at
        self._reported = max(self._reported, at)
        return [
            Sample(self.series, bucket, Amount(1, self._value, self._value, self._at))
            for bucket in range(first, at + 1, step)
        ]

    def reset(self) -> None:
        """Forget the value and what was set: another process begins with none."""
        self._value = self._sum = self._at = 0.0
        self._count = self._reported = 0
        self._told = False


class HistogramCell:
    """Counts observations by size."""

    __slots__ = (
        "_bounds",
        "_counts",
        "_exemplar",
        "_lock",
        "_mirror",
        "_slot",
        "_sum",
        "_sum_slot",
        "rejected",
        "series",
    )

    def __init__(self, series: Series, lock: Lock) -> None:
        self.series = series
        self.rejected = 0
        self._lock = lock
        self._bounds = series.bounds
        self._counts = [0] * (len(series.bounds) + 1)
        self._sum = 0.0
        self._exemplar: Exemplar | None = None
        self.mirror_nowhere()

    def mirror_in(self, numbers: Numbers, slot: int) -> None:
        """Write what is counted there too, beginning with what has not been drained; called under the lock."""
        self._mirror, self._slot, self._sum_slot = numbers, slot, slot + len(self._counts)
        for index, count in enumerate(self._counts, slot):
            numbers[index] += count
        numbers[slot + len(self._counts)] += self._sum

    def mirror_nowhere(self) -> None:
        """Mirror no longer; called under the lock."""
        self._mirror, self._slot, self._sum_slot = _nowhere(len(self._counts) + 1), 0, len(self._counts)

    def observe(self, value: float, exemplar: Exemplar | None = None) -> None:
        """Count an observation. A negative one is rejected: it would make the sum, a counter, go down."""
        with self._lock:
            if not 0.0 <= value < _INFINITY:
                self.rejected += 1
                return
            index = bisect_left(self._bounds, value)
            self._counts[index] += 1
            self._sum += value
            mirror = self._mirror
            mirror[self._slot + index] += 1.0
            mirror[self._sum_slot] += value
            if exemplar is not None:
                self._exemplar = exemplar

    def drain(self, at: int, step: int) -> list[Sample]:
        """Return the observations since the last drain."""
        buckets = {index: float(count) for index, count in enumerate(self._counts) if count}
        if not buckets:
            return []
        amount = Amount(sum(buckets.values()), self._sum, buckets=buckets, exemplar=self._exemplar)
        self.reset()
        return [Sample(self.series, at, amount)]

    def reset(self) -> None:
        """Forget the observations."""
        self._counts = [0] * len(self._counts)
        self._sum = 0.0
        self._exemplar = None


def _nowhere(width: int) -> Numbers:
    # Counting into this costs less than asking every time whether there is a mirror.
    return array("d", bytes(8 * width))

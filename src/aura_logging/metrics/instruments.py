"""Count within this process, in less than a microsecond: counters, gauges, histograms and timers.

An instrument is one declared metric; each set of label values is a cell that holds what came in since the cells
were last drained. One lock per registry guards the cells: it is held for a few additions, never over I/O.
"""

from __future__ import annotations

import functools
import inspect
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from aura_logging.metrics.declaration import NO_VALUE, Metric
from aura_logging.metrics.model import OVERFLOW, Amount, Exemplar, Sample, Series
from aura_logging.resilience.clock import Clock

__all__ = ["Counter", "CounterCell", "Gauge", "GaugeCell", "Histogram", "HistogramCell", "Instrument", "Timing"]

P = ParamSpec("P")
R = TypeVar("R")

_INFINITY = float("inf")
_MAX_LABEL_LENGTH = 120
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


CellType = TypeVar("CellType", bound=Cell)


class Instrument(Generic[CellType]):
    """One metric in this process: a cell for each set of label values, up to the metric's limit."""

    def __init__(
        self, metric: Metric, lock: Lock, made: Callable[[Cell], None], make: Callable[[Series], CellType]
    ) -> None:
        self.metric = metric
        self.overflows = 0
        self._names = metric.labels
        self._lock = lock
        self._make = make
        self._made = made
        self._cells: dict[tuple[object, ...], CellType] = {}
        self._by_series: dict[Series, CellType] = {}
        self._bare: CellType | None = None if metric.labels else self.of()

    def labels(self, **labels: object) -> CellType:
        """Return the cell of these label values; keep it where the same labels are counted again and again.

        `ValueError` if the labels are not the declared ones. Values become text of at most 120 characters.
        """
        return self.of(*self._values(labels))

    def of(self, *values: object) -> CellType:
        """Return the cell of label values given in the declared order."""
        try:
            cell = self._cells.get(values)
        except TypeError:  # a value that cannot be hashed still has a text
            return self._cell(tuple(map(_label_text, values)))
        return self._cell(values) if cell is None else cell

    def cells(self) -> Iterable[CellType]:
        """Return all cells there are now."""
        with self._lock:
            return list(self._by_series.values())

    def _cell(self, values: tuple[object, ...]) -> CellType:
        with self._lock:
            series = self._series(values)
            cell = self._by_series.get(series)
            if cell is None:
                if len(self._by_series) >= self.metric.max_series and self.metric.labels:
                    self.overflows += 1
                    return self._overflow_cell()
                cell = self._new_cell(series)
            # Values that are written alike share a cell; remember few spellings, each at the price of one entry.
            if len(self._cells) < 2 * self.metric.max_series:
                self._cells[values] = cell
            return cell

    def _overflow_cell(self) -> CellType:
        series = self._series((OVERFLOW,) * len(self.metric.labels))
        cell = self._by_series.get(series)
        return self._new_cell(series) if cell is None else cell

    def _new_cell(self, series: Series) -> CellType:
        cell = self._by_series[series] = self._make(series)
        self._made(cell)
        return cell

    def _series(self, values: tuple[object, ...]) -> Series:
        metric = self.metric
        labels = sorted(zip(metric.labels, map(_label_text, values), strict=True))
        return Series(metric.name, metric.kind, tuple(labels), metric.bounds, metric.merge)

    def _values(self, labels: dict[str, object]) -> tuple[object, ...]:
        try:
            if len(labels) == len(self.metric.labels):
                return tuple([labels[name] for name in self.metric.labels])
        except KeyError:
            pass
        raise ValueError(
            f"metric {self.metric.name!r} has the labels {self.metric.labels!r}, not {tuple(labels)!r}; give a value "
            "for each, by name."
        )

    def _cell_for(self, labels: dict[str, object]) -> CellType:
        # One look-up for what is there, without another call: the labels of a counter are half of its price.
        if not labels and self._bare is not None:
            return self._bare
        try:
            if len(labels) == len(self._names):
                return self._cells[tuple([labels[name] for name in self._names])]
        except (KeyError, TypeError):
            pass
        return self.of(*self._values(labels))


class Counter(Instrument[CounterCell]):
    """A count that only goes up."""

    def __init__(self, metric: Metric, lock: Lock, made: Callable[[Cell], None], clock: Clock) -> None:
        super().__init__(metric, lock, made, lambda series: CounterCell(series, lock))

    def inc(self, amount: float = 1.0, **labels: object) -> None:
        """Add to the count of these labels."""
        self._cell_for(labels).inc(amount)


class Gauge(Instrument[GaugeCell]):
    """A value that goes up and down."""

    def __init__(self, metric: Metric, lock: Lock, made: Callable[[Cell], None], clock: Clock) -> None:
        super().__init__(metric, lock, made, lambda series: GaugeCell(series, lock, clock=clock))

    def set(self, value: float, **labels: object) -> None:
        """Make this the value of these labels."""
        self._cell_for(labels).set(value)

    def inc(self, amount: float = 1.0, **labels: object) -> None:
        """Raise the value of these labels."""
        self._cell_for(labels).inc(amount)

    def dec(self, amount: float = 1.0, **labels: object) -> None:
        """Lower the value of these labels."""
        self._cell_for(labels).inc(-amount)


class Histogram(Instrument[HistogramCell]):
    """A distribution: how many observations there were of which size."""

    def __init__(self, metric: Metric, lock: Lock, made: Callable[[Cell], None], clock: Clock) -> None:
        super().__init__(metric, lock, made, lambda series: HistogramCell(series, lock))

    def observe(self, value: float, exemplar: Exemplar | None = None, **labels: object) -> None:
        """Count an observation under these labels."""
        self._cell_for(labels).observe(value, exemplar)

    def time(self, **labels: object) -> Timing:
        """Return a context manager and decorator that observes the seconds spent, whether it ends well or not."""
        return Timing(self._cell_for(labels))


class Timing:
    """Observes how long a block or a call takes, in seconds, whether it ends well or not.

    As a decorator it serves functions and coroutine functions, from any thread. As a context manager make one for
    each block, `with timer(...):`; one may be nested in itself but not shared between threads or tasks.
    """

    def __init__(self, cell: HistogramCell, clock: Clock = time.perf_counter) -> None:
        self._cell = cell
        self._clock = clock
        self._began: list[float] = []

    def __enter__(self) -> None:
        self._began.append(self._clock())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cell.observe(self._clock() - self._began.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function with each of its calls timed."""
        cell, clock = self._cell, self._clock
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                began = clock()
                try:
                    return await function(*args, **kwargs)
                finally:
                    cell.observe(clock() - began)

            return cast("Callable[P, R]", timed_async)  # wraps() keeps the signature; mypy cannot see it

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                cell.observe(clock() - began)

        return timed


def _nowhere(width: int) -> Numbers:
    # Counting into this costs less than asking every time whether there is a mirror.
    return array("d", bytes(8 * width))


def _label_text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    if not text:
        return NO_VALUE
    # A lone surrogate cannot be written to any store.
    return text[:_MAX_LABEL_LENGTH].encode("utf-8", "replace").decode()

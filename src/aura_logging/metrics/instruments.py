"""Count within this process under declared names: counters, gauges, histograms and timers.

An instrument is one declared metric; each set of label values is a cell (see `cells.py`).
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from aura_logging.metrics.cells import Cell, CounterCell, GaugeCell, HistogramCell, Lock
from aura_logging.metrics.declaration import NO_VALUE, Metric
from aura_logging.metrics.model import OVERFLOW, Exemplar, Series
from aura_logging.resilience.clock import Clock

__all__ = ["Counter", "Gauge", "Histogram", "Instrument", "Timing"]

P = ParamSpec("P")
R = TypeVar("R")
CellType = TypeVar("CellType", bound=Cell)

_MAX_LABEL_LENGTH = 120


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


def _label_text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    if not text:
        return NO_VALUE
    # A lone surrogate cannot be written to any store.
    return text[:_MAX_LABEL_LENGTH].encode("utf-8", "replace").decode()

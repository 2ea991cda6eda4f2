"""Keep a process's instruments by name, and hand over what they counted since the last time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from aura_logging.metrics.cells import Cell
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.instruments import Counter, Gauge, Histogram, Instrument, Timing
from aura_logging.metrics.mirror import Mirror, width_of
from aura_logging.metrics.model import Kind, Merge, Sample
from aura_logging.metrics.stores.tiers import FINEST_SECONDS, bucket_start
from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock

__all__ = ["PROCESS", "Registry", "counter", "gauge", "histogram", "timer"]

AnyInstrument = TypeVar("AnyInstrument", Counter, Gauge, Histogram)

_MAX_METRICS = 1_000


class Registry:
    """The instruments of a process, or of one handler in it; any thread may use it.

    A forked child starts with every cell at nothing: what the parent had counted, the parent reports. The lock
    is held across the fork, so that no child inherits it taken or a cell half added to.
    """

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._instruments: dict[str, Instrument[Any]] = {}
        self._mirror: Mirror | None = None
        at_fork(before=self._hold, in_parent=self._release, in_child=self._begin_child)

    def counter(self, metric: Metric) -> Counter:
        """Return the counter of this name, made at the first asking."""
        return self._get(metric, "counter", Counter)

    def gauge(self, metric: Metric) -> Gauge:
        """Return the gauge of this name, made at the first asking."""
        return self._get(metric, "gauge", Gauge)

    def histogram(self, metric: Metric) -> Histogram:
        """Return the histogram of this name, made at the first asking."""
        return self._get(metric, "histogram", Histogram)

    def _get(self, metric: Metric, kind: Kind, make: Callable[..., AnyInstrument]) -> AnyInstrument:
        if metric.kind != kind:
            raise OptionError(f"metric {metric.name!r} is declared a {metric.kind}; ask for it with {metric.kind}().")
        with self._lock:
            found = self._instruments.get(metric.name)
            if found is None:
                if len(self._instruments) >= _MAX_METRICS:
                    raise OptionError(
                        f"metric {metric.name!r} would be number {_MAX_METRICS + 1}; make names constant and put what "
                        "varies into labels."
                    )
                found = self._instruments[metric.name] = make(metric, self._lock, self._mirror_cell, self._clock)
            known = found.metric
            if (known.kind, known.labels, known.bounds) != (metric.kind, metric.labels, metric.bounds):
                raise OptionError(
                    f"metric {metric.name!r} was declared a {known.kind} with labels={known.labels!r} and cannot also "
                    f"be a {metric.kind} with labels={metric.labels!r} and other buckets; choose another name."
                )
            return found  # type: ignore[return-value]  # its kind was compared

    def drain(self) -> list[Sample]:
        """Return what was counted since the last drain, and start again from nothing."""
        with self._lock:
            at = bucket_start(self._clock(), FINEST_SECONDS)
            return [sample for cell in self._cells() for sample in cell.drain(at, FINEST_SECONDS)]

    def held(self) -> AbstractContextManager[object]:
        """Return a context in which nothing is counted: for what must be seen together. Hold it very shortly."""
        return self._lock

    def mirror_in(self, mirror: Mirror) -> bool:
        """Write all counts to this mirror too; false, and nothing done, while another mirror is in use."""
        with self._lock:
            if self._mirror is not None:
                return self._mirror is mirror
            self._mirror = mirror
            for cell in self._cells():
                self._mirror_cell(cell)
            return True

    def mirror_nowhere(self, mirror: Mirror) -> None:
        """Mirror no longer, if it was this one."""
        with self._lock:
            if self._mirror is mirror:
                self._mirror = None
                for cell in self._cells():
                    cell.mirror_nowhere()

    def metrics(self) -> list[Metric]:
        """Return the declarations of all instruments there are."""
        with self._lock:
            return [instrument.metric for instrument in self._instruments.values()]

    def rejected(self) -> dict[str, int]:
        """Return by metric how many values were refused since the process began: NaN, infinite, negative."""
        with self._lock:
            counts = {name: sum(cell.rejected for cell in each.cells()) for name, each in self._instruments.items()}
        return {name: count for name, count in counts.items() if count}

    def overflows(self) -> dict[str, int]:
        """Return by metric how often a cell was asked for beyond the metric's limit of series."""
        with self._lock:
            return {name: each.overflows for name, each in self._instruments.items() if each.overflows}

    def _hold(self) -> None:
        self._lock.acquire()

    def _release(self) -> None:
        self._lock.release()

    def _begin_child(self) -> None:
        # The mirror is the parent's: whoever attached it lets go of it, in this child too.
        self._mirror = None
        for cell in self._cells():
            cell.mirror_nowhere()
            cell.reset()
        self._lock.release()

    def _cells(self) -> list[Cell]:
        return [cell for instrument in self._instruments.values() for cell in instrument.cells()]

    def _mirror_cell(self, cell: Cell) -> None:
        width = width_of(cell.series)
        if self._mirror is not None and width:
            slot = self._mirror.allocate(cell.series, width)
            if slot is not None:
                cell.mirror_in(self._mirror.live, slot)


PROCESS = Registry()
"""What `counter`, `gauge`, `histogram` and `timer` count into; every running `MetricsHandler` reports it."""


def counter(name: str, help: str = "", *, labels: Sequence[str] = (), unit: str = "") -> Counter:
    """Return the counter `name`, which must end in `_total`; the same one at each call.

    >>> orders = counter("shop_orders_total", "Orders placed.", labels=["channel"])
    >>> orders.inc(channel="web")
    """
    return PROCESS.counter(Metric(name, "counter", help, unit, _names(name, labels)))


def gauge(name: str, help: str = "", *, labels: Sequence[str] = (), unit: str = "", merge: Merge = "last") -> Gauge:
    """Return the gauge `name`; `merge` says what it is across processes: `mean`, `last` or `sum`.

    >>> carts = gauge("shop_open_carts", "Carts in memory.", merge="sum")
    >>> carts.set(3)
    """
    return PROCESS.gauge(Metric(name, "gauge", help, unit, _names(name, labels), merge=merge))


def histogram(
    name: str, help: str = "", *, labels: Sequence[str] = (), unit: str = "", buckets: Sequence[float] = ()
) -> Histogram:
    """Return the histogram `name`; `buckets` are upper bounds, by default 1 ms to 64 s in steps of 19 %.

    >>> sizes = histogram("shop_basket_items", "Items in a basket.", buckets=[1, 2, 5, 10, 20])
    >>> sizes.observe(4)
    """
    bounds = tuple(float(bound) for bound in buckets)
    return PROCESS.histogram(Metric(name, "histogram", help, unit, _names(name, labels), bounds))


def timer(name: str, help: str = "", **labels: object) -> Timing:
    """Return a context manager and decorator that observes the seconds spent in the histogram `name`.

    >>> with timer("shop_checkout_seconds", step="pay"):
    ...     pass
    """
    return histogram(name, help, labels=sorted(labels), unit="seconds").time(**labels)


def _names(metric: str, labels: Sequence[str]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise OptionError(f"metric {metric!r} has labels={labels!r}; give a list of names: labels=[{labels!r}].")
    return tuple(labels)

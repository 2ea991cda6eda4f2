"""Carry what a process counts to the store: by a timer, in batches, never on a caller's thread but the last time."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable

from aura_logging.health import Health, Status
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.model import Sample
from aura_logging.metrics.pending import Batch, Pending
from aura_logging.metrics.registry import PROCESS, Registry
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.resilience.clock import Clock

__all__ = ["Recorder"]

_CLOSE_SECONDS = 5.0
"""A process that ends waits no longer for a store that does not answer."""

_STALE_INTERVALS = 3


class Recorder:
    """Drains its own registry and the process's, and adds what they counted to the store every `flush_interval`.

    No thread runs until `start`, which costs next to nothing once it does. A forked child begins with nothing
    pending and no thread; the next `start` makes one. What a process counted since its last flush is lost when it
    is killed by SIGKILL; an orderly end flushes. While the store is down, amounts stay here (see `Pending`) and
    `health()` says so. Flushing logs nothing: it would recurse into the application's handlers. `after_flush` is
    called on the timer's thread after each flush and may log.
    """

    def __init__(
        self,
        store: MetricsStore,
        flush_interval: float,
        *,
        registry: Registry | None = None,
        before_drain: Callable[[], None] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.store = store
        self.registry = Registry() if registry is None else registry
        self.flush_interval = flush_interval
        self.after_flush: Callable[[], object] | None = None
        self._before_drain = before_drain
        self._clock = clock
        self._pending = Pending()
        self._running = False
        self._begin()
        _recorders.add(self)
        at_fork(in_child=self._begin_child)

    def start(self) -> None:
        """Make sure that the timer runs in this process."""
        if not self._running:
            self._start()

    def flush(self, timeout: float = _CLOSE_SECONDS) -> bool:
        """Add everything counted so far to the store, on this thread; return whether nothing is left."""
        if not self._flush_lock.acquire(timeout=timeout):
            return False
        try:
            return self._flush(self._clock() + timeout)
        finally:
            self._flush_lock.release()

    def close(self) -> None:
        """Flush for the last time and stop; a later `start` begins again."""
        self._stop.set()
        self._running = False
        self.flush()
        self.store.close()

    def tick(self) -> None:
        """Flush, and do what is to be done after each flush: what the timer does."""
        self.flush()
        if self.after_flush is None:
            return
        # Outside the flush lock: what comes after may log, and so wait for whoever waits for a flush.
        try:
            self.after_flush()
        except Exception as error:  # noqa: BLE001  # a store or a rule may be anybody's
            self._after_error = f"{type(error).__name__}: {error}"
        else:
            self._after_error = ""

    def health(self) -> Health:
        """Return the store's state and what waits here; degraded if the timer has not come by for long."""
        store = self.store.health()
        facts: dict[str, object] = {
            **store.facts,
            "pending_samples": len(self._pending),
            "joined_buckets": self._pending.joined,
            "flushes": self._flushes,
            "failed_flushes": self._failures,
            "series_overflows": {**PROCESS.overflows(), **self.registry.overflows()},
            "rejected_values": {**PROCESS.rejected(), **self.registry.rejected()},
        }
        if self.after_flush is not None:
            facts["alerts_error"] = self._after_error
        silence = self._clock() - self._flushed_at
        facts["seconds_since_flush"] = round(silence, 3)
        status, detail = store.status, store.detail
        if self._error:
            status, detail = Status.UNHEALTHY, self._error
        elif self._running and silence > _STALE_INTERVALS * self.flush_interval + _CLOSE_SECONDS:
            status, detail = Status.DEGRADED, f"no flush for {silence:.0f} s: the store is slow, or the timer died."
        return Health(status, detail, facts=facts)

    def _begin(self) -> None:
        self._flush_lock = threading.Lock()
        self._pending_lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._stop = threading.Event()
        self._flushes = 0
        self._failures = 0
        self._error = ""
        self._after_error = ""
        self._flushed_at = self._clock()

    def _begin_child(self) -> None:
        # What waits here is the parent's to deliver, and its thread did not come along.
        self._pending.clear()
        self._running = False
        self._begin()

    def _start(self) -> None:
        with self._start_lock:
            if self._running:
                return
            self._stop = threading.Event()
            self._flushed_at = self._clock()
            thread = threading.Thread(
                target=_tick,
                args=(weakref.ref(self), self._stop, self.flush_interval),
                name="aura-metrics",
                daemon=True,
            )
            # From 3.12 on no thread can be started while the interpreter ends; close() will flush.
            with contextlib.suppress(RuntimeError):
                thread.start()
            self._running = True
            _flush_at_end_of_multiprocessing_child(self)

    def _flush(self, deadline: float) -> bool:
        if self._before_drain is not None:
            self._before_drain()
        _drain_for_all(self)
        try:
            while (batch := self._next_batch()) is not None:
                self.store.add(batch.samples, batch.id)
                self._pending.delivered()
                if self._clock() >= deadline:
                    break
        except Exception as error:  # noqa: BLE001  # a store may be anybody's; whatever it raises stays here
            self._failures += 1
            self._error = str(error) or type(error).__name__
            return False
        self._flushes += 1
        self._error = ""
        self._flushed_at = self._clock()
        return len(self._pending) == 0

    def _next_batch(self) -> Batch | None:
        with self._pending_lock:
            return self._pending.batch()

    def _take(self, samples: Iterable[Sample]) -> None:
        with self._pending_lock:
            self._pending.take(samples)


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _drain_for_all(recorder: Recorder) -> None:
    """Give a recorder what its registry counted, and every running recorder what the process's did."""
    recorder._take(recorder.registry.drain())
    shared = PROCESS.drain()
    if shared:
        for each in {recorder, *(other for other in list(_recorders) if other._running)}:
            each._take(shared)


def _tick(reference: weakref.ref[Recorder], stop: threading.Event, interval: float) -> None:
    # Only a weak reference: a handler that nobody holds any more must not be kept alive by its timer.
    while not stop.wait(interval):
        recorder = reference()
        if recorder is None:
            return
        recorder.tick()
        interval = recorder.flush_interval
        del recorder


def _flush_at_end_of_multiprocessing_child(recorder: Recorder) -> None:
    """Flush where `multiprocessing` ends its children by `os._exit`, past atexit and `logging.shutdown`."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(recorder, _flush_if_there, args=(weakref.ref(recorder),), exitpriority=10)


def _flush_if_there(reference: weakref.ref[Recorder]) -> None:
    recorder = reference()
    if recorder is not None:
        recorder.flush()

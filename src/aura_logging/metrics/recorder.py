"""Carry what a process counts to the store: by a timer, in batches, never on a caller's thread but the last time."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from aura_logging.health import Health, Status
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.mirror import Mirror, remains_in
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.pending import Batch, Pending
from aura_logging.metrics.registry import PROCESS, Registry
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.stores.tiers import FINEST_SECONDS, bucket_start
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.journal.filesystems import is_network_filesystem

__all__ = ["Recorder"]

_CLOSE_SECONDS = 5.0
"""A process that ends waits no longer for a store that does not answer."""

_HANG_SECONDS = 0.1
_STALE_INTERVALS = 3

_LOOK_SECONDS = 15.0
"""How often to look for what dead neighbours left."""

_MOST_REMAINS = 50

_TELL_SECONDS = 10.0
"""How often a process says how it is; each time costs the store one small write."""

_TOLD_FOR_SECONDS = 600.0
"""How long it is remembered of a process that says nothing more: long enough to notice that it was killed."""


class Recorder:
    """Drains its own registry and the process's, and adds what they counted to the store every `flush_interval`.

    No thread runs until `start`, which costs next to nothing once it does. A forked child begins with nothing
    pending and no thread; the next `start` makes one. An orderly end flushes. What a process counted since its last
    flush lies in its mirror, a file in `mirror_directory`, and if it is killed the next process of this machine that
    comes by delivers it; without a directory it is lost then. Gauges are not mirrored. While the store is down,
    amounts stay here (see `Pending`) and `health()` says so. Flushing logs nothing: it would recurse into the
    application's handlers. `after_flush` is called on the timer's thread after each flush and may log. `tell` is asked
    every few seconds how the process is, with the seconds until it is asked again; its answer is published in the
    store, and withdrawn at an orderly end.
    """

    def __init__(
        self,
        store: MetricsStore,
        flush_interval: float,
        *,
        registry: Registry | None = None,
        before_drain: Callable[[], None] | None = None,
        tell: Callable[[float], str] | None = None,
        mirror_directory: Path | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        self.store = store
        self.registry = Registry() if registry is None else registry
        self.flush_interval = flush_interval
        self.after_flush: Callable[[], object] | None = None
        self._before_drain = before_drain
        self._tell = tell
        self._clock = clock
        self._wall_clock = wall_clock
        self._pending = Pending()
        self._mirror_directory = mirror_directory
        self._mirror: Mirror | None = None
        self._mirror_error = ""
        self._running = False
        self._begin()
        _recorders.add(self)
        at_fork(in_child=self._begin_child)

    def start(self) -> None:
        """Make sure that the timer runs in this process."""
        if not self._running:
            self._start()

    @property
    def is_running(self) -> bool:
        """Whether the timer was started in this process, and has not been stopped."""
        return self._running

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
        # With a mirror, do not wait a second time for a store that has just failed: the next process delivers it.
        is_delivered = (self._mirror is None or not self._error) and self.flush()
        if is_delivered:
            self._withdraw()
        # Not while a store that hangs still holds the flush: then the file is left, as by a process that was killed.
        if self._flush_lock.acquire(timeout=_HANG_SECONDS):
            try:
                self._end_mirror(is_delivered=is_delivered)
            finally:
                self._flush_lock.release()
        self.store.close()

    def tick(self) -> None:
        """Flush, deliver what dead neighbours left, and do what is to be done after: what the timer does."""
        self.flush()
        if not self._error:
            self._deliver_remains()
            self._publish()
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
        if self._prepare_error:
            facts["ledger_error"] = self._prepare_error
        if self._mirror_directory is not None:
            facts["mirror"] = self._mirror_error or ("full" if self._mirror and self._mirror.full else "on")
            facts["recovered_batches"] = self._recovered
        if self._tell_error:
            facts["tell_error"] = self._tell_error
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
        self._prepare_error = ""
        self._has_started = False
        self._recovered = 0
        self._looked_at = -_LOOK_SECONDS
        self._told_at = -math.inf
        self._tell_error = ""
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._flushed_at = self._clock()

    def _begin_child(self) -> None:
        # What waits here is the parent's to deliver, and its thread did not come along. The registries, which were
        # made before, have already turned their cells away from the parent's mirror.
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.leave()
        self._pending.clear()
        self._running = False
        self._begin()

    def _start(self) -> None:
        with self._start_lock:
            if self._running:
                return
            self._stop = threading.Event()
            self._flushed_at = self._clock()
            self._begin_mirror()
            thread = threading.Thread(
                target=_tick,
                args=(weakref.ref(self), self._stop, self.flush_interval),
                name="aura-metrics",
                daemon=True,
            )
            # From 3.12 on no thread can be started while the interpreter ends; close() will flush.
            with contextlib.suppress(RuntimeError):
                thread.start()
            self._running = self._has_started = True
            _flush_at_end_of_multiprocessing_child(self)

    def _flush(self, deadline: float) -> bool:
        self._prepare()
        was_empty = len(self._pending) == 0
        mirror, snapshot = self._drain()
        name = ""
        if mirror is not None and was_empty and len(self._pending) and self._pending.fits_one_batch:
            name = mirror.sending(snapshot)
        try:
            while (batch := self._next_batch(name)) is not None:
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
        if len(self._pending):
            return False
        if mirror is not None and name:
            mirror.delivered()
        elif mirror is not None and not was_empty:
            mirror.caught_up(snapshot)
        return True

    def _prepare(self) -> None:
        # A process in which nothing was ever recorded has no ledger worth a file.
        if self._before_drain is None or not self._has_started:
            return
        try:
            self._before_drain()
        except Exception as error:  # noqa: BLE001  # it asks handlers that may be anybody's; counting goes on
            self._prepare_error = f"{type(error).__name__}: {error}"
        else:
            self._prepare_error = ""

    def _drain(self) -> tuple[Mirror | None, bytes]:
        """Take what was counted, from both registries in one moment, and what the mirror says at that moment."""
        # In the order in which a fork takes them: the process's registry is the older.
        with self.registry.held(), PROCESS.held():
            own, shared = self.registry.drain(), PROCESS.drain()
            mirror = self._mirror
            snapshot = b"" if mirror is None else mirror.snapshot()
        self._take(own)
        if shared:
            for each in {self, *(other for other in list(_recorders) if other._running)}:
                each._take(shared)
        return mirror, snapshot

    def _begin_mirror(self) -> None:
        if self._mirror_directory is None or self._mirror is not None:
            return
        if is_network_filesystem(self._mirror_directory):
            self._mirror_error = f"off: {self._mirror_directory} lies on a network file system"
            return
        try:
            self._mirror = Mirror(self._mirror_directory)
        except OSError as error:
            self._mirror_error = f"off: {error}"
            return
        self._mirror_error = ""
        self.registry.mirror_in(self._mirror)
        PROCESS.mirror_in(self._mirror)

    def _end_mirror(self, *, is_delivered: bool) -> None:
        mirror = self._mirror
        if mirror is None:
            return
        self._mirror = None
        self.registry.mirror_nowhere(mirror)
        PROCESS.mirror_nowhere(mirror)
        if is_delivered:
            mirror.remove()
        else:
            # The store is down: whoever comes by when it is up again delivers it, and only they.
            self._pending.clear()
            mirror.leave()

    def _deliver_remains(self) -> None:
        if self._mirror_directory is None or self._clock() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = self._clock()
        at = bucket_start(self._wall_clock(), FINEST_SECONDS)
        try:
            for remains in remains_in(self._mirror_directory, _MOST_REMAINS):
                for name, increases in remains.batches():
                    samples = [Sample(series, at, _amount(series, counts)) for series, counts in increases.items()]
                    self.store.add(samples, name)
                    self._recovered += 1
                remains.bury()
        except Exception as error:  # noqa: BLE001  # the store's; the files wait for the next time
            self._error = str(error) or type(error).__name__

    def _publish(self) -> None:
        now = self._clock()
        if self._tell is None or now - self._told_at < _TELL_SECONDS:
            return
        every_seconds = max(_TELL_SECONDS, self.flush_interval)
        try:
            self.store.publish(self._worker, self._tell(every_seconds), _TOLD_FOR_SECONDS + every_seconds)
        except Exception as error:  # noqa: BLE001  # a store and a handler may be anybody's; counting goes on
            self._tell_error = f"{type(error).__name__}: {error}"
        else:
            self._told_at = now
            self._tell_error = ""

    def _withdraw(self) -> None:
        if self._told_at == -math.inf:
            return
        # It expires by itself; until then the process would be taken for one that was killed.
        with contextlib.suppress(Exception):
            self.store.publish(self._worker, "", 0)
        self._told_at = -math.inf

    def _next_batch(self, name: str) -> Batch | None:
        with self._pending_lock:
            return self._pending.batch(name)

    def _take(self, samples: Iterable[Sample]) -> None:
        with self._pending_lock:
            self._pending.take(samples)


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _amount(series: Series, counts: list[float]) -> Amount:
    if series.kind != "histogram":
        return Amount(sum=counts[0])
    buckets = {index: count for index, count in enumerate(counts[:-1]) if count}
    return Amount(sum(buckets.values()), counts[-1], buckets=buckets)


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

"""Read how busy the machine is, at most once a second, whoever asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import psutil

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["HostMetrics"]


class HostMetrics:
    """The host's processors, memory and load, as fields for a record.

    `cpu_percent` (of all processors, since the last reading; absent in the first), `memory_percent` (of the system's
    memory in use) and `system_load` (average over one minute, where the system has one). A reading costs about
    0.1 ms; between readings the last one is handed out. Any thread may ask; never raises, and what cannot be
    read is left out.
    """

    def __init__(
        self,
        every_seconds: float = 1.0,
        clock: Clock = time.monotonic,
        cpu_times: Callable[[], Any] = psutil.cpu_times,
    ) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._cpu_times = cpu_times
        self._next_reading = float("-inf")
        self._reading = threading.Lock()
        self._busy_and_all: tuple[float, float] | None = None
        self._fields: Mapping[str, float] = MappingProxyType({})
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Have a lock of its own: the parent's may have been held by a thread that is not here."""
        self._reading = threading.Lock()

    def is_fresh(self) -> bool:
        """Tell whether `fields` would return what it returned last."""
        return self._clock() < self._next_reading

    def fields(self) -> Mapping[str, float]:
        """Return the newest reading; the same object until there is a newer one."""
        # Whoever comes while another thread reads takes the last reading.
        if not self.is_fresh() and self._reading.acquire(blocking=False):
            try:
                if not self.is_fresh():
                    self._fields = MappingProxyType(self._read())
                    self._next_reading = self._clock() + self._every_seconds
            finally:
                self._reading.release()
        return self._fields

    def _read(self) -> dict[str, float]:
        fields: dict[str, float] = {}
        readers: dict[str, Callable[[], float | None]] = {
            "cpu_percent": self._cpu_percent,
            "memory_percent": lambda: psutil.virtual_memory().percent,
            "system_load": lambda: round(os.getloadavg()[0], 2),
        }
        for name, read in readers.items():
            try:
                value = read()
            except Exception:  # noqa: BLE001, S112  # a container may hide /proc, and psutil trips over it in many ways
                continue
            if value is not None:
                fields[name] = value
        return fields

    def _cpu_percent(self) -> float | None:
        # Not psutil.cpu_percent: that counts from the same thread's last call, and here another thread reads each time.
        times = self._cpu_times()
        # Linux counts a guest's time in `user` too, and waiting for a disk is no work.
        total = float(sum(times)) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = total - float(times.idle) - getattr(times, "iowait", 0.0)
        before, self._busy_and_all = self._busy_and_all, (busy, total)
        if before is None or total <= before[1]:
            return None
        return round(min(100.0, max(0.0, 100.0 * (busy - before[0]) / (total - before[1]))), 1)

"""Read how busy the machine is, at most once a second, whoever asks."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import MappingProxyType

import psutil

from aura_logging.resilience.clock import Clock

__all__ = ["HostMetrics"]


class HostMetrics:
    """The host's processors, memory and load, as fields for a record.

    `cpu_percent` (of all processors, since the last reading; absent in the first), `memory_percent` (of the system's
    memory in use) and `system_load` (average over one minute, where the system has one). A reading costs about
    0.1 ms; between readings the last one is handed out. Any thread may ask; never raises, and what cannot be
    read is left out.
    """

    def __init__(self, every_seconds: float = 1.0, clock: Clock = time.monotonic) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._next_reading = float("-inf")
        self._has_baseline = False
        self._fields: Mapping[str, float] = MappingProxyType({})

    def is_fresh(self) -> bool:
        """Tell whether `fields` would return what it returned last."""
        return self._clock() < self._next_reading

    def fields(self) -> Mapping[str, float]:
        """Return the newest reading; the same object until there is a newer one."""
        now = self._clock()
        if now >= self._next_reading:
            # Before the reading: other threads meanwhile take the last one and do not read too.
            self._next_reading = now + self._every_seconds
            self._fields = MappingProxyType(self._read())
        return self._fields

    def _read(self) -> dict[str, float]:
        fields: dict[str, float] = {}
        try:
            cpu_percent = psutil.cpu_percent(interval=None)
            if self._has_baseline:
                fields["cpu_percent"] = cpu_percent
            self._has_baseline = True
            fields["memory_percent"] = psutil.virtual_memory().percent
            fields["system_load"] = round(os.getloadavg()[0], 2)
        except (OSError, AttributeError, psutil.Error):
            # A container may hide /proc; a platform may have no load average.
            return fields
        return fields

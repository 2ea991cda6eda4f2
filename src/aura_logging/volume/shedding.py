"""Do without DEBUG, then without INFO, while the process is short of what it needs to serve."""

from __future__ import annotations

import logging
from dataclasses import dataclass

__all__ = ["Shedding", "ShedOptions"]

_STEPS = (logging.NOTSET, logging.INFO, logging.WARNING)
"""What is below is shed: nothing, DEBUG, INFO as well."""

_EASED_CPU_PERCENT = 15.0
"""So far below the limit processors count as idle again; in between nothing changes, so that it does not flutter."""


@dataclass(frozen=True, slots=True)
class ShedOptions:
    """When to shed: `None` switches a reason off.

    Processors that are busy to `cpu_percent` shed DEBUG, to `info_cpu_percent` INFO as well; they must be that busy, or
    idle again, for `patience_seconds` before anything changes. A buffer that is filled to the share `buffer_fill` sheds
    both, and counts at once.
    """

    cpu_percent: float | None = 97.0
    info_cpu_percent: float | None = None
    buffer_fill: float | None = 0.8
    patience_seconds: float = 5.0


class Shedding:
    """Goes one step up or down at a time, by what `look` is told about once a second. Pure: no clock, no lock."""

    __slots__ = ("_calm_since", "_options", "_short_since", "_step", "reason")

    def __init__(self, options: ShedOptions) -> None:
        self._options = options
        self._step = 0
        self._short_since: float | None = None
        self._calm_since: float | None = None
        self.reason = ""
        """Why it sheds, in words."""

    @property
    def below(self) -> int:
        """Records below this level are shed; 0 for none."""
        return _STEPS[self._step]

    @property
    def levels(self) -> str:
        """What is shed, in words."""
        return ("nothing", "DEBUG", "DEBUG and INFO")[self._step]

    def look(self, cpu_percent: float | None, buffer_fill: float, now: float) -> bool:
        """Take in how things are; tell whether what is shed has changed. What is not known, `None`, is fine."""
        limit = self._options.buffer_fill
        buffer_is_full = limit is not None and buffer_fill >= limit
        busy = self._cpu_limit(self._step + 1)
        cpu_is_short = busy is not None and cpu_percent is not None and cpu_percent >= busy
        if buffer_is_full or cpu_is_short:
            self._calm_since = None
            if self._short_since is None:
                self._short_since = now
            if not buffer_is_full and now - self._short_since < self._options.patience_seconds:
                return False
            self.reason = (
                f"the buffer is {buffer_fill:.0%} full" if buffer_is_full else f"processors at {cpu_percent:g} %"
            )
            self._short_since = now
            return self._go(1)
        self._short_since = None
        if not self._step or not self._is_calm(cpu_percent, buffer_fill):
            self._calm_since = None
            return False
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < self._options.patience_seconds:
            return False
        self._calm_since = now
        return self._go(-1)

    def _cpu_limit(self, step: int) -> float | None:
        return {1: self._options.cpu_percent, 2: self._options.info_cpu_percent}.get(step)

    def _is_calm(self, cpu_percent: float | None, buffer_fill: float) -> bool:
        full = self._options.buffer_fill
        if full is not None and buffer_fill > full / 2:
            return False
        busy = self._cpu_limit(self._step)
        return busy is None or cpu_percent is None or cpu_percent <= busy - _EASED_CPU_PERCENT

    def _go(self, steps: int) -> bool:
        before = self._step
        self._step = min(len(_STEPS) - 1, max(0, before + steps))
        return self._step != before

"""Allow so many events a second, and a burst of them at once."""

from __future__ import annotations

import math
import threading
import time

from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["TokenBucket"]


class TokenBucket:
    """Holds up to `burst` tokens, one for each event, and gets `per_second` new ones; it begins full.

    In any stretch of T seconds it gives at most `burst + per_second * T` tokens. A clock that goes back gives
    nothing and costs nothing. Any thread may take; a forked child begins with what the parent had left.
    """

    __slots__ = ("__weakref__", "_clock", "_filled_at", "_lock", "_tokens", "burst", "per_second")

    def __init__(self, per_second: float, burst: float, clock: Clock = time.monotonic) -> None:
        if not (per_second > 0 and math.isfinite(per_second)):
            raise OptionError(f"per_second={per_second!r} must be a number over 0.")
        if not (burst >= 1 and math.isfinite(burst)):
            raise OptionError(f"burst={burst!r} must be 1 or more: with less, nothing would ever be allowed.")
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._filled_at = clock()
        # Reentrant: a signal handler that logs may come by on the thread that is inside.
        self._lock = threading.RLock()
        tell_after_fork(self)

    def take(self, at_most: int = 1) -> int:
        """Take as many whole tokens as there are, up to `at_most`; 0 if there is none."""
        with self._lock:
            self._fill()
            taken = min(at_most, int(self._tokens))
            self._tokens -= taken
            return taken

    def give_back(self, tokens: int) -> None:
        """Return tokens that were taken for what then did not happen."""
        with self._lock:
            self._tokens = min(self.burst, self._tokens + tokens)

    @property
    def seconds_until_next(self) -> float:
        """How long until there is a whole token; 0.0 if there is one."""
        with self._lock:
            self._fill()
            return max(0.0, (1.0 - self._tokens) / self.per_second)

    def after_fork_in_child(self) -> None:
        """Have a lock of its own: the parent's may have been held by a thread that is not here."""
        self._lock = threading.RLock()

    def _fill(self) -> None:
        now = self._clock()
        if now > self._filled_at:
            self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now

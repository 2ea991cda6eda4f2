"""Stop calling what keeps failing, and find out by one careful call at a time when it is well again."""

from __future__ import annotations

import enum
import random
import threading
import time
from collections.abc import Callable

from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["BreakerState", "CircuitBreaker"]


class BreakerState(enum.StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    """Every call goes through."""
    OPEN = "open"
    """No call goes through until the cooldown has passed."""
    HALF_OPEN = "half_open"
    """One probe may go through, or is under way; its outcome decides."""


class CircuitBreaker:
    """Refuses calls to a target after `failure_threshold` failures in a row, and lets it recover by itself.

        if breaker.allow():
            try: target(); breaker.record_success()
            except OSError: breaker.record_failure()

    Every `allow()` that returned True is followed by one `record_success()` or `record_failure()`. After
    `cooldown_seconds` exactly one caller is let through as a probe: success closes the breaker, failure
    starts another cooldown. A probe that is never reported (its thread died) is forgotten after one more
    cooldown; one that was under way at a fork does not bind the child, which may probe at once.

    With `max_cooldown_seconds` each failed probe doubles the cooldown up to it; without, every cooldown is
    the same, so that a recovery is noticed within `cooldown_seconds`. `jitter` lengthens each cooldown by a
    random share of up to that fraction, so that many workers do not probe one sick server at once.

    Any thread may call any method. A closed breaker costs one attribute test per call and takes no lock.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_cooldown_seconds",
        "_failed_probes",
        "_failure_threshold",
        "_failures",
        "_jitter",
        "_lock",
        "_max_cooldown_seconds",
        "_next_probe_at",
        "_probing",
        "_random",
        "_reopened",
        "_times_opened",
        "_wait_seconds",
    )

    def __init__(
        self,
        failure_threshold: int = 5,
        cooldown_seconds: float = 30.0,
        clock: Clock = time.monotonic,
        *,
        max_cooldown_seconds: float | None = None,
        jitter: float = 0.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        if failure_threshold < 1:
            raise OptionError(f"failure_threshold={failure_threshold!r} must be 1 or more.")
        if not cooldown_seconds > 0:
            raise OptionError(f"cooldown_seconds={cooldown_seconds!r} must be more than 0.")
        if max_cooldown_seconds is not None and max_cooldown_seconds < cooldown_seconds:
            raise OptionError(
                f"max_cooldown_seconds={max_cooldown_seconds!r} is less than cooldown_seconds="
                f"{cooldown_seconds!r}; raise it, or leave it out for a cooldown that does not grow."
            )
        if not 0.0 <= jitter <= 1.0:
            raise OptionError(f"jitter={jitter!r} is a share of the cooldown, from 0 to 1.")
        self._failure_threshold = failure_threshold
        self._cooldown_seconds = cooldown_seconds
        self._max_cooldown_seconds = cooldown_seconds if max_cooldown_seconds is None else max_cooldown_seconds
        self._jitter = jitter
        self._clock = clock
        self._random = random
        # Reentrant: a signal handler or a finaliser that logs may ask again on the thread that is inside.
        self._lock = threading.RLock()
        self._failures = 0
        self._next_probe_at: float | None = None  # None is closed; the fast paths test nothing else
        self._probing = False
        self._reopened = 0
        self._wait_seconds = cooldown_seconds
        self._times_opened = 0
        self._failed_probes = 0
        tell_after_fork(self)

    def allow(self) -> bool:
        """Return whether this call may go ahead; while half-open, True to one caller per probe."""
        next_probe_at = self._next_probe_at
        if next_probe_at is None:
            return True
        with self._lock:
            next_probe_at, now = self._next_probe_at, self._clock()
            if next_probe_at is None:  # somebody's probe worked while we waited
                return True
            if now < next_probe_at:
                return False
            self._probing = True
            self._next_probe_at = now + self._wait_seconds  # when this probe counts as lost
            return True

    def record_success(self) -> None:
        """Say that an allowed call worked; a late one, from before the breaker opened, does not close it."""
        if self._next_probe_at is None:
            self._failures = 0
            return
        with self._lock:
            if self._probing:
                self._probing = False
                self._next_probe_at = None
                self._failures = 0
                self._reopened = 0

    def record_failure(self) -> None:
        """Say that an allowed call failed; a late one, from before the breaker opened, changes nothing."""
        with self._lock:
            if self._next_probe_at is None:
                self._failures += 1
                if self._failures >= self._failure_threshold:
                    self._times_opened += 1
                    self._start_cooldown()
            elif self._probing:
                self._probing = False
                self._failed_probes += 1
                self._reopened += 1
                self._start_cooldown()

    @property
    def state(self) -> BreakerState:
        """What the next call would meet."""
        next_probe_at = self._next_probe_at
        if next_probe_at is None:
            return BreakerState.CLOSED
        if self._probing or self._clock() >= next_probe_at:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    @property
    def is_open(self) -> bool:
        """Whether the target is not trusted: open, or half-open and not yet proven well."""
        return self._next_probe_at is not None

    @property
    def retry_after_seconds(self) -> float:
        """How long until `allow()` may say yes again; 0.0 when it may now."""
        next_probe_at = self._next_probe_at
        return 0.0 if next_probe_at is None else max(0.0, next_probe_at - self._clock())

    @property
    def times_opened(self) -> int:
        """How often it went from closed to open, in this process."""
        return self._times_opened

    @property
    def failed_probes(self) -> int:
        """How often a probe found the target still failing, in this process."""
        return self._failed_probes

    def after_fork_in_child(self) -> None:
        """Forget the parent's lock and its probe under way; what was learnt about the target stays."""
        self._lock = threading.RLock()
        if self._probing:
            self._probing = False
            self._next_probe_at = self._clock()

    def _start_cooldown(self) -> None:
        # The exponent is bounded so that a target dead for months does not overflow a float.
        grown = self._cooldown_seconds * 2.0 ** min(self._reopened, 64)
        cooldown = min(grown, self._max_cooldown_seconds)
        self._wait_seconds = cooldown * (1.0 + self._jitter * self._random())
        self._next_probe_at = self._clock() + self._wait_seconds

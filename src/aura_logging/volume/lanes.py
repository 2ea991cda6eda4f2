"""Keep for each logger and level what is decided there, so that deciding is a countdown and not a calculation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aura_logging import context
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.rates import AdaptiveRate
from aura_logging.resilience.token_bucket import TokenBucket
from aura_logging.volume.circuits import LoggerCircuit
from aura_logging.volume.options import Limits, Rule
from aura_logging.volume.overrides import Override, override_for
from aura_logging.volume.storms import Kind

__all__ = ["FREE_FOREVER", "LEASE", "Junction", "Lane"]

LEASE = 256
"""So many records pass before a clock is looked at: often enough to notice a flood, seldom enough to cost nothing."""

FREE_FOREVER = 1 << 60
"""What always passes has this many to go."""

_CHUNKS = 50
"""A lease is at most this part of a burst: by so much less than the whole, a burst may come to its end."""

_ADAPT_SECONDS = 1.0
_ADAPT_AT_LEAST_SECONDS = 0.25
"""A shorter stretch says nothing: one request's fifty lines come within a millisecond."""

_MOST_ROUTES = 1_000


class Lane:
    """The records of one logger and level, or those of them that a rule or an override is about.

    `rate` is the share that passes by its hash; `left` counts down what may pass before the policy is asked again;
    until `closed_until` nothing passes, for the reason `why`; a `junction` chooses another lane by a record's fields.
    These are read without a lock on the way of every record. `sampled`, `folded` and `refused` count what did not
    pass. `debt` is what was refused since a record passed: the next one stands for it.

    The counts rely on the interpreter not changing threads within `lane.n += 1` or `if lane.n > 0: lane.n -= 1`, which
    holds for CPython with a GIL. Everything else happens under the policy's lock.
    """

    __slots__ = (
        "_adapted_at", "_counted", "_offered_then", "_refused_before", "adaptive", "bucket", "chunk",
        "circuit", "closed_until", "debt", "dropped", "folded", "granted", "is_error", "junction", "kinds",
        "left", "level", "logger", "quiet_since", "rate", "reason", "refused", "sampled", "why",
    )  # fmt: skip

    def __init__(self, logger: str, level: int, reason: str) -> None:
        self.logger = logger
        self.level = level
        self.reason = reason
        """What a record is counted under when it is sampled out."""
        self.rate = 1.0
        self.granted = self.left = 0
        self.closed_until = 0.0
        self.why = ""
        self.junction: Junction | None = None
        self.kinds: dict[object, Kind] | None = None
        self.is_error = False
        self.bucket: TokenBucket | None = None
        self.chunk = LEASE
        self.adaptive: AdaptiveRate | None = None
        self.circuit: LoggerCircuit | None = None
        self.sampled = self.folded = self.refused = 0
        self.debt = 0
        self.dropped: dict[str, int] = {}
        self.quiet_since = 0.0
        self._refused_before = self._counted = 0
        self._adapted_at = 0.0
        self._offered_then = 0

    def limit(self, limits: Limits, clock: Clock) -> None:
        """Apply limits."""
        self.rate = limits.rate
        if limits.target_per_second is not None:
            self.adaptive = AdaptiveRate(limits.target_per_second, highest=limits.rate)
            self._adapted_at = clock()
        if limits.limit_per_second is not None:
            # What is on lease was taken from the bucket before: with it, a burst is no longer than it may be.
            self.chunk = min(LEASE, max(1, limits.burst // _CHUNKS))
            self.bucket = TokenBucket(limits.limit_per_second, limits.burst - self.chunk + 1, clock)

    def free(self, rate: float) -> None:
        """Let this share pass for ever, with no limit but this."""
        self.rate = rate
        self.granted = self.left = FREE_FOREVER

    @property
    def offered(self) -> int:
        """How many came, whatever became of them."""
        return self.granted - self.left + self.sampled + self.folded + self.refused

    def newly_offered(self) -> int:
        """Return how many came since this was asked last."""
        offered = self.offered
        new, self._counted = offered - self._counted, offered
        return new

    def adapt(self, now: float) -> None:
        """Move the rate towards what keeps to the target, if there is one and it is time to."""
        if self.adaptive is None:
            return
        seconds, offered = now - self._adapted_at, self.offered - self._offered_then
        if seconds < _ADAPT_AT_LEAST_SECONDS:
            return
        if seconds >= _ADAPT_SECONDS or offered >= self.adaptive.target_per_second:
            self.rate = self.adaptive.update(offered, seconds)
            self._adapted_at = now
            self._offered_then += offered

    def lease(self, count: int) -> None:
        """Let so many pass, and take the first."""
        self.granted += count
        self.left += count - 1

    def recall(self) -> None:
        """Take back what is on lease, so that the next record asks whether it may pass."""
        if self.granted < FREE_FOREVER:
            unused, self.left = self.left, 0
            self.granted -= unused
            if self.bucket is not None:
                self.bucket.give_back(unused)

    def settle(self) -> int:
        """Book what was refused since the last time, under the reason for which it was; return how many."""
        refused = self.refused
        new, self._refused_before = refused - self._refused_before, refused
        if new:
            self.debt += new
            self.dropped[self.why] = self.dropped.get(self.why, 0) + new
        return new

    def pay(self) -> int:
        """Return the debt, and forget it: it has been told."""
        self.settle()
        debt, self.debt = self.debt, 0
        return debt


class Junction:
    """Chooses among lanes by a record's user and route, where an override or a rule asks for them."""

    __slots__ = ("_branches", "_extra", "_overrides", "_routes", "_wall_clock")

    def __init__(
        self,
        overrides: Sequence[tuple[Override, Lane]],
        extra: Lane | None,
        branches: Sequence[tuple[Rule, Lane]],
        wall_clock: Clock,
    ) -> None:
        self._overrides = dict(overrides)
        self._extra = extra
        self._branches = tuple(branches)
        self._routes: dict[object, Lane | None] = {}
        self._wall_clock = wall_clock

    def lane_for(self, fields: Mapping[str, Any]) -> Lane | None:
        """Return the record's lane; `None` for the one that the junction is on."""
        if "route" not in fields:
            # Not behind a RequestContextFilter: what is bound counts as the record's own.
            fields = {**context.current(), **fields}
        if self._overrides:
            override = override_for(self._overrides, fields, self._wall_clock())
            if override is not None:
                return self._overrides[override]
            if self._extra is not None:
                return self._extra
        if not self._branches:
            return None
        route = fields.get("route")
        if type(route) is not str:
            return self._branch(route)
        if route not in self._routes:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            self._routes[route] = self._branch(route)
        return self._routes.get(route)

    def _branch(self, route: object) -> Lane | None:
        return next((lane for rule, lane in self._branches if rule.is_about(route)), None)

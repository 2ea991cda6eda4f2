"""Decide, once per record, whether it is worth keeping."""

from __future__ import annotations

import itertools
import logging
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aura_logging import records
from aura_logging.filters.announcements import Announcer, handlers_with
from aura_logging.health import Health, Status
from aura_logging.options import fill
from aura_logging.performance.system import HostMetrics
from aura_logging.records import EXEMPT
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.volume.lanes import Lane
from aura_logging.volume.options import DEFAULT_RATES, SamplingOptions
from aura_logging.volume.policy import Policy, Pressure

__all__ = ["DEFAULT_RATES", "SamplingFilter", "use_everywhere"]

_COUNT_SECONDS = 1.0
_numbers = itertools.count()

_without_options: weakref.WeakSet[SamplingFilter] = weakref.WeakSet()


def use_everywhere(options: SamplingOptions) -> None:
    """Give these options to every filter there is that was made without any of its own.

    LOGGING is configured before anybody can read a project's other settings; this lets those come later.
    """
    for sampling_filter in list(_without_options):
        sampling_filter.use(options)


class SamplingFilter(logging.Filter):
    """Keep a fair share of records, fold storms, hold floods back, and let every error through.

    Attach it to handlers, not to loggers: logger filters do not see what child loggers log. `rates` gives the share to
    keep, 0 to 1, by level name; a level that is not named is kept whole. The other options are the fields of
    `aura_logging.volume.options.SamplingOptions`. A filter whose options are the defaults takes those of a Django
    project's `AURA["SAMPLING"]`.

    ERROR and above are always kept, and so is what is logged on `aura.audit`, `aura.security`, `aura.alerts` and
    `django.security`; only when one error repeats itself hundreds of times within seconds are the copies folded, and
    their exact number is written. The decision on the others is a hash of the correlation or trace id, so a request's
    records of one level are kept or dropped whole, in every process and service alike; a record without an id is
    decided by itself.

    A kept record carries `sample_rate` if that is under 1: it stands for `1 / sample_rate` records. What no record
    stands for, a notice on `aura.sampling` tells, in the field `suppressed`; notices go straight to the handlers that
    the filter is on. Every drop is counted by reason in `health()`. The decision is taken once per record, whatever the
    number of handlers that ask. It never raises into the application.
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        *,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        cpu_percent: Callable[[], float | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        # `logging` has filters by the name of a logger; this one says what its drops are counted under.
        self.name = "sampling"
        given = options if rates is None else {"rates": rates, **options}
        self._clock = clock
        self._wall_clock = wall_clock
        host = HostMetrics()
        self._cpu_percent = cpu_percent or (lambda: host.fields().get("cpu_percent"))
        self._question = f"sampled by {next(_numbers)}"
        self._failures = 0
        self.options = fill(SamplingOptions, given, where="SamplingFilter(...)")
        self.use(self.options)
        tell_after_fork(self)
        if self.options.is_default:
            _without_options.add(self)

    def use(self, options: SamplingOptions) -> None:
        """Decide by these options from here on; what was counted before is forgotten."""
        self.options = options
        policy = Policy(options, clock=self._clock, wall_clock=self._wall_clock, pressure=_asked_weakly(self))
        often = min(1.0, options.fold_window_seconds / 2)
        self._announcer = Announcer(self, policy.tick, policy.take_notices, policy.finish, often)
        policy.on_activity = self._announcer.wake
        self.policy = policy
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Find out anew how many handlers there are."""
        # `None` while what was decided must be remembered with each record: several handlers ask, or nobody knows yet.
        self._lanes: Mapping[int, Mapping[str, Lane]] | None = None
        self._next_count = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is kept.

        The hot path: what `Policy.decide` comes to nearly always, without its call, which would be a third of the cost
        (see benchmarks/sampling.py). Nothing is counted before it is clear that it need not be asked. A look into a
        dict that may fail costs half of one that cannot, and no thread comes between a look at a countdown and its use,
        because nothing is called there.
        """
        lanes = self._lanes
        if lanes is None:
            return self._ask(record)
        try:
            lane = lanes[record.levelno][record.name]
            if lane.junction is not None:
                return self._ask(record)
            rate = lane.rate
            if rate < 1.0:
                attributes = record.__dict__
                if EXEMPT in attributes:
                    return True
                identity = attributes.get("correlation_id")
                policy = self.policy
                last = policy.last_share
                share = last[1] if last[0] is identity else policy.share(identity, attributes, record.name, record.msg)
                if share >= rate:
                    lane.sampled += 1
                    return False
            if lane.kinds is None:
                if lane.left <= 0:
                    if lane.closed_until > self._clock():
                        if EXEMPT in record.__dict__:
                            return True
                        lane.refused += 1
                        return False
                    return self._ask(record)
            else:
                if record.exc_info:
                    return self._ask(record)
                kind = lane.kinds[record.msg]
                if kind.skip > 0:
                    if EXEMPT in record.__dict__:
                        return True
                    kind.skip -= 1
                    lane.folded += 1
                    return False
                if kind.left <= 0 or lane.left <= 0:
                    return self._ask(record)
                kind.left -= 1
            lane.left -= 1
        except (KeyError, TypeError):  # met for the first time, or a message that is no key
            return self._ask(record)
        except Exception:  # noqa: BLE001  # a log call must not fail; what cannot be decided is kept
            self._failures += 1
            return True
        if rate < 1.0:
            record.sample_rate = rate
        return True

    def lane_of_line(self, logger: str, level: int) -> Lane | None:
        """Return where a record that was never made would be decided, and counted, by its rate and by what is `left`.

        `None` if deciding takes the record: at each lease's end, where fields choose, where storms are folded, and
        while several handlers may ask. Where its `rate` is under 1, or nothing is `left`, ask `keeps_line`; else what
        is kept is taken off what is `left`.
        """
        lanes = self._lanes
        lane = None if lanes is None else lanes[level].get(logger)
        return None if lane is None or lane.junction is not None or lane.kinds is not None else lane

    def keeps_line(
        self, lane: Lane, logger: str, msg: str, created: float, context: Mapping[str, Any], own: Mapping[str, Any]
    ) -> bool | None:
        """Tell whether a record that was never made is kept, as `filter` does; `None` if deciding takes the record.

        `own` are fields besides those of the `context`. What is not kept is counted.
        """
        if lane.rate < 1.0:
            identity = context.get("correlation_id")
            policy = self.policy
            last = policy.last_share
            if last[0] is identity:
                share = last[1]
            else:
                share = policy.share(identity, {**context, **own, "created": created}, logger, msg)
            if share >= lane.rate:
                lane.sampled += 1
                return False
        if lane.left <= 0:
            if lane.closed_until <= self._clock():
                return None
            lane.refused += 1
            return False
        return True

    def _ask(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is kept, with everything that may have to be asked."""
        if EXEMPT in record.__dict__:
            return True  # it stands for itself, and none of the others for it
        try:
            rate = self._decide(record) if self._lanes is not None else self._remembered(record)
        except Exception:  # noqa: BLE001  # as above
            self._failures += 1
            return True
        if 0.0 < rate < 1.0:
            record.sample_rate = rate
        return rate > 0.0

    def _remembered(self, record: logging.LogRecord) -> float:
        """Decide a record that several handlers may ask about, at the first asking."""
        now = self._clock()
        if now >= self._next_count:
            self._next_count = now + _COUNT_SECONDS
            self._see_how_many_ask(handlers_with(self))
        return records.once(record, self._question, self._decide)

    def _decide(self, record: logging.LogRecord) -> float:
        return self.policy.decide(record.levelno, record.name, record.msg, record.__dict__)

    def _see_how_many_ask(self, handlers: Sequence[logging.Handler]) -> None:
        self._lanes = self.policy.lanes if len(handlers) == 1 else None

    def pressure(self) -> tuple[float | None, float]:
        """Tell how busy the host is, and how full the fullest buffer that this filter is in front of.

        The policy asks once a second while records come, which is also when to see how many handlers ask: if it is
        one, nothing needs to be remembered with a record, which would cost as much as deciding.
        """
        handlers = handlers_with(self)
        self._see_how_many_ask(handlers)
        fill_of_all = [float(getattr(handler, "fill", 0.0)) for handler in handlers]
        return self._cpu_percent(), max(fill_of_all, default=0.0)

    def health(self) -> Health:
        """Tell how many records were dropped, by reason, and what is being held back now."""
        circuits = self.policy.open_circuits()
        shed, why = self.policy.shed()
        troubles = [f"shedding {shed}: {why}"] if shed != "nothing" else []
        troubles += [f"loggers silenced: {', '.join(circuits)}"] if circuits else []
        facts = {**self.policy.facts(), "failures": self._failures, "notices_unheard": self._announcer.unheard}
        return Health(
            Status.DEGRADED if troubles or self._failures else Status.HEALTHY,
            detail="; ".join(troubles) or (f"{self._failures} decisions failed" if self._failures else ""),
            dropped=self.policy.dropped(),
            facts=facts,
        )


def _asked_weakly(sampling_filter: SamplingFilter) -> Pressure:
    """Return its `pressure` without keeping it alive: the announcer's thread, which outlives it, holds the policy."""
    reference = weakref.ref(sampling_filter)

    def ask() -> tuple[float | None, float]:
        alive = reference()
        return (None, 0.0) if alive is None else alive.pressure()

    return ask

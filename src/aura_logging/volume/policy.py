"""Decide whether a record is written, by everything that may be said against it, in well under a microsecond."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.volume import notices, overrides
from aura_logging.volume.circuits import LoggerCircuit
from aura_logging.volume.lane_book import LaneBook
from aura_logging.volume.lanes import LEASE, Lane
from aura_logging.volume.notices import Notice
from aura_logging.volume.options import SamplingOptions
from aura_logging.volume.shares import identity_of, share_of_identity, share_of_message
from aura_logging.volume.shedding import Shedding
from aura_logging.volume.storms import Ended, Storms

__all__ = ["Policy", "Pressure"]

_MOST_NOTICES = 1_000
_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 5.0
"""What was refused, and no later line stands for, is reported when so long nothing more came."""

Pressure = Callable[[], tuple[float | None, float]]
"""Tells in percent how busy the processors are, if it knows, and how full the fullest buffer is, from 0 to 1."""


def _nothing() -> None:
    return


def _no_pressure() -> tuple[float | None, float]:
    return None, 0.0


class Policy:
    """Keeps or drops by rate, storm, limit and circuit, in this order, and counts what it drops by reason.

    `decide` returns the share of such records that is kept, so that the record stands for `1 / share`; 0.0 drops it.
    ERROR and above pass unless they repeat themselves; the records of `lane_book.KEPT_NAMES` always pass.

    Whoever holds a policy sets `on_activity`, calls `tick` about once a second from then on until it returns false, and
    writes what `take_notices` returns. Any thread may call anything. `decide` takes a lock once in 256 records or
    less often, never waits for anything else, logs nothing, and does not raise for any field or template.
    """

    def __init__(
        self,
        options: SamplingOptions,
        *,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        pressure: Pressure = _no_pressure,
    ) -> None:
        self.options = options
        self.clock = clock
        self._wall_clock = wall_clock
        self._pressure = pressure
        self.on_activity: Callable[[], None] = _nothing
        """Called when there is something for `tick` to do; by any thread, under the lock."""
        fold = options.fold
        self._storms = None if fold is None else Storms(fold, clock, self._storm_ended, lambda: self.on_activity())
        self._start_afresh()
        overrides.tell_of_overrides(self)
        tell_after_fork(self)

    def _start_afresh(self) -> None:
        # Reentrant: a signal handler that logs may come by on the thread that is inside.
        self._lock = threading.RLock()
        self._book = LaneBook(self.options, self._storms, self.clock, self._wall_clock)
        self.lanes = self._book.lanes
        self._restless: set[Lane] = set()
        self._shedding = Shedding(self.options.shed)
        self._next_look = float("-inf")
        self._notices: deque[Notice] = deque()
        self._unsaid = 0
        # The last id and its share, in one tuple: in one request it is asked for again and again.
        self.last_share: tuple[object, float] = (object(), 0.0)

    def after_fork_in_child(self) -> None:
        """Begin with nothing: what was counted, and is to be reported, is the parent's."""
        if self._storms is not None:
            self._storms.after_fork_in_child()
        self._start_afresh()

    # The way of every record ------------------------------------------------------------------------------------

    def decide(
        self,
        level: int,
        logger: str,
        template: object,
        fields: Mapping[str, Any],
    ) -> float:
        """Return the share of such records that is kept, over 0 to 1, if this one is; 0.0 if it is dropped.

        `fields` are a record's attributes, where `correlation_id`, `trace_id`, `route`, `user_id`, `created` and
        `exc_info` are looked for if they matter; any of them may be absent. The hot path:
        straight-line code (see benchmarks/sampling.py).
        """
        try:
            lane = self.lanes[level][logger]
        except KeyError:
            lane = self._new_lane(logger, level)
        if lane.junction is not None:
            lane = lane.junction.lane_for(fields) or lane
        rate = lane.rate
        if rate < 1.0:
            identity = fields.get("correlation_id")
            last = self.last_share
            share = last[1] if last[0] is identity else self.share(identity, fields, logger, template)
            if share >= rate:
                lane.sampled += 1
                return 0.0
        if lane.kinds is not None:
            try:
                exc_info = fields["exc_info"]  # every record has it; `get` costs twice as much
            except KeyError:
                exc_info = None
            kind = None if exc_info or type(template) is not str else lane.kinds.get(template)
            if kind is None:
                kind = self._storms.kind(logger, level, template, exc_info)  # type: ignore[union-attr]  # it has kinds, so there are storms
            if kind.skip > 0:
                kind.skip -= 1
                lane.folded += 1
                return 0.0
            if kind.left > 0:
                kind.left -= 1
            elif not self._storms.turn(kind):  # type: ignore[union-attr]  # as above
                lane.folded += 1
                return 0.0
        if lane.left > 0:
            lane.left -= 1
            return rate
        if lane.closed_until > self.clock():
            lane.refused += 1
            return 0.0
        return self._ask_again(lane, rate)

    def _new_lane(self, logger: str, level: int) -> Lane:
        with self._lock:
            return self._book.lane_for(logger, level)

    def share(self, identity: object, fields: Mapping[str, Any], logger: str, template: object) -> float:
        """Return what is compared with a rate: the share of the record's id, of the id that is bound, or its own."""
        if not identity:
            identity = identity_of(fields)
            if identity is None:
                return share_of_message(logger, template, fields.get("created") or self._wall_clock())
        share = share_of_identity(identity)
        if type(identity) is str:
            self.last_share = (identity, share)
        return share

    def _ask_again(self, lane: Lane, rate: float) -> float:
        """Take stock, and lease the lane its next records, this one among them; or close it for a while."""
        with self._lock:
            if lane.left > 0:  # another thread was here first
                lane.left -= 1
                return rate
            now = self.clock()
            if now >= self._next_look:
                self._look(now)
            self._account(lane, now)
            leased, reason, seconds = LEASE, *self._objection(lane, now)
            if not reason and lane.bucket is not None:
                leased = lane.bucket.take(lane.chunk)
                if not leased:
                    reason, seconds = "rate_limited", lane.bucket.seconds_until_next
            if reason:
                self._close(lane, reason, now, seconds)
                return 0.0
            lane.lease(leased)
            return rate / (1 + lane.pay())

    def _objection(self, lane: Lane, now: float) -> tuple[str, float]:
        """Return why nothing may pass for so many seconds, if so; nothing is ever said against an error."""
        if lane.is_error:
            return "", 0.0
        if self._shedding.below and lane.level < self._shedding.below:
            return "shed", _LOOK_SECONDS
        if lane.circuit is not None and lane.circuit.is_open(now):
            return "circuit_open", _LOOK_SECONDS
        return "", 0.0

    def _close(self, lane: Lane, reason: str, now: float, seconds: float) -> None:
        lane.settle()
        lane.why, lane.closed_until = reason, now + seconds
        lane.refused += 1
        lane.quiet_since = now
        if lane not in self._restless:
            self._restless.add(lane)
            self.on_activity()

    def overrides_changed(self) -> None:
        """Take the new overrides for the loggers that are known; the others ask when they come."""
        with self._lock:
            self._book.set_junctions()

    # Now and then -----------------------------------------------------------------------------------------------

    def tick(self) -> bool:
        """Do what time asks for; tell whether to come again in a second."""
        with self._lock:
            now = self.clock()
            if now >= self._next_look:
                self._look(now)
            lanes = self._book.all_lanes()
            for lane in lanes:
                self._account(lane, now)
            for logger, circuit in self._book.circuits.items():
                circuit.is_open(now)  # a trial begins by itself
                self._note(logger, circuit, 0, 0, now)
            for lane in list(self._restless):
                self._calm(lane, now)
            is_lowered = any(lane.adaptive is not None and lane.adaptive.is_lowered for lane in lanes)
            is_open = any(not circuit.is_closed for circuit in self._book.circuits.values())
            go_on = bool(self._restless or self._shedding.below or is_lowered or is_open)
        if self._storms is not None:
            self._storms.tick()
            go_on = go_on or self._storms.is_stormy
        return go_on

    def finish(self) -> None:
        """Report everything that is not reported yet: the process is about to end."""
        if self._storms is not None:
            self._storms.end_all()
        with self._lock:
            for lane in list(self._restless):
                self._report_debt(lane)

    def take_notices(self) -> list[Notice]:
        """Return what is to be said, each notice once."""
        taken = []
        while self._notices:
            taken.append(self._notices.popleft())
        return taken

    def _look(self, now: float) -> None:
        self._next_look = now + _LOOK_SECONDS
        before = self._shedding.levels
        if self._shedding.look(*self._pressure(), now):
            after, reason = self._shedding.levels, self._shedding.reason
            fields = {"shed": after}
            self._say(Notice(logging.WARNING, "shedding %s records, before: %s (%s)", (after, before, reason), fields))
            self._recall(self._book.all_lanes())
            self.on_activity()

    def _account(self, lane: Lane, now: float) -> None:
        """Tell the logger's circuit what came, and move the lane's rate."""
        new = lane.newly_offered()
        if lane.circuit is not None and new:
            self._note(lane.logger, lane.circuit, new, new if lane.is_error else 0, now)
        if lane.adaptive is not None:
            was_lowered = lane.adaptive.is_lowered
            lane.adapt(now)
            if lane.adaptive.is_lowered and not was_lowered:
                self.on_activity()

    def _note(self, logger: str, circuit: LoggerCircuit, records: int, errors: int, now: float) -> None:
        was_closed = circuit.is_closed
        circuit.note(records, errors, now)
        if circuit.is_closed == was_closed:
            return
        if was_closed:
            message = "circuit of logger %s opened: %s; it is silent below ERROR"
            self._say(Notice(logging.WARNING, message, (logger, circuit.reason), {"suppressed_logger": logger}))
            self._recall(lane for lane in self._book.all_lanes() if lane.circuit is circuit)
            self.on_activity()
        else:
            message = "circuit of logger %s closed: its records are written again"
            self._say(Notice(logging.WARNING, message, (logger,), {"suppressed_logger": logger}))

    def _recall(self, lanes: Iterable[Lane]) -> None:
        """Have lanes ask before their lease is used up: of many lanes, thousands of records would pass till then."""
        for lane in lanes:
            lane.recall()

    def _calm(self, lane: Lane, now: float) -> None:
        if lane.settle():
            lane.quiet_since = now
        elif now - lane.quiet_since >= _QUIET_SECONDS:
            self._report_debt(lane)

    def _report_debt(self, lane: Lane) -> None:
        self._restless.discard(lane)
        debt = lane.pay()
        if debt:
            self._say(notices.held_back(lane.logger, lane.level, debt, lane.rate, lane.why))

    def _storm_ended(self, ended: Ended) -> None:
        lane = self.lanes.get(ended.level, {}).get(ended.logger)
        rate = 1.0 if lane is None else lane.rate
        self._say(notices.suppressed(ended.logger, ended.level, ended.suppressed, rate, ended.like, ended.seconds))

    def _say(self, notice: Notice) -> None:
        if len(self._notices) < _MOST_NOTICES:
            self._notices.append(notice)
        else:
            self._unsaid += 1

    # Anybody ----------------------------------------------------------------------------------------------------

    def dropped(self) -> dict[str, int]:
        """Return how many records were dropped in this process, by reason."""
        counts: dict[str, int] = {}
        with self._lock:
            for lane in self._book.all_lanes():
                lane.settle()
                for reason, count in ((lane.reason, lane.sampled), ("folded", lane.folded), *lane.dropped.items()):
                    if count:
                        counts[reason] = counts.get(reason, 0) + count
        return counts

    def open_circuits(self) -> list[str]:
        """Return the loggers that are silent below ERROR, or on trial."""
        with self._lock:
            return sorted(logger for logger, circuit in self._book.circuits.items() if not circuit.is_closed)

    def shed(self) -> tuple[str, str]:
        """Return what is shed (`"nothing"` if nothing is), and why."""
        return self._shedding.levels, self._shedding.reason

    def facts(self) -> dict[str, object]:
        """Return rates by level, those that a target has lowered, the state of storms, and the overrides in force."""
        rates = {logging.getLevelName(level): rate for level, rate in self.options.parsed_rates.items()}
        with self._lock:
            lowered = {
                f"{lane.logger} {logging.getLevelName(lane.level)}": round(lane.rate, 6)
                for lane in self._book.all_lanes()
                if lane.adaptive is not None and lane.adaptive.is_lowered
            }
        facts: dict[str, object] = {"rates": rates, "lowered_rates": lowered, "shedding": self._shedding.levels}
        facts["open_circuits"] = self.open_circuits()
        if self._storms is not None:
            facts["storms"] = {
                "active": self._storms.active,
                "known": self._storms.known,
                "forgotten": self._storms.forgotten,
            }
        now = self._wall_clock()
        in_force = [override.told(now) for override in overrides.current() if now < override.expires_at]
        if in_force:
            facts["overrides"] = in_force
        if self._unsaid:
            facts["notices_lost"] = self._unsaid
        return facts

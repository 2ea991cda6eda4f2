"""Know the lane of each logger and level, made by the options, the rules and the overrides that are about it."""

from __future__ import annotations

import logging

from aura_logging.resilience.clock import Clock
from aura_logging.volume import notices, overrides
from aura_logging.volume.circuits import LoggerCircuit
from aura_logging.volume.lanes import Junction, Lane
from aura_logging.volume.options import Rule, SamplingOptions
from aura_logging.volume.storms import Storms

__all__ = ["KEPT_NAMES", "LaneBook"]

KEPT_NAMES = ("aura.audit", "aura.security", "aura.alerts", "django.security", "aura.delivery", notices.LOGGER)
"""Loggers whose records, and those of the loggers below them, are never dropped."""

_KEPT_AND_BELOW = tuple(f"{name}." for name in KEPT_NAMES)
_NEVER_FOLDED = ("aura.request",)
"""One record says everything about one request: two of them are never the same."""

_MOST_LANES = 2_000
_OTHERS = "…"


class LaneBook:
    """The lanes by level and logger, which a hot path reads as they are, and the circuits by logger.

    Everything else is for one thread at a time: the policy's lock is held. Lanes stay for good, so that no count is
    lost; at most 2,000 loggers and levels have one of their own, the others share one per level.
    """

    def __init__(self, options: SamplingOptions, storms: Storms | None, clock: Clock, wall_clock: Clock) -> None:
        self.lanes: dict[int, dict[str, Lane]] = {}
        self.circuits: dict[str, LoggerCircuit] = {}
        self._options = options
        self._storms = storms
        self._clock = clock
        self._wall_clock = wall_clock
        self._count = 0
        self._side_lanes: dict[tuple[object, ...], Lane] = {}

    def lane_for(self, logger: str, level: int) -> Lane:
        """Return the lane of a logger and level; a new one if it is met for the first time."""
        # Loggers without number, as of one per connection, share a lane, so that memory stays bounded.
        name = logger if self._count < _MOST_LANES or _is_kept(logger) else _OTHERS
        of_level = self.lanes.setdefault(level, {})
        lane = of_level.get(name)
        if lane is None:
            lane = self._new_lane(name, level)
            self._set_junction(lane)
            self._count += 1
            of_level[name] = lane
        return lane

    def _new_lane(self, logger: str, level: int) -> Lane:
        lane = Lane(logger, level, f"sampled_{logging.getLevelName(level).lower()}")
        if _is_kept(logger):
            lane.free(1.0)
            return lane
        lane.is_error = level >= logging.ERROR
        lane.circuit = self._circuit_of(logger)
        if self._storms is not None and level >= logging.WARNING and logger not in _NEVER_FOLDED:
            lane.kinds = self._storms.kinds_of(logger, level)
        if not lane.is_error:
            rules = self._options.rules_for(logger, level)
            whole = next((rule for rule in rules if rule.route is None), None)
            lane.limit(self._options.limits(level, whole), self._clock)
        return lane

    def _circuit_of(self, logger: str) -> LoggerCircuit | None:
        if self._options.circuit is None:
            return None
        if logger not in self.circuits:
            self.circuits[logger] = LoggerCircuit(self._options.circuit, self._clock)
        return self.circuits[logger]

    def _set_junction(self, lane: Lane) -> None:
        """Have a lane's records choose by their fields, where an override or a rule asks for that."""
        if lane.is_error or _is_kept(lane.logger):
            return
        asked = [override for override in overrides.current() if override.concerns(lane.logger, lane.level)]
        chosen = [(override, self._side_lane(lane, "override", override.rate)) for override in asked]
        is_extra = any(lane.level < override.ordinary_level for override in asked)
        extra = self._side_lane(lane, "override", 0.0) if is_extra else None
        branches = [
            (rule, self._route_lane(lane, rule))
            for rule in self._options.rules_for(lane.logger, lane.level)
            if rule.route is not None
        ]
        lane.junction = Junction(chosen, extra, branches, self._wall_clock) if chosen or branches else None

    def _side_lane(self, lane: Lane, reason: str, rate: float) -> Lane:
        """Return the lane of an override; the same for the next of this rate, so that there are never many."""
        key = (lane.logger, lane.level, reason, rate)
        if key not in self._side_lanes:
            made = self._side_lanes[key] = Lane(lane.logger, lane.level, reason)
            made.free(rate)
        return self._side_lanes[key]

    def _route_lane(self, lane: Lane, rule: Rule) -> Lane:
        key = (lane.logger, lane.level, rule)
        if key not in self._side_lanes:
            made = self._side_lanes[key] = Lane(lane.logger, lane.level, lane.reason)
            made.circuit, made.kinds = lane.circuit, lane.kinds
            made.limit(self._options.limits(lane.level, rule), self._clock)
        return self._side_lanes[key]

    def set_junctions(self) -> None:
        """Look at the overrides anew, for all lanes there are."""
        for of_level in self.lanes.values():
            for lane in of_level.values():
                self._set_junction(lane)

    def all_lanes(self) -> list[Lane]:
        """Return all lanes, also those of rules and of overrides, past ones too: they keep what was counted."""
        main = [lane for of_level in self.lanes.values() for lane in of_level.values()]
        return [*main, *self._side_lanes.values()]


def _is_kept(logger: str) -> bool:
    return logger.startswith(KEPT_NAMES) and f"{logger}.".startswith(_KEPT_AND_BELOW)

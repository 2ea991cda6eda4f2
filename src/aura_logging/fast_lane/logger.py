"""Be the logger that goes the short way where it may, and the ordinary way everywhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aura_logging.fast_lane.lane import Lane
from aura_logging.fast_lane.lines import wrote

__all__ = ["FastLogger", "FastRootLogger"]

_LOOK_AGAIN_AFTER_CALLS = 64
_MOST_LEVELS = 50


class FastLogger(logging.Logger):
    """A logger whose calls may come to a line without a record; see `aura_logging.fast_lane`.

    It begins where `logging` has decided that the call is wanted: levels, `logging.disable` and `disabled` are its own.
    """

    _aura_lanes: Mapping[int, Lane] = MappingProxyType({})

    def __init_subclass__(cls) -> None:
        """Leave a class of somebody else's, made of ours because `getLoggerClass` returns it, as `logging` meant it."""
        super().__init_subclass__()
        if cls._log is FastLogger._log:
            # One that looks for the caller by itself must find no frame of ours.
            cls._log = logging.Logger._log  # type: ignore[method-assign]

    def _log(
        self,
        level: int,
        msg: object,
        args: Any,
        exc_info: Any = None,
        extra: Any = None,
        stack_info: bool = False,
        stacklevel: int = 1,
    ) -> None:
        if not exc_info and not stack_info and stacklevel == 1 and _took(self, level, msg, args, extra):
            return
        # Our own frame is one more on the way to the caller.
        logging.Logger._log(self, level, msg, args, exc_info, extra, stack_info, stacklevel + 1)


class FastRootLogger(logging.RootLogger):
    """The same for the root logger."""

    _aura_lanes: Mapping[int, Lane] = MappingProxyType({})
    _log = FastLogger._log


def _took(logger: Any, level: int, msg: object, args: Any, extra: object) -> bool:
    """Write the call down and return true, or false if it must go the ordinary way; never raises."""
    try:
        lane = logger._aura_lanes.get(level)
        if lane is not None and not lane.is_open:
            lane.calls += 1
            if lane.calls < _LOOK_AGAIN_AFTER_CALLS:
                return False
        if lane is None or not lane.is_open or not lane.holds(logger):
            lane = _look(logger, level)
            if not lane.is_open:
                return False
        if type(msg) is not str or type(args) is not tuple:
            return False
        return wrote(logger.name, lane, msg, args, extra, sys._getframe(2))
    except Exception:  # noqa: BLE001  # whatever it was, the ordinary way finds out and copes
        return False


def _look(logger: Any, level: int) -> Lane:
    """Return the lane as it is now."""
    lanes = logger.__dict__.get("_aura_lanes")
    if lanes is None or len(lanes) >= _MOST_LEVELS:
        lanes = logger._aura_lanes = {}
    lane = lanes[level] = Lane(logger, level)
    # A patch of `logging` stays, mostly; to take a snapshot at each call would cost more than the call.
    lane.is_open = lane.is_open and lane.holds(logger)
    return lane

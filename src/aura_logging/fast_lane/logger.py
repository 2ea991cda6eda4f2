"""Be the logger that goes the short way where it may, and the ordinary way everywhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aura_logging.fast_lane.lane import Lane
from aura_logging.fast_lane.lines import wrote
from aura_logging.fast_lane.wide_lines import wrote_wide

__all__ = ["FastLogger", "FastRootLogger"]

_LOOK_AGAIN_AFTER_CALLS = 64
_MOST_LEVELS = 50


class FastLogger(logging.Logger):
    """A logger whose calls may come to a line without a record; see `aura_logging.fast_lane`.

    It begins where `logging` has decided that the call is wanted: levels, `logging.disable` and `disabled` are its own.
    """

    _aura_lanes: Mapping[int, Lane] = MappingProxyType({})
    _aura_wide_lanes: Mapping[int, Lane] = MappingProxyType({})

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

    def write_without_record(
        self, level: int, message: str, place: tuple[str, int, str], fields: Mapping[str, Any]
    ) -> bool:
        """Write a wide record down without making it; false, and nothing has happened, where it takes a record.

        What that is, `performance.wide_record` tells, which asks this first. Never raises.
        """
        try:
            lane = _open_lane(self, self._aura_wide_lanes, level, is_wide=True)
            return lane is not None and wrote_wide(self.name, lane, message, place, fields)
        except Exception:  # noqa: BLE001  # whatever it was, the ordinary way finds out and copes
            return False


class FastRootLogger(logging.RootLogger):
    """The same for the root logger."""

    _aura_lanes: Mapping[int, Lane] = MappingProxyType({})
    _aura_wide_lanes: Mapping[int, Lane] = MappingProxyType({})
    _log = FastLogger._log
    write_without_record = FastLogger.write_without_record


def _took(logger: Any, level: int, msg: object, args: Any, extra: object) -> bool:
    """Write the call down and return true, or false if it must go the ordinary way; never raises."""
    try:
        lane = _open_lane(logger, logger._aura_lanes, level)
        if lane is None or type(msg) is not str or type(args) is not tuple:
            return False
        return wrote(logger.name, lane, msg, args, extra, sys._getframe(2))
    except Exception:  # noqa: BLE001  # whatever it was, the ordinary way finds out and copes
        return False


def _open_lane(logger: Any, lanes: Mapping[int, Lane], level: int, *, is_wide: bool = False) -> Lane | None:
    """Return the lane if it is open now. One that was found closed is looked at now and then."""
    lane = lanes.get(level)
    if lane is not None:
        if not lane.is_open:
            lane.calls += 1
            if lane.calls < _LOOK_AGAIN_AFTER_CALLS:
                return None
        elif lane.holds(logger):
            return lane
    lane = _look(logger, "_aura_wide_lanes" if is_wide else "_aura_lanes", level, is_wide=is_wide)
    return lane if lane.is_open else None


def _look(logger: Any, where: str, level: int, *, is_wide: bool) -> Lane:
    """Return the lane as it is now, and keep it on the logger."""
    lanes = logger.__dict__.get(where)
    if lanes is None or len(lanes) >= _MOST_LEVELS:
        lanes = {}
        setattr(logger, where, lanes)
    lane = lanes[level] = Lane(logger, level, is_wide=is_wide)
    return lane

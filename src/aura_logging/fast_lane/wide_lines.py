"""Write a wide record down in its own words: the line that `encode` would make of the record there would have been."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson

from aura_logging.call_sites import OWN_NAMES, template_of
from aura_logging.encoding import filled, json_fields
from aura_logging.fast_lane.lane import Lane
from aura_logging.records import STANDARD_ATTRIBUTES
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.threats.log_lines import says_all

__all__ = ["wrote_wide"]

_TAKEN_NAMES = STANDARD_ATTRIBUTES | OWN_NAMES | {"metric", "request", "sample_rate"}
"""Fields that are written otherwise than they were given, or that others of ours look for on a record."""

_MOST_PLACES = 2_000


class _Places(dict[tuple[object, ...], tuple[bytes, bytes, bytes]]):
    """Templates, messages in JSON, and what both write on every line, by logger, level, place, message and thread.

    They show the process, so a forked child begins without; whoever writes wide records notices a fork first.
    """

    after_fork_in_child = dict.clear


_places = _Places()
tell_after_fork(_places)


def wrote_wide(logger: str, lane: Lane, message: str, place: tuple[str, int, str], fields: Mapping[str, Any]) -> bool:
    """Write the record down, or leave it out if sampling does, and count it; return whether that is done.

    False, or whatever error, where it takes a record to make the line, or to judge it; then nothing has happened. The
    context is new with each piece of work, mostly, so nothing is kept of it. The hot path: straight-line.
    """
    carried = lane.context.with_fields(fields)
    if type(message) is not str or not _TAKEN_NAMES.isdisjoint(carried):
        return False
    level, level_name = lane.level, lane.level_name
    if lane.watcher is not None and not says_all(logger, level, message, carried):
        return False
    now = time.time()
    counter, sampling, volume, written = lane.counter, lane.sampling, None, carried
    if sampling is not None:
        volume = sampling.lane_of_line(logger, level)
        if volume is None:
            return False
        rate = volume.rate
        if rate < 1.0 or volume.left <= 0:
            is_kept = sampling.keeps_line(volume, logger, message, now, carried, {})
            if is_kept is None:
                return False
            if not is_kept:
                if counter is not None:
                    told = carried if lane.counts_context else fields
                    counter.count_fields(level_name, level, logger, now, told)
                return True
            if rate < 1.0:
                written = {**carried, "sample_rate": rate}
    key = (logger, level_name, place, message, threading.current_thread().name)
    template, said, repeated = _places.get(key) or _learn(key)
    json = json_fields(written)
    line = filled(template, now, said, json)
    if line is None:
        return False
    security = lane.security
    if security is not None and not security.is_clean(line, said + json, repeated, b""):
        return False
    if volume is not None:
        if volume.left <= 0:  # another thread took the last
            return False
        volume.left -= 1
    if not lane.emit_line(lane.handler, level, line):
        if volume is not None:
            volume.left += 1
        return False
    if counter is not None:
        counter.count_fields(level_name, level, logger, now, carried if lane.counts_context else fields)
    return True


def _learn(key: tuple[Any, ...]) -> tuple[bytes, bytes, bytes]:
    logger, level_name, place, message, thread = key
    template = template_of((logger, level_name, *place, os.getpid(), thread))
    if len(_places) >= _MOST_PLACES:
        _places.clear()
    known = _places[key] = (template, orjson.dumps(message), template % (b"", 0, b"null", b"}"))
    return known

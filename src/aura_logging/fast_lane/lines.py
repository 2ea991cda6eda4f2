"""Write a log call down in its own words: the line that `encode` would make of the record there would have been."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from types import CodeType, FrameType, MappingProxyType
from typing import Any

import orjson

from aura_logging.call_sites import OWN_NAMES, template_of
from aura_logging.encoding import filled, json_fields
from aura_logging.fast_lane.delivered import LOGGING_FILE
from aura_logging.fast_lane.lane import Lane
from aura_logging.metrics.extraction import TELLING_FIELDS
from aura_logging.records import STANDARD_ATTRIBUTES
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["wrote"]

_TAKEN_NAMES = STANDARD_ATTRIBUTES | OWN_NAMES | TELLING_FIELDS | {"request", "sample_rate"}
"""Fields that `logging` refuses, that are written otherwise than they were given, or that others of ours look for."""

_PLAIN_TYPES = frozenset((str, int, float, bool, type(None)))
"""Values that cannot change, so that what was written of them may be kept; and none is a mapping."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})

_MOST_SITES = 2_000


class _Sites(dict[tuple[object, ...], tuple[CodeType, bytes, bytes]]):
    """Templates, and what they write on every line, by code, instruction, logger, level and thread.

    The code is kept, so that no other can have its id.

    They show the process, so a forked child begins without. Should that fork have run no hooks, the child's handler
    does not take lines until it has noticed.
    """

    after_fork_in_child = dict.clear


_sites = _Sites()
tell_after_fork(_sites)

# The last context and what was written of it, by the share kept: in one request it is asked for again and again.
_last_context: tuple[Mapping[str, Any], dict[float, bytes]] = ({}, {})


def wrote(
    logger: str,
    lane: Lane,
    msg: str,
    args: tuple[object, ...],
    extra: object,
    frame: FrameType | None,
) -> bool:
    """Write the call down, or leave it out if sampling does, and count it; return whether that is done.

    False, or whatever error, where it takes a record to make the line, or to judge it; then nothing has happened.
    `frame` is the one that the search for the caller begins with. The hot path: straight-line.
    """
    global _last_context
    if len(args) == 1 and type(args[0]) not in _PLAIN_TYPES:
        return False  # a mapping, or what passes for one, would be taken for the arguments themselves
    level = lane.level
    context = lane.context.fields()
    if extra is not None and (
        type(extra) is not dict or not _TAKEN_NAMES.isdisjoint(extra) or not context.keys().isdisjoint(extra)
    ):
        return False
    counter = lane.counter
    watcher = lane.watcher
    if watcher is not None and not watcher.is_harmless(logger, level, msg):
        return False
    of_context, by_rate = _last_context
    if of_context is not context:
        by_rate = {}
        _last_context = (context, by_rate)
    now = time.time()
    rate, volume, sampling = 1.0, None, lane.sampling
    if sampling is not None:
        volume = sampling.lane_of_line(logger, level)
        if volume is None:
            return False
        rate = volume.rate
    written = by_rate.get(rate) or _write(context, rate, by_rate)
    if volume is not None and (rate < 1.0 or volume.left <= 0):
        is_kept = sampling.keeps_line(volume, logger, msg, now, context, extra or _NOTHING)  # type: ignore[union-attr]  # the volume is its own
        if is_kept is None:
            return False
        if not is_kept:
            if counter is not None:
                counter.count_line(lane.level_name, logger)
            return True
    own = json_fields(extra)[:-2] + b"," if extra else b"{"
    while (code := frame.f_code).co_filename == LOGGING_FILE:  # type: ignore[union-attr]  # without a caller: an error
        frame = frame.f_back  # type: ignore[union-attr]
    site = (id(code), frame.f_lasti, logger, lane.level_name, threading.current_thread().name)  # type: ignore[union-attr]
    _, template, repeated = _sites.get(site) or _learn(site, frame)  # type: ignore[arg-type]  # as above
    message = orjson.dumps(msg % args if args else msg)
    line = filled(template, now, message, own + written)
    if line is None:
        return False
    security = lane.security
    if security is not None and not security.is_clean(line, message + own, repeated, written):
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
        counter.count_line(lane.level_name, logger)
    return True


def _write(context: Mapping[str, Any], rate: float, by_rate: dict[float, bytes]) -> bytes:
    """Return the context as what follows other fields; `LookupError` unless it is plain data with names of its own."""
    for name, value in context.items():
        if name in _TAKEN_NAMES or type(value) not in _PLAIN_TYPES:
            raise LookupError(name)
    fields = {**context, "sample_rate": rate} if rate < 1.0 else context
    written = by_rate[rate] = json_fields(fields)[1:]
    return written


def _learn(site: tuple[object, ...], frame: FrameType) -> tuple[CodeType, bytes, bytes]:
    code = frame.f_code
    _, _, logger, level_name, thread = site
    path = code.co_filename
    if "importlib" in path and "_bootstrap" in path:
        raise LookupError(path)  # no caller, to `logging`: it looks further
    template = template_of((logger, level_name, path, frame.f_lineno, code.co_name, os.getpid(), thread))
    if len(_sites) >= _MOST_SITES:
        _sites.clear()
    known = _sites[site] = (code, template, template % (b"", 0, b"null", b"}"))
    return known

"""Make a line of a log call's own words: what `encode` would make of the record that there would have been."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

import orjson

from aura_logging.call_sites import OWN_NAMES, template_of
from aura_logging.encoding import filled, json_fields
from aura_logging.fast_lane.lane import LOGGING_FILE, Lane
from aura_logging.records import STANDARD_ATTRIBUTES
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["line_of_call"]

_TAKEN_NAMES = STANDARD_ATTRIBUTES | OWN_NAMES | {"request"}
"""Fields that `logging` refuses, or that are written otherwise than they were given."""

_PLAIN_TYPES = frozenset((str, int, float, bool, type(None)))
"""Values that cannot change, so that what was written of them may be kept; and none is a mapping."""

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

# The last context and what was written of it: in one request it is asked for again and again.
_last_context: tuple[Mapping[str, Any], bytes | None] = ({}, None)


def line_of_call(
    logger: str,
    lane: Lane,
    msg: str,
    args: tuple[object, ...],
    extra: object,
    frame: FrameType | None,
) -> bytes | None:
    """Return the line; `None`, or whatever error, where it takes a record to make it, or to judge it.

    `frame` is the one that the search for the caller begins with. The hot path: straight-line.
    """
    global _last_context
    if len(args) == 1 and type(args[0]) not in _PLAIN_TYPES:
        return None  # a mapping, or what passes for one, would be taken for the arguments themselves
    context = lane.context.fields()
    of_context, written = _last_context
    if of_context is not context:
        written = _written(context)
        _last_context = (context, written)
    if written is None:
        return None
    own = b"{"
    if extra is not None:
        if type(extra) is not dict or not _TAKEN_NAMES.isdisjoint(extra) or not context.keys().isdisjoint(extra):
            return None
        if extra:
            own = json_fields(extra)[:-2] + b","
    while (code := frame.f_code).co_filename == LOGGING_FILE:  # type: ignore[union-attr]  # without a caller: an error
        frame = frame.f_back  # type: ignore[union-attr]
    site = (id(code), frame.f_lasti, logger, lane.level_name, threading.current_thread().name)  # type: ignore[union-attr]
    _, template, repeated = _sites.get(site) or _learn(site, frame)  # type: ignore[arg-type]  # as above
    message = orjson.dumps(msg % args if args else msg)
    line = filled(template, time.time(), message, own + written)
    security = lane.security
    if line is None or security is None:
        return line
    return line if security.lets_pass(logger, lane.level, msg, line, message + own, repeated, written) else None


def _written(context: Mapping[str, Any]) -> bytes | None:
    """Return the context as what follows other fields, if it is plain data; else `None`."""
    for name, value in context.items():
        if name in _TAKEN_NAMES or type(value) not in _PLAIN_TYPES:
            return None
    return json_fields(context)[1:]


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

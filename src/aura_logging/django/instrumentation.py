"""See every query of every connection: one `execute_wrapper`, adding to the log of the work at hand."""

from __future__ import annotations

import logging
import random
import sys
import time
from collections.abc import Callable, Hashable, Iterable
from types import CodeType, FrameType
from typing import Any

import django
from django.db import connections
from django.db.backends.signals import connection_created

from aura_logging.django import subjects
from aura_logging.django.call_sites import Place, awaiting_place, locate, outer_path, routes, site_of
from aura_logging.django.explain import explain
from aura_logging.django.row_origins import origin_of, origin_of_prefetch
from aura_logging.django.sql_lines import are_wanted as _sql_is_wanted
from aura_logging.django.sql_lines import execute_and_tell
from aura_logging.django.statement_text import text_of
from aura_logging.performance.queries import NOWHERE, Load, QueryGroup, QueryLog, SlowQuery, current, observed_by

__all__ = ["install"]

_FAILED = -2

_DEBUG = logging.DEBUG

_clock = time.perf_counter
_random = random.random
_frame = sys._getframe


def install() -> None:
    """Observe the connections there are and those to come; installing twice is harmless.

    Without a current log an observed query costs one look at a ContextVar. What goes wrong in here is counted in
    the log's `uncounted` and never reaches the query.
    """
    connection_created.connect(_observe_connection, dispatch_uid="aura_logging.queries")
    for connection in connections.all(initialized_only=True):
        _observe_connection(connection=connection)
    QueryLog.has_fetch_modes = django.VERSION >= (6, 1)
    observed_by("django")


def _observe_connection(connection: Any, **_: Any) -> None:
    # In front: `with connection.execute_wrapper(…)` takes the last one away at its end, whosever it is.
    if _observe not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _observe)


def _observe(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if _sql_is_wanted(_DEBUG):
        return execute_and_tell(_count, execute, sql, params, many, context)
    return _count(execute, sql, params, many, context)


def _count(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    log = current.get()
    if log is None or log.is_paused:
        return execute(sql, params, many, context)
    began = _clock()
    try:
        result = execute(sql, params, many, context)
    except BaseException:
        log.failed += 1
        _note(log, sql, params, many, context, began, _clock(), _FAILED)
        raise
    ended = _clock()
    # A query like one before, from the same place: `_note` would come to the same, for twice the price (see
    # benchmarks/request_queries.py). What is not as usual, and what fails, is left to it.
    try:
        depth, code, loader_depth, loader_code = routes[sql]
        frame = _frame(depth)
        if frame.f_code is code:
            connection = context["connection"]
            group = log.known(sql, connection.alias, code, frame.f_lasti)
            seconds = ended - began
            loads: Iterable[Load] | None = None
            if group is None or seconds > log.slow_query_seconds:
                pass
            elif loader_code is not None:
                loads = _loop(group, _frame(loader_depth), loader_code)
            elif not group.wants_subject:
                loads = group.loads.values()
            if group is not None and loads is not None:
                log.count(group, sql, params, seconds, context["cursor"].cursor.rowcount)
                for load in loads:
                    load.queries += 1
                if connection.in_atomic_block:
                    blocks = connection.atomic_blocks
                    log.in_transaction(connection.alias, blocks[0] if blocks else None, began, ended, group.site)
                return result
    except (KeyError, ValueError, TypeError):  # not seen before; the stack is not that deep this time; no text
        pass
    except Exception:  # noqa: BLE001  # a query must not fail because it is watched; the log says that it was not
        log.uncounted += 1
        return result
    _note(log, sql, params, many, context, began, ended, 0)
    return result


def _loop(group: QueryGroup, loader: FrameType, code: CodeType) -> tuple[Load] | None:
    """Return the group's loop if what is loaded lazily is once more what that loads."""
    loop = group.loop
    if loop is None or loader.f_code is not code or subjects.lazy_subject(loader) is not loop.subject:
        return None
    return (loop,)


def _note(
    log: QueryLog,
    sql: Any,
    params: Any,
    many: bool,
    context: dict[str, Any],
    began: float,
    ended: float,
    rows: int,
) -> None:
    """Count a query that has ended; `rows` is negative when it failed. Straight on: every query pays for each line."""
    seconds = ended - began
    try:
        connection = context["connection"]
        sql = text_of(sql, connection)
        place = locate(sql)
        if place.frame is None and log.task is not None:
            place = awaiting_place(log.task, place)
        if rows == 0:
            rows = context["cursor"].cursor.rowcount
        group = log.add(sql, params, connection.alias, seconds, place.owner, place.instruction, rows)
        if group.site is NOWHERE:
            group.site = site_of(place, _frame(3))
        if place.loader is not None or group.wants_subject:
            if group.statement.kind == "read":
                _identify(log, group, place, params)
        elif group.loads:
            for subject in group.loads:
                log.loaded(group, subject, began)
        if connection.in_atomic_block:
            blocks = connection.atomic_blocks
            log.in_transaction(connection.alias, blocks[0] if blocks else None, began, ended, group.site)
        if seconds > log.slow_query_seconds and group.statement.kind != "transaction":
            _note_slow(log, group, connection, sql, params, seconds, can_explain=not (rows == _FAILED or many))
    except Exception:  # noqa: BLE001  # a query must not fail because it is watched; the log says that it was not
        log.uncounted += 1


def _identify(log: QueryLog, group: QueryGroup, place: Place, params: Any) -> None:
    """Count what the query loads, and for which row, as long as that is not settled."""
    if place.loader is not None:
        found = subjects.lazily_loaded(place.loader, group.statement)
        if group.count == 1 and found is None:
            group.origin = origin_of_prefetch(place.loader, _frame(4))
    else:
        asked = subjects.outermost(_frame(4))
        found = subjects.queried(asked, group.statement, params)
        if group.count == 1:
            group.origin = origin_of(asked)
        if found is None:
            group.wants_subject = False
    if found is None:
        return
    subject, row = found
    load = log.loaded(group, subject, _clock())
    if load.wants_evidence and not _is_chain(load, place, row):
        load.seen((id(place.owner), outer_path(place.frame)), row, log.n_plus_one_threshold)
    if place.loader is None:
        group.wants_subject = load.wants_evidence
    elif load.is_settled:
        group.loop = load


def _is_chain(load: Load, place: Place, row: Hashable) -> bool:
    """Tell whether the row is itself what such a load brought before: `node = node.parent`, again and again."""
    subject = load.subject
    if place.loader is not None and subject.kind == "reverse_one":
        return subjects.came_through(place.loader)
    if place.loader is None or not subject.target_table or subject.target_table != subject.owner_table:
        return False
    load.targets.add(subjects.chain_link(place.loader))
    return row in load.targets


def _note_slow(
    log: QueryLog, group: QueryGroup, connection: Any, sql: str, params: Any, seconds: float, can_explain: bool
) -> None:
    plan = ""
    scanned: tuple[str, ...] = ()
    if can_explain and group.statement.kind == "read" and _random() < log.explain_sample_rate:
        log.is_paused = True
        try:
            plan, scanned = explain(connection, sql, params)
        finally:
            log.is_paused = False
    log.add_slow(SlowQuery(group, seconds, plan, scanned))

"""See every query of every connection: one `execute_wrapper`, adding to the log of the work at hand."""

from __future__ import annotations

import logging
import random
import sys
import time
from collections.abc import Callable
from typing import Any
from weakref import ref

import django
from django.db import connections
from django.db.backends.signals import connection_created

from aura_logging.django import subjects
from aura_logging.django.call_sites import Place, awaiting_place, locate, outer_path, site_of
from aura_logging.django.explain import explain
from aura_logging.django.row_origins import note_bringer, origin_of, origin_of_prefetch, row_of
from aura_logging.django.sql_lines import are_wanted as _is_told
from aura_logging.django.sql_lines import known_levels as _levels
from aura_logging.django.sql_lines import tell
from aura_logging.django.statement_text import text_of, without_savepoint
from aura_logging.django.tracking.unobserved import unobserved
from aura_logging.django.usual_queries import UnusualError, other_usual, remember
from aura_logging.performance.loads import NOWHERE, Load
from aura_logging.performance.queries import FAILED, MAX_SEEN, QueryGroup, QueryLog, SlowQuery, current, observed_by
from aura_logging.performance.questions import question

__all__ = ["install"]

_DEBUG = logging.DEBUG

_SEQUENCES = (tuple, list)

_clock = time.perf_counter
_current_log = current.get
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
    """Count a query and return its result; tell of it, where that is wanted.

    One like another before, asked by the same line, is counted at once: to what `_note` would come to, for a fifth of
    its price. Straight on, for every query of a loop pays for each line and each call, with the processor's caches
    full of the ORM's things: with its parts as functions of their own it costs a third more
    (benchmarks/query_counting.py).
    """
    log = _current_log()
    is_told = _levels.get(_DEBUG, True) and _is_told(_DEBUG)
    if log is None and not is_told:
        return execute(sql, params, many, context)
    began = _clock()
    try:
        result = execute(sql, params, many, context)
    except BaseException:
        ended = _clock()
        if log is not None:
            log.failed += 1
            _note(log, sql, params, many, context, began, ended, FAILED)
        if is_told:
            tell(sql, context["connection"], ended - began)
        raise
    ended = _clock()
    if log is None or is_told:
        if log is not None:
            _note(log, sql, params, many, context, began, ended, 0)
        if is_told:
            tell(sql, context["connection"], ended - began)
        return result
    group = log.usual.get(sql) if type(sql) is str else None
    if group is None:
        _note(log, sql, params, many, context, began, ended, 0)
        return result
    try:
        connection = context["connection"]
        frame = _frame(group.depth)
        if frame.f_lasti != group.instruction or frame.f_code is not group.owner or connection.alias != group.alias:
            group = other_usual(log, sql, connection.alias, frame, group.depth)
        lazy = group.lazy
        seconds = ended - began
        if seconds > log.slow_query_seconds or (
            lazy is not None
            and (
                (loader := _frame(lazy.depth)).f_code is not lazy.code
                # Its variables are looked at last: they are made a dict of.
                or (values := loader.f_locals)["self"] is not lazy.descriptor
                or type(values["instance"]) is not lazy.model
            )
        ):
            raise UnusualError  # noqa: TRY301  # the call of another function would cost what this is to save
        rows = context["cursor"].cursor.rowcount if group.tells_rows else 0
        if rows < 0:
            rows = 0
        statement = group.statement
        if statement.is_repeatable:
            digest: int | None  # as `question` has it
            if type(params) in _SEQUENCES and len(params) == 1 and type(value := params[0]) is int and value >= 0:
                digest = hash((sql, group.alias, value, log.writes))
            else:
                digest = question(sql, group.alias, params, log.writes)
            seen = log.seen
            if digest is None:
                pass
            elif digest in seen or len(seen) >= MAX_SEEN:
                log.again(digest, group)
            else:
                seen[digest] = group
        elif statement.kind == "write":
            log.writes += 1
        group.count += 1
        group.seconds += seconds
        group.rows += rows
        if lazy is not None:
            lazy.load.queries += 1
        elif group.loads:
            for load in group.loads.values():
                load.queries += 1
        if connection.in_atomic_block:
            blocks = connection.atomic_blocks
            log.in_transaction(group.alias, blocks[0] if blocks else None, began, ended, group.site)
    except (UnusualError, KeyError, ValueError):
        # Another one; the stack is not that deep this time, or other code is at work there.
        _note(log, sql, params, many, context, began, ended, 0)
    except Exception:  # noqa: BLE001  # a query must not fail because it is watched; the log says that it was not
        log.uncounted += 1
    return result


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
        if connection.in_atomic_block:
            sql = without_savepoint(sql)
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
            _note_slow(log, group, connection, sql, params, seconds, can_explain=not (rows == FAILED or many))
        remember(log, sql, place, group, connection.vendor)
    except Exception:  # noqa: BLE001  # a query must not fail because it is watched; the log says that it was not
        log.uncounted += 1


def _identify(log: QueryLog, group: QueryGroup, place: Place, params: Any) -> None:
    """Count what the query loads, and for which row, as long as that is not settled."""
    queryset = None
    if place.loader is not None:
        found = subjects.lazily_loaded(place.loader, group.statement)
        if group.count == 1 and found is None:
            group.origin = origin_of_prefetch(place.loader, _frame(4))
    else:
        asked = subjects.outermost(_frame(4))
        queryset = asked[0]
        found = subjects.queried(asked, group.statement, params)
        if group.count == 1:
            group.origin = origin_of(asked)
        if found is None:
            group.wants_subject = len(group.loads) > 1
    if found is None:
        return
    subject, row = found
    load = log.loaded(group, subject, _clock())
    if load.wants_evidence:
        at_hand = row_of(queryset, place.loader)
        if load.queries == 1 and subject.owner_table:
            note_bringer(load, at_hand, row, tuple(log.just_loaded()))
        if at_hand is not None:
            log.just_loaded().append((ref(at_hand), load))
        if not _is_chain(load, place):
            load.seen((id(place.owner), outer_path(place.frame)), row, log.n_plus_one_threshold)
    if place.loader is None:
        # Where one line loads several, what each query loads has to be found out to the end.
        group.wants_subject = load.wants_evidence or len(group.loads) > 1
    elif not load.wants_evidence:
        group.loop = load


def _is_chain(load: Load, place: Place) -> bool:
    """Tell whether the row is itself what such a load brought before: `node = node.parent`, again and again."""
    subject = load.subject
    if place.loader is None:
        return False
    if subject.kind == "reverse_one":
        return subjects.came_through(place.loader)
    if not subject.target_table or subject.target_table != subject.owner_table:
        return False
    link = subjects.chain_link(place.loader)
    return link is not None and load.is_led_to(*link)


def _note_slow(
    log: QueryLog, group: QueryGroup, connection: Any, sql: str, params: Any, seconds: float, can_explain: bool
) -> None:
    plan = ""
    scanned: tuple[str, ...] = ()
    if can_explain and group.statement.kind == "read" and _random() < log.explain_sample_rate:
        with unobserved():
            plan, scanned = explain(connection, sql, params)
    log.add_slow(SlowQuery(group, seconds, plan, scanned))

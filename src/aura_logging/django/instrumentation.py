"""See every query of every connection: one `execute_wrapper`, adding to the log of the work at hand."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Hashable
from types import FrameType
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from aura_logging.django import subjects
from aura_logging.django.call_sites import CallSite, awaiting_frame, find, outer_path
from aura_logging.django.explain import explain
from aura_logging.performance.queries import Load, QueryGroup, QueryLog, SlowQuery, current, observed_by

__all__ = ["install"]

_clock = time.perf_counter
_random = random.random


def install() -> None:
    """Observe the connections there are and those to come; installing twice is harmless.

    Without a current log an observed query costs one look at a ContextVar. What goes wrong in here is counted in
    the log's `uncounted` and never reaches the query.
    """
    connection_created.connect(_observe_connection, dispatch_uid="aura_logging.queries")
    for connection in connections.all(initialized_only=True):
        _observe_connection(connection=connection)
    observed_by("django")


def _observe_connection(connection: Any, **_: Any) -> None:
    # In front: `with connection.execute_wrapper(…)` takes the last one away at its end, whosever it is.
    if _observe not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _observe)


def _observe(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    log = current.get()
    if log is None or log.is_paused:
        return execute(sql, params, many, context)
    began = _clock()
    try:
        result = execute(sql, params, many, context)
    except BaseException:
        log.failed += 1
        _note(log, sql, params, many, context, began, _clock(), has_failed=True)
        raise
    _note(log, sql, params, many, context, began, _clock(), has_failed=False)
    return result


def _note(
    log: QueryLog,
    sql: str,
    params: Any,
    many: bool,
    context: dict[str, Any],
    began: float,
    ended: float,
    has_failed: bool,
) -> None:
    try:
        frame = sys._getframe(2)
        connection = context["connection"]
        place = find(frame)
        if place.frame is None and log.task is not None:
            waiting = awaiting_frame(log.task)
            if waiting is not None:
                place = CallSite((id(waiting.f_code), waiting.f_lasti), waiting.f_code, waiting, place.loader)
        rows = -1 if has_failed else getattr(context["cursor"].cursor, "rowcount", -1)
        group = log.add(str(sql), params, many, connection.alias, ended - began, place.key, rows)
        if group.holds is None:
            group.holds = place.holds
            group.site = place.site(frame)
        if group.statement.kind == "read":
            if group.wants_subject or place.loader is not None:
                _identify(log, group, place, frame, params)
            else:
                for load in group.loads.values():
                    log.loaded(group, load.subject)
        if connection.in_atomic_block:
            blocks = getattr(connection, "atomic_blocks", None)
            log.in_transaction(connection.alias, blocks[0] if blocks else None, began, ended, group.site)
        if ended - began > log.slow_query_seconds and group.statement.kind != "transaction":
            _note_slow(log, group, connection, sql, params, ended - began, can_explain=not (has_failed or many))
    except Exception:  # noqa: BLE001  # a query must not fail because it is watched; the log says that it was not
        log.uncounted += 1


def _identify(log: QueryLog, group: QueryGroup, place: CallSite, frame: FrameType, params: Any) -> None:
    """Count what the query loads, and for which row, as long as that is not settled."""
    if place.loader is not None:
        found = subjects.lazily_loaded(place.loader, group.statement)
    else:
        found = subjects.queried(frame, group.statement, params)
        if found is None:
            group.wants_subject = False
    if found is None:
        return
    subject, row = found
    load = log.loaded(group, subject)
    if load.wants_evidence and not _is_chain(load, place, row):
        load.seen((place.key, outer_path(place.frame)), row, log.n_plus_one_threshold)
    if place.loader is None:
        group.wants_subject = load.wants_evidence


def _is_chain(load: Load, place: CallSite, row: Hashable) -> bool:
    """Tell whether the row is itself what such a load brought before: `node = node.parent`, again and again."""
    subject = load.subject
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

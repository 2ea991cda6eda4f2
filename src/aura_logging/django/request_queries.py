"""Begin a request's query log, and turn it into fields of the request's record."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest

import django
from aura_logging.django import instrumentation
from aura_logging.performance.budgets import RequestBudget, budgets_by_route
from aura_logging.performance.hints import MAX_HINTS, hints
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.performance.queries import QueryLog, current
from aura_logging.performance.report import judge

__all__ = ["begin", "fields", "track"]

_HAS_FETCH_MODES = django.VERSION >= (6, 1)
_tracking: list[bool] = []


def track() -> None:
    """Have requests' queries counted from now on: `DatabaseQueryTrackingMiddleware` is in `MIDDLEWARE`."""
    instrumentation.install()
    request_finished.connect(_release, dispatch_uid="aura_logging.release_queries")
    _tracking[:] = [True]


def begin(request: HttpRequest, options: PerformanceOptions) -> QueryLog | None:
    """Return the request's log: the one it has, or a new one; `None` where queries are not tracked.

    Both middlewares call it, and either may be the first. A log that a test has pinned serves every request in it.
    """
    if not _tracking:
        return None
    log = current.get()
    if log is not None and (log.is_pinned or (log.work is not None and log.work() is request)):
        return log
    log = QueryLog(
        options.slow_query_seconds,
        options.n_plus_one_threshold,
        options.explain_sample_rate if options.explain_slow_queries else 0.0,
    )
    log.work = weakref.ref(request)
    try:
        log.task = asyncio.current_task()
    except RuntimeError:
        log.task = None
    current.set(log)
    return log


def fields(log: QueryLog | None, options: PerformanceOptions) -> dict[str, Any]:
    """Return what the request's record says of its queries."""
    if log is None:
        return {}
    report = judge(log, options.long_transaction_seconds)
    found = report.fields()
    advice = hints(report, _HAS_FETCH_MODES)
    if advice:
        found["hints"] = [str(hint) for hint in advice[:MAX_HINTS]]
    over = _budget(log, options).exceeded(report)
    if over:
        found["over_budget"] = over
    if log.uncounted:
        found["db_uncounted"] = log.uncounted
    return found


def _budget(log: QueryLog, options: PerformanceOptions) -> RequestBudget:
    """Return the budget of the route, else the one for all: no more than `max_queries`."""
    routes, default = _budgets(options)
    if not routes or log.work is None:
        return default
    request = log.work()
    match = getattr(request, "resolver_match", None)
    return routes.get(match.route, default) if match is not None else default


def _budgets(options: PerformanceOptions) -> tuple[dict[str, RequestBudget], RequestBudget]:
    known = _known_budgets.get(id(options))
    if known is None or known[0] is not options:
        budgets = (budgets_by_route(options.budgets), RequestBudget(queries=options.max_queries))
        known = _known_budgets[id(options)] = (options, budgets)
    return known[1]


_known_budgets: dict[int, tuple[PerformanceOptions, tuple[dict[str, RequestBudget], RequestBudget]]] = {}


def _release(**_: Any) -> None:
    log = current.get()
    if log is not None and not log.is_pinned:
        current.set(None)

"""Begin a request's query log, and turn it into fields of the request's record."""

from __future__ import annotations

import asyncio
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from aura_logging.django import cache, instrumentation, receivers
from aura_logging.performance import allocations
from aura_logging.performance.budgets import RequestBudget, budgets_by_route
from aura_logging.performance.findings import findings
from aura_logging.performance.probe import PerformanceOptions, RequestProbe
from aura_logging.performance.queries import QueryLog, current
from aura_logging.performance.server_timing import server_timing

__all__ = ["LOG", "add_server_timing", "begin", "fields", "is_staff", "track"]

LOG = "_aura_queries"
"""The attribute of a request that holds its log."""

_tracking: list[bool] = []


class _RequestLog(QueryLog):
    """The log of one request, which stays behind where the request is copied whole or pickled."""

    def __reduce__(self) -> tuple[type[QueryLog], tuple[()]]:
        """Leave a new one there."""
        return _RequestLog, ()


def track(chosen: PerformanceOptions) -> None:
    """Have requests' queries counted from now on: `DatabaseQueryTrackingMiddleware` is in `MIDDLEWARE`."""
    instrumentation.install()
    if chosen.observe_caches:
        cache.install()
    receivers.connect()
    receivers.when_finished(_release)
    _tracking[:] = [True]


def begin(request: HttpRequest, chosen: PerformanceOptions, is_async: bool) -> QueryLog | None:
    """Return the request's log: the one it has, or a new one; `None` where queries are not tracked.

    Both middlewares call it, and either may be the first; `is_async` when its caller runs in an event loop. A log that
    a test has pinned serves every request in it.
    """
    if not _tracking:
        return None
    log = current.get()
    if log is not None and (log.is_pinned or request.__dict__.get(LOG) is log):
        if is_async:  # a pinned log outlives a request, and so a task
            log.task = asyncio.current_task()
        return log
    log = request.__dict__[LOG] = _RequestLog(
        chosen.slow_query_seconds,
        chosen.n_plus_one_threshold,
        chosen.explain_sample_rate if chosen.explain_slow_queries else 0.0,
    )
    if is_async:
        log.task = asyncio.current_task()
    if chosen.allocation_sample_rate:
        log.allocations = allocations.sample(chosen.allocation_sample_rate)
    if chosen.observe_caches:
        log.observes_caches = True
    current.set(log)
    return log


def fields(log: QueryLog, request: HttpRequest, chosen: PerformanceOptions) -> dict[str, Any]:
    """Return what the request's record says of its queries."""
    return findings(log, chosen.long_transaction_seconds, _budget(request, chosen) if log.groups else None)


def _budget(request: HttpRequest, chosen: PerformanceOptions) -> RequestBudget:
    """Return the budget of the route, else the one for all: no more than `max_queries`."""
    routes, default = _budgets(chosen)
    match = request.resolver_match if routes else None
    # As in lines: the home page's pattern is empty.
    return routes.get(match.route or "/", default) if match is not None else default


_Budgets = tuple[dict[str, RequestBudget], RequestBudget]

_newest: tuple[PerformanceOptions, _Budgets] | None = None


def _budgets(chosen: PerformanceOptions) -> _Budgets:
    """Return what the options say, by route and for all others; read once, for they hardly ever change."""
    global _newest  # a memo of one
    known = _newest
    if known is None or known[0] is not chosen:
        known = _newest = (chosen, (budgets_by_route(chosen.budgets), RequestBudget(queries=chosen.max_queries)))
    return known[1]


def _release() -> None:
    log = current.get()
    if log is not None and not log.is_pinned:
        current.set(None)
        if log.allocations is not None:
            log.allocations.cancel()  # the record was never written


def add_server_timing(response: HttpResponseBase, log: QueryLog | None, probe: RequestProbe) -> None:
    """Answer with the times so far."""
    timing = server_timing(probe.elapsed(), log, log.cache if log is not None else None)
    known = response.get("Server-Timing")
    response["Server-Timing"] = f"{known}, {timing}" if known else timing


def is_staff(request: HttpRequest) -> bool:
    """Tell whether a user who is staff has asked; one who has not been loaded is not."""
    attributes = request.__dict__
    if "_cached_user" not in attributes and "_acached_user" not in attributes:
        return False
    try:
        user = attributes.get("_cached_user") or attributes.get("_acached_user")
        return user is not None and bool(getattr(user, "is_staff", False))
    except Exception:  # noqa: BLE001  # a user may be of any class, with properties of its own
        return False

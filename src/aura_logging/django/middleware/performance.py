"""Bind the request's context, measure the request, and write one wide record of it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from aura_logging import context, propagation
from aura_logging.client_address import TrustedProxies
from aura_logging.django import receivers, request_queries, security
from aura_logging.django.bodies import watch
from aura_logging.django.conf import declare, options
from aura_logging.django.late_fields import LateFields
from aura_logging.django.middleware.base import Middleware
from aura_logging.django.requests import ContextOptions, first_fields, trace_of
from aura_logging.django.security_events import never_raises
from aura_logging.django.view_code import ViewCode, view_code
from aura_logging.performance import outgoing, wide_record
from aura_logging.performance.outgoing import OutgoingLog
from aura_logging.performance.probe import CLIENT_LEFT, PerformanceOptions, RequestProbe
from aura_logging.performance.queries import QueryLog

__all__ = ["PerformanceMonitoringMiddleware"]

log = logging.getLogger("aura.request")

OWN_URLS = "aura"
"""The `app_name` of `aura_logging.django.urls`: the dashboard, the probe and the scrape."""

declare("PERFORMANCE", PerformanceOptions)


@dataclass(slots=True)
class _Request:
    """One request under way. Not frozen: making one of those costs thrice as much."""

    request: HttpRequest
    trace: propagation.Trace
    options: PerformanceOptions
    probe: RequestProbe | None
    queries: QueryLog | None
    outgoing: OutgoingLog | None


class PerformanceMonitoringMiddleware(Middleware[_Request]):
    """Put it first in `MIDDLEWARE`: what stands before it is neither measured nor has an id.

    It takes over the caller's ids or mints new ones, binds them and what is known of the request to every record
    logged until the request is over, answers with `X-Request-ID`, and writes one record on `aura.request`: INFO,
    WARNING from status 400 or when slow, ERROR from 500 or when a streaming body failed. That is when the response
    is handed to the server, or when the last byte of a streaming body is. `file`, `line` and `function` of the
    record are the view's.

    A client that leaves before it is answered gets status 499; one that leaves in mid-stream, `disconnected`. Where
    the project's middlewares or views are sync, an ASGI server's threads work on, and a response made for nobody
    looks like any other.

    `PERFORMANCE_MONITORING_ENABLED=false` leaves the ids and switches measuring and the record off.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        # Now, not at the first request: a bad setting stops the start.
        options(ContextOptions)
        options(PerformanceOptions)
        receivers.connect()
        security.connect()

    def begin(self, request: HttpRequest) -> _Request:
        """Bind the ids and what is known already; start measuring."""
        chosen = options(ContextOptions)
        trace = trace_of(request, chosen)
        propagation.start(trace)
        context.start(first_fields(request, trace, _proxies(chosen.trusted_proxies)), LateFields(request))
        performance = options(PerformanceOptions)
        probe, queries, calls = None, None, None
        if performance.enabled:
            queries = request_queries.begin(request, performance, self._is_async)
            calls = outgoing.begin()
            probe = RequestProbe(
                performance.slow_request_seconds,
                # An event loop's thread serves many requests in turn: its processor time is nobody's own.
                cpu_clock=None if self._is_async else time.thread_time,
            )
            request.__dict__[receivers.PROBE] = probe
        return _Request(request, trace, performance, probe, queries, calls)

    def finish(self, state: _Request, response: HttpResponseBase) -> HttpResponseBase:
        """Answer with the id; write the record now, or when a streaming body has ended."""
        header = options(ContextOptions).response_header
        if header and not response.has_header(header):
            response[header] = state.trace.correlation_id
        # With the route and the user, as far as they are known by now: the request may be gone when a body ends. Of a
        # response that is whole, no view and no middleware of the project comes any more.
        bound = context.current() if response.streaming else context.settle()
        # Django closes an ASGI response outside the task that made it: bodies end there, and `request_finished` comes.
        response._resource_closers.append(functools.partial(_resume, state.trace, bound))  # type: ignore[attr-defined]  # what HttpResponseBase.close calls
        security.keep_parsed_body(state.request, response)
        probe = state.probe
        if probe is not None:
            request = state.request
            request_queries.add_server_timing(response, request, state.queries, probe, state.options)
            has_body = request.method != "HEAD"
            if isinstance(response, StreamingHttpResponse):
                # The body ends outside this call: in ASGI, even outside its context.
                here = contextvars.copy_context()
                write = functools.partial(_write, state, probe, response.status_code, view_code(request))
                watch(response, probe, functools.partial(here.run, write), has_body=has_body)
            else:
                probe.response_bytes = _size(response) if has_body else None
                _write(state, probe, response.status_code, view_code(request))
        else:
            security.observe_request(state.request)
        return response

    def fail(self, state: _Request, error: BaseException) -> None:
        """Write the record of a request that no response came of."""
        probe = state.probe
        if probe is None:
            return
        status_code = 500
        if isinstance(error, asyncio.CancelledError):
            probe.is_disconnected = True
            status_code = CLIENT_LEFT
        else:
            probe.failed(type(error))
        _write(state, probe, status_code, view_code(state.request))


@functools.lru_cache(maxsize=8)
def _proxies(trusted: tuple[str, ...]) -> TrustedProxies:
    return TrustedProxies(trusted)


def _size(response: HttpResponseBase) -> int | None:
    # A template response that a middleware has returned unrendered has no content yet, and asking is an error.
    if not getattr(response, "is_rendered", True):
        return None
    return len(getattr(response, "content", b""))


def _resume(trace: propagation.Trace, bound: Mapping[str, Any]) -> None:
    """Have what is logged at the very end carry the request's fields, wherever that is; receivers release them."""
    if context.correlation_id() != bound.get("correlation_id"):
        propagation.start(trace)
        context.start(bound)


def _is_own(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and OWN_URLS in match.app_names


def _write_or_raise(state: _Request, probe: RequestProbe, status_code: int, view: ViewCode) -> None:
    summary = probe.summary(status_code)
    level = summary.level
    seen = security.observe_request(state.request)
    if not log.isEnabledFor(level):
        return
    measured = summary.fields()
    if state.queries is not None:
        measured.update(request_queries.fields(state.queries, state.options))
    if state.outgoing is not None:
        measured.update(state.outgoing.fields())
    if _is_own(state.request):
        measured["own"] = True
    measured.update(seen)
    wide_record.write(log, level, "request finished", view, measured)


# A body that ends calls it, in the server's hands.
_write = never_raises(_write_or_raise, None)

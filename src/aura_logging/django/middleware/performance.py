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

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from aura_logging import context, units
from aura_logging.client_address import TrustedProxies
from aura_logging.django import receivers, request_queries, security
from aura_logging.django.bodies import watch
from aura_logging.django.conf import declare, made_of_options, options
from aura_logging.django.late_fields import LateFields
from aura_logging.django.middleware.base import Middleware
from aura_logging.django.requests import ContextOptions, first_fields, trace_of
from aura_logging.django.security_events import never_raises
from aura_logging.django.threat_options import ThreatOptions
from aura_logging.django.view_code import ViewCode, view_code
from aura_logging.performance import outgoing, wide_record
from aura_logging.performance.outgoing import OutgoingLog
from aura_logging.performance.probe import CLIENT_LEFT, PerformanceOptions, RequestProbe
from aura_logging.performance.queries import QueryLog
from aura_logging.units import Unit

__all__ = ["PerformanceMonitoringMiddleware"]

log = logging.getLogger("aura.request")

OWN_URLS = "aura"
"""The `app_name` of `aura_logging.django.urls`: the dashboard, the probe and the scrape."""

declare("PERFORMANCE", PerformanceOptions)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the settings say of requests, in one piece."""

    context: ContextOptions
    header: str
    header_key: str
    performance: PerformanceOptions
    proxies: TrustedProxies
    knows_countries: bool
    inspects_bodies: bool
    times_everybody: bool
    times_staff: bool


def _chosen() -> _Chosen:
    of_context, threats, performance = options(ContextOptions), options(ThreatOptions), options(PerformanceOptions)
    audience = performance.server_timing
    return _Chosen(
        of_context,
        of_context.response_header,
        of_context.response_header.lower(),
        performance,
        TrustedProxies(of_context.trusted_proxies),
        knows_countries=bool(threats.geoip_database),
        inspects_bodies=threats.inspect_bodies,
        times_everybody=audience == "always" or (audience == "staff" and settings.DEBUG),
        times_staff=audience == "staff",
    )


class _Request:
    """One request under way: what measures it, and what its last lines are to say."""

    # On the class until they change, or set by whoever makes it: a call for that would cost every request.
    request: HttpRequest
    chosen: _Chosen
    unit: Unit
    later: LateFields
    bound: Mapping[str, Any]
    probe: RequestProbe | None = None
    queries: QueryLog | None = None
    outgoing: OutgoingLog | None = None


class _Resume:
    """Has what is logged at the very end carry the request's fields, wherever that is; receivers release them.

    It holds nothing of the request: whoever keeps a response does not keep that.
    """

    __slots__ = ("_bound", "_unit")

    def __init__(self, unit: Unit, bound: Mapping[str, Any]) -> None:
        self._unit = unit
        self._bound = bound

    def __call__(self) -> None:
        if units.current() is not self._unit:
            context.resume(self._bound, self._unit)

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        """Stay behind where the response is kept in a cache, which pickles it: there it answers others."""
        return _nothing_to_resume, ()


def _nothing_to_resume() -> Callable[[], None]:
    return _do_nothing


def _do_nothing() -> None:
    pass


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
        made_of_options(_chosen)
        receivers.connect()
        if self._is_async:
            receivers.expect_leftovers()
        security.connect()

    def begin(self, request: HttpRequest) -> _Request:
        """Bind the ids and what is known already; start measuring."""
        # The handler may be anybody's, or a receiver of `request_finished` may have failed in front of ours.
        if type(request) is not WSGIRequest or units.current() is not None:
            receivers.expect_leftovers()
        chosen = made_of_options(_chosen)
        trace = trace_of(request, chosen.context)
        fields = first_fields(request, trace, chosen.proxies, with_country=chosen.knows_countries)
        state = _Request()
        state.request = request
        state.chosen = chosen
        state.later = LateFields(request, fields)
        state.unit = context.start(fields, state.later, trace)
        performance = chosen.performance
        if performance.enabled:
            is_async = self._is_async
            state.queries = request_queries.begin(request, performance, is_async)
            state.outgoing = outgoing.begin()
            state.probe = request.__dict__[receivers.PROBE] = RequestProbe(
                performance.slow_request_seconds,
                # An event loop's thread serves many requests in turn: its processor time is nobody's own.
                cpu_clock=None if is_async else time.thread_time,
            )
        return state

    def finish(self, state: _Request, response: HttpResponseBase) -> HttpResponseBase:
        """Answer with the id; write the record now, or when a streaming body has ended."""
        request, chosen, probe = state.request, state.chosen, state.probe
        header = chosen.header
        if header:
            correlation_id = state.unit.trace.correlation_id
            try:
                # What `headers.setdefault` does, for a sixth of its price: header and id were checked when they came.
                response.headers._store.setdefault(chosen.header_key, (header, correlation_id))
            except AttributeError:  # headers of somebody's own
                if not response.has_header(header):
                    response[header] = correlation_id
        # With the route and the user, as far as they are known by now: the request may be gone when a body ends. Of a
        # response that is whole, no view and no middleware of the project comes any more.
        state.bound = context.current() if response.streaming else state.later.settle()
        # Django closes an ASGI response outside the task that made it: bodies end there, and `request_finished` comes.
        response._resource_closers.append(_Resume(state.unit, state.bound))  # type: ignore[attr-defined]  # what HttpResponseBase.close calls
        if chosen.inspects_bodies:
            security.keep_parsed_body(request, response)
        if probe is None:
            security.observe_request(request, state.bound.get("client_ip"))
            return response
        if chosen.times_everybody or (chosen.times_staff and request_queries.is_staff(request)):
            request_queries.add_server_timing(response, state.queries, probe)
        has_body = request.method != "HEAD"
        if isinstance(response, StreamingHttpResponse):
            # The body ends outside this call: in ASGI, even outside its context.
            here = contextvars.copy_context()
            write = functools.partial(_write, state, probe, response.status_code, view_code(request))
            watch(response, probe, functools.partial(here.run, write), has_body=has_body)
        else:
            if has_body:
                probe.response_bytes = _size(response)
            _write_or_raise(state, probe, response.status_code, view_code(request))
        return response

    def fail(self, state: _Request, error: BaseException) -> None:
        """Write the record of a request that no response came of."""
        # There is none to be closed, so Django sends no `request_finished`.
        receivers.expect_leftovers()
        probe = state.probe
        if probe is None:
            return
        state.bound = context.current()
        status_code = 500
        if isinstance(error, asyncio.CancelledError):
            probe.is_disconnected = True
            status_code = CLIENT_LEFT
        else:
            probe.failed(type(error))
        _write(state, probe, status_code, view_code(state.request))


def _size(response: HttpResponseBase) -> int | None:
    # A template response that a middleware has returned unrendered has no content yet, and asking is an error.
    if not getattr(response, "is_rendered", True):
        return None
    return len(getattr(response, "content", b""))


def _write_or_raise(state: _Request, probe: RequestProbe, status_code: int, view: ViewCode) -> None:
    request = state.request
    level, measured = probe.summary(status_code)
    seen = security.observe_request(request, state.bound.get("client_ip"))
    if not log.isEnabledFor(level):
        return
    if state.queries is not None:
        measured.update(request_queries.fields(state.queries, request, state.chosen.performance))
    if state.outgoing is not None:
        measured.update(state.outgoing.fields())
    match = request.resolver_match
    if match is not None and OWN_URLS in match.app_names:
        measured["own"] = True
    measured.update(seen)
    wide_record.write(log, level, "request finished", view, measured)


# A body that ends calls it, in the server's hands.
_write = never_raises(_write_or_raise, None)

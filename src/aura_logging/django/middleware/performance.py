"""Bind the request's context, measure the request, and write one wide record of it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from aura_logging import context, propagation
from aura_logging.client_address import TrustedProxies
from aura_logging.django import request_queries
from aura_logging.django.bodies import watch
from aura_logging.django.conf import declare, options
from aura_logging.django.middleware.base import Middleware
from aura_logging.django.requests import ContextOptions, FieldsLearntLater, first_fields, trace_of
from aura_logging.performance.memory import ResidentMemory
from aura_logging.performance.probe import CLIENT_LEFT, PerformanceOptions, RequestProbe
from aura_logging.performance.queries import QueryLog

__all__ = ["PerformanceMonitoringMiddleware"]

log = logging.getLogger("aura.request")

declare("PERFORMANCE", PerformanceOptions)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request under way."""

    correlation_id: str
    probe: RequestProbe | None
    queries: QueryLog | None
    request: HttpRequest


class PerformanceMonitoringMiddleware(Middleware[_Request]):
    """Put it first in `MIDDLEWARE`: what stands before it is neither measured nor has an id.

    It takes over the caller's ids or mints new ones, binds them and what is known of the request to every record
    logged until the request is over, answers with `X-Request-ID`, and writes one record on `aura.request` when the
    last byte has gone out: INFO, WARNING from status 400 or when slow, ERROR from 500. The client that leaves
    before it is answered gets status 499.

    `PERFORMANCE_MONITORING_ENABLED=false` leaves the ids and switches measuring and the record off.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self._context_options = options(ContextOptions)
        self._options = options(PerformanceOptions)
        self._proxies = TrustedProxies(self._context_options.trusted_proxies)
        self._resident_memory = ResidentMemory()

    def begin(self, request: HttpRequest) -> _Request:
        """Bind the ids and what is known already; start measuring."""
        trace = trace_of(request, self._context_options)
        propagation.start(trace)
        context.start(first_fields(request, trace, self._proxies))
        context.defer(FieldsLearntLater(request))
        probe, queries = None, None
        if self._options.enabled:
            queries = request_queries.begin(request, self._options)
            probe = RequestProbe(
                self._options.slow_request_seconds,
                # An event loop's thread serves many requests in turn: its processor time is nobody's own.
                cpu_clock=None if self._is_async else time.thread_time,
                memory=self._resident_memory,
            )
        return _Request(trace.correlation_id, probe, queries, request)

    def finish(self, state: _Request, response: HttpResponseBase) -> HttpResponseBase:
        """Answer with the id; write the record now, or when a streaming body has ended."""
        header = self._context_options.response_header
        if header and not response.has_header(header):
            response[header] = state.correlation_id
        probe = state.probe
        if probe is None:
            return response
        request_queries.add_server_timing(
            response, state.request, state.queries, probe.elapsed(), self._options.server_timing
        )
        if isinstance(response, StreamingHttpResponse):
            # The body ends outside this call: in ASGI, even outside its context.
            here = contextvars.copy_context()
            watch(response, probe, functools.partial(here.run, self._write, state, probe, response.status_code))
        else:
            probe.response_bytes = len(getattr(response, "content", b""))
            self._write(state, probe, response.status_code)
        return response

    def fail(self, state: _Request, error: BaseException) -> None:
        """Write the record of a request that no response came of."""
        probe = state.probe
        if probe is None:
            return
        if isinstance(error, asyncio.CancelledError):
            probe.is_disconnected = True
            self._write(state, probe, CLIENT_LEFT)
        else:
            probe.exception_type = type(error).__name__
            self._write(state, probe, 500)

    def _write(self, state: _Request, probe: RequestProbe, status_code: int) -> None:
        summary = probe.summary(status_code)
        measured = summary.fields() | request_queries.fields(state.queries, self._options)
        log.log(summary.level, "request finished", extra=measured)

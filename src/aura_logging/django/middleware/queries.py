"""Count the queries of the request that passes, closest to the view."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from aura_logging.django.conf import declare, options
from aura_logging.django.middleware.base import Middleware
from aura_logging.django.request_queries import LOG, begin, fields, track
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.performance.queries import QueryLog, current

__all__ = ["DatabaseQueryTrackingMiddleware"]

log = logging.getLogger("aura.queries")

declare("PERFORMANCE", PerformanceOptions)


_Passage = tuple[HttpRequest, QueryLog | None, bool, float]
"""A request on its way to the view and back: its queries, whether they are for us to tell, and since when."""


class DatabaseQueryTrackingMiddleware(Middleware[_Passage]):
    """Put it last in `MIDDLEWARE`: the time between it and the view is the view's.

    With `PerformanceMonitoringMiddleware` the request's one record gets the fields of its queries, those of other
    middlewares included. Without it, this one writes a record of its own on `aura.queries`.

    `PERFORMANCE_MONITORING_ENABLED=false` takes it out of the chain.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._options = options(PerformanceOptions)
        if not self._options.enabled:
            raise MiddlewareNotUsed
        super().__init__(get_response)
        track(self._options)
        if self._is_async:
            # Django would hand a plain method to a thread.
            self.process_template_response = self._note_rendering_async  # type: ignore[method-assign]  # as Django adapts methods

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        queries: QueryLog | None = request.__dict__.get(LOG)
        if queries is None or self._is_async or current.get() is not queries:
            return super().__call__(request)
        # The other middleware has begun and will end it: this is what `begin` and `_end` come to.
        began = time.perf_counter()
        try:
            response: HttpResponseBase = self.get_response(request)
        finally:
            queries.view_seconds = time.perf_counter() - began
        return response

    def begin(self, request: HttpRequest) -> _Passage:
        """Take the request's log, or begin it."""
        before = current.get()
        queries = begin(request, self._options, self._is_async)
        return request, queries, queries is not before, time.perf_counter()

    def finish(self, state: _Passage, response: HttpResponseBase) -> HttpResponseBase:
        """Note the view's time; write the record, when nobody else will."""
        self._end(state)
        return response

    def fail(self, state: _Passage, error: BaseException) -> None:
        """Do the same for a request that no response came of."""
        self._end(state)

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """Time how long a `TemplateResponse` takes to render; for `render()` see our template backend."""
        queries = current.get()
        # Django renders whatever has a `render`, whether or not it takes callbacks.
        if queries is not None and hasattr(response, "add_post_render_callback"):
            before = queries.template_seconds
            began = time.perf_counter()

            def rendered(_response: Any) -> None:
                # Not added: our template backend may have added it already.
                queries.template_seconds = before + time.perf_counter() - began

            response.add_post_render_callback(rendered)
        return response

    async def _note_rendering_async(self, request: HttpRequest, response: Any) -> Any:
        return DatabaseQueryTrackingMiddleware.process_template_response(self, request, response)

    def _end(self, state: _Passage) -> None:
        request, queries, is_ours, began = state
        if queries is None:
            return
        queries.view_seconds = time.perf_counter() - began
        if is_ours:
            found = fields(queries, request, self._options)
            is_wrong = any(name in found for name in ("n_plus_one", "over_budget", "slow_queries"))
            log.log(logging.WARNING if is_wrong else logging.INFO, "request queried", extra=found)

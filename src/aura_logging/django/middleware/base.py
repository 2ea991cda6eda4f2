"""Let one middleware class serve sync and async projects with one `begin` and one `finish`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from aura_logging.django.security_events import failed_to_watch

__all__ = ["Middleware"]

State = TypeVar("State")


class Middleware(Generic[State]):
    """Calls `begin` before the rest of the project and `finish`, or `fail`, after it.

    An error in one of the three is counted in health and kept from the request, which is served all the same.

    Whether it is sync or async is decided once, by what it wraps. What a request needs is in the state that
    `begin` returns, never in the middleware, which serves many requests at once.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        if self._is_async:
            return self._call_async(request)
        try:
            state = self.begin(request)
        except Exception as error:  # noqa: BLE001  # no request fails for being watched
            failed_to_watch(error)
            unwatched: HttpResponseBase = self.get_response(request)
            return unwatched
        try:
            response: HttpResponseBase = self.get_response(request)
        except BaseException as error:
            self._fail_or_count(state, error)
            raise
        try:
            return self.finish(state, response)
        except Exception as error:  # noqa: BLE001  # as above
            failed_to_watch(error)
            return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            state = self.begin(request)
        except Exception as error:  # noqa: BLE001  # as above
            failed_to_watch(error)
            unwatched: HttpResponseBase = await self.get_response(request)
            return unwatched
        try:
            response: HttpResponseBase = await self.get_response(request)
        except BaseException as error:
            self._fail_or_count(state, error)
            raise
        try:
            return self.finish(state, response)
        except Exception as error:  # noqa: BLE001  # as above
            failed_to_watch(error)
            return response

    def _fail_or_count(self, state: State, error: BaseException) -> None:
        try:
            self.fail(state, error)
        except Exception as ours:  # noqa: BLE001  # as above
            failed_to_watch(ours)

    def begin(self, request: HttpRequest) -> State:
        """Look at a request that has come; must not wait."""
        raise NotImplementedError  # the subclass's half: Django makes no instance of this class

    def finish(self, state: State, response: HttpResponseBase) -> HttpResponseBase:
        """Look at its response; must not wait."""
        raise NotImplementedError  # as above

    def fail(self, state: State, error: BaseException) -> None:
        """Look at what came instead of a response: a cancelled task, or a server that is going down."""

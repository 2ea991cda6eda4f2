"""Let one middleware class serve sync and async projects with one `begin` and one `finish`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

__all__ = ["Middleware"]

State = TypeVar("State")


class Middleware(Generic[State]):
    """Calls `begin` before the rest of the project and `finish`, or `fail`, after it.

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
        state = self.begin(request)
        try:
            response: HttpResponseBase = self.get_response(request)
        except BaseException as error:
            self.fail(state, error)
            raise
        return self.finish(state, response)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        state = self.begin(request)
        try:
            response: HttpResponseBase = await self.get_response(request)
        except BaseException as error:
            self.fail(state, error)
            raise
        return self.finish(state, response)

    def begin(self, request: HttpRequest) -> State:
        """Look at a request that has come; must not wait."""
        raise NotImplementedError  # the subclass's half: Django makes no instance of this class

    def finish(self, state: State, response: HttpResponseBase) -> HttpResponseBase:
        """Look at its response; must not wait."""
        raise NotImplementedError  # as above

    def fail(self, state: State, error: BaseException) -> None:
        """Look at what came instead of a response: a cancelled task, or a server that is going down."""

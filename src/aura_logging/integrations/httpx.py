"""Count and time the calls of an `httpx` client, through a transport around its own."""

from __future__ import annotations

from types import TracebackType

import httpx

from aura_logging.performance.outgoing import TimedCall, observed_by

__all__ = ["AsyncCountedTransport", "CountedTransport"]


class CountedTransport(httpx.BaseTransport):
    """Counts a client's calls in the record of the request or task that makes them.

        client = httpx.Client(transport=CountedTransport())

    `transport` is the one to count, by default a new `HTTPTransport()`. Each attempt counts, redirects and failures
    included, from its start to the head of its answer. httpx's event hooks would not do: they are not called for a call
    that fails. It is httpx's rule that a client with a transport takes no proxy from the environment, and that
    `verify`, `http2` and `limits` are the transport's: `CountedTransport(httpx.HTTPTransport(http2=True))`.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        observed_by("httpx")
        self._transport = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request on."""
        with TimedCall(request.url.host) as call:
            response = self._transport.handle_request(request)
            call.status = response.status_code
        return response

    def __enter__(self) -> CountedTransport:
        self._transport.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._transport.__exit__(exc_type, exc_value, traceback)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()


class AsyncCountedTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`: `httpx.AsyncClient(transport=AsyncCountedTransport())`."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        observed_by("httpx")
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request on."""
        with TimedCall(request.url.host) as call:
            response = await self._transport.handle_async_request(request)
            call.status = response.status_code
        return response

    async def __aenter__(self) -> AsyncCountedTransport:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(exc_type, exc_value, traceback)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

"""Watch a streaming body go out, and tell once how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.http import FileResponse, StreamingHttpResponse

from aura_logging.performance.probe import RequestProbe

__all__ = ["watch"]


def watch(
    response: StreamingHttpResponse, probe: RequestProbe, ended: Callable[[], None], *, has_body: bool = True
) -> None:
    """Have the probe see each part of the body, and `ended` called once: when the server closes the response.

    An error of the body is noted, ends it, and goes on to the server. A body that is closed before its end was meant
    for a client that has left; one that nobody closes ends when it is thrown away. `has_body` is false where none is
    sent whatever the view made (`HEAD`).

    A file that the server may send by itself (`wsgi.file_wrapper`) stays that way: its size is what
    `Content-Length` says, and whether it arrived is not known.
    """
    if isinstance(response, FileResponse) and response.file_to_stream is not None:
        if has_body:
            probe.response_bytes = _content_length(response)
        response._resource_closers.append(ended)  # type: ignore[attr-defined]  # what HttpResponseBase.close calls
        return
    kind = _AsyncBody if response.is_async else _Body
    response.streaming_content = kind(response.streaming_content, probe, ended, has_body=has_body)


def _content_length(response: StreamingHttpResponse) -> int | None:
    length = str(response.get("Content-Length", ""))
    return int(length) if length.isascii() and length.isdigit() else None


class _Watched:
    """What both kinds of body share: counting parts, and how it ended."""

    def __init__(self, parts: Any, probe: RequestProbe, ended: Callable[[], None], *, has_body: bool) -> None:
        self._ended: Callable[[], None] | None = ended
        self._parts = parts
        self._probe = probe
        self._has_body = has_body
        # Nothing more is to come: the parts ran out, or making one failed.
        self._is_over = not has_body

    def _saw(self, part: bytes) -> bytes:
        if self._has_body:
            self._probe.sent(len(part))
        return part

    def _broke(self, error: Exception) -> None:
        self._is_over = True
        self._probe.failed(type(error))
        # Not left to the server: Django's ASGI handler does not close a response whose body has failed.
        self.close()

    def close(self) -> None:
        """Tell how the body ended; Django calls this when the server closes the response."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        # Django's parts hold on to their response, and it to us; and an async generator is told of its end only by
        # being let go, which is now, while the request's fields are bound.
        self._parts = self._nothing()
        if not self._is_over:
            self._probe.is_disconnected = True
        ended()

    def _nothing(self) -> Any:
        raise NotImplementedError  # an empty body of the subclass's kind, sync or async

    def __del__(self) -> None:
        # Django drops a response made on another thread when the client has left meanwhile, and closes it never.
        self.close()


class _Body(_Watched):
    def _nothing(self) -> Iterator[bytes]:
        return iter(())

    def __iter__(self) -> Iterator[bytes]:
        self._parts = iter(self._parts)
        return self

    def __next__(self) -> bytes:
        try:
            return self._saw(next(self._parts))
        except StopIteration:
            self._is_over = True
            raise
        except Exception as error:
            self._broke(error)
            raise


class _AsyncBody(_Watched):
    async def _nothing(self) -> AsyncIterator[bytes]:
        return
        yield

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._parts = aiter(self._parts)
        return self

    async def __anext__(self) -> bytes:
        try:
            return self._saw(await anext(self._parts))
        except StopAsyncIteration:
            self._is_over = True
            raise
        except Exception as error:
            self._broke(error)
            raise

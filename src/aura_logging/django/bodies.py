"""Watch a streaming body go out, and tell when it has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.http import FileResponse, StreamingHttpResponse

from aura_logging.performance.probe import RequestProbe

__all__ = ["watch"]


def watch(response: StreamingHttpResponse, probe: RequestProbe, ended: Callable[[], None]) -> None:
    """Have the probe see each part of the body, and `ended` called once when the response is closed.

    An error of the body is noted and goes on to the server. A file that the server may send by itself
    (`wsgi.file_wrapper`) stays that way; its size is in `Content-Length`.
    """
    if isinstance(response, FileResponse) and getattr(response, "file_to_stream", None) is not None:
        probe.response_bytes = int(response.get("Content-Length") or 0) or None
        response._resource_closers.append(ended)  # type: ignore[attr-defined]  # what HttpResponseBase.close calls
    elif response.is_async:
        response.streaming_content = _AsyncBody(response.streaming_content, probe, ended)
    else:
        response.streaming_content = _Body(response.streaming_content, probe, ended)


class _Ending:
    """What both kinds of body share: how it ended, told once, when Django closes the response."""

    def __init__(self, parts: Any, probe: RequestProbe, ended: Callable[[], None]) -> None:
        self._parts = parts
        self._probe = probe
        self._ended: Callable[[], None] | None = ended
        self._has_begun = False
        self._is_whole = False

    def _saw(self, part: bytes) -> bytes:
        self._has_begun = True
        self._probe.sent(len(part))
        return part

    def _broke(self, error: BaseException) -> None:
        self._is_whole = True
        self._probe.exception_type = type(error).__name__

    def close(self) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        if self._has_begun and not self._is_whole:
            self._probe.is_disconnected = True
        ended()


class _Body(_Ending):
    def __iter__(self) -> Iterator[bytes]:
        self._parts = iter(self._parts)
        return self

    def __next__(self) -> bytes:
        try:
            return self._saw(next(self._parts))
        except StopIteration:
            self._is_whole = True
            raise
        except Exception as error:
            self._broke(error)
            raise


class _AsyncBody(_Ending):
    def __aiter__(self) -> AsyncIterator[bytes]:
        self._parts = aiter(self._parts)
        return self

    async def __anext__(self) -> bytes:
        try:
            return self._saw(await anext(self._parts))
        except StopAsyncIteration:
            self._is_whole = True
            raise
        except Exception as error:
            self._broke(error)
            raise

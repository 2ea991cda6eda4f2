"""Write lines to a pipe or a device, where there is nothing to rotate and no way to take bytes back."""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Iterator, Sequence

from aura_logging.resilience.clock import Clock

__all__ = ["OutputStream"]

_NEWLINE = ord("\n")


class OutputStream:
    """An open pipe, terminal or device.

    Lines travel in writes of at most `PIPE_BUF` bytes, which a pipe takes whole: the lines of several processes do
    not mix. Only a line that is longer than that may be broken into by another process.
    """

    def __init__(
        self, fd: int, max_wait_seconds: float, *, is_torn: bool = False, monotonic: Clock = time.monotonic
    ) -> None:
        self._fd = fd
        self._max_wait_seconds = max_wait_seconds
        self._monotonic = monotonic
        self._ready = select.poll()
        self._ready.register(fd, select.POLLOUT)
        self.is_torn = is_torn
        """Whether the last write ended inside a line; the next begins with a newline."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Write the lines in order; raises `TimeoutError` when a reader lets the pipe stay full for too long.

        After an error the reader may have got any part of them.
        """
        for chunk in _whole_line_chunks([b"\n", *lines] if self.is_torn else lines):
            deadline = self._monotonic() + self._max_wait_seconds
            rest = memoryview(chunk)
            while rest:
                self._wait_until_ready(deadline)
                try:
                    # A pipe that is ready has room for PIPE_BUF, so this does not block even on a blocking one.
                    written = os.write(self._fd, rest[: select.PIPE_BUF])
                except BlockingIOError:  # another process filled it between the question and the write
                    continue
                self.is_torn = rest[written - 1] != _NEWLINE
                rest = rest[written:]

    def _wait_until_ready(self, deadline: float) -> None:
        remaining_ms = max(0.0, deadline - self._monotonic()) * 1000
        if not self._ready.poll(remaining_ms):
            raise TimeoutError(errno.ETIMEDOUT, f"the reader took nothing for {self._max_wait_seconds} s")


def _whole_line_chunks(lines: Sequence[bytes]) -> Iterator[bytes]:
    chunk: list[bytes] = []
    chunk_bytes = 0
    for line in lines:
        if chunk and chunk_bytes + len(line) > select.PIPE_BUF:
            yield b"".join(chunk)
            chunk, chunk_bytes = [], 0
        chunk.append(line)
        chunk_bytes += len(line)
    if chunk:
        yield b"".join(chunk)

"""Name what a destination must offer so that whole batches of encoded lines can be written to it at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from aura_logging.resilience.batches import Line

__all__ = ["LineSink"]


@runtime_checkable
class LineSink(Protocol):
    """A handler that can take encoded lines.

    `line` runs on the thread that logs, so that the record is turned into bytes while its arguments are what
    they were; `write_lines` runs on a worker and may block; on several at once only under an
    `AsyncBufferedHandler` with more than one.
    """

    def line(self, record: logging.LogRecord) -> bytes:
        """Return the record's whole output, newline included; never raises."""
        ...

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        """Write the lines in order, or raise `OSError`.

        An item may be a block of several whole lines; then `count` says how many there are altogether. After an
        error any prefix of them may have been written; a caller that tries again may repeat those.
        """
        ...

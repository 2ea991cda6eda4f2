"""Look at what a piece of code logged, as the lines it would have become."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aura_logging import encoding
from aura_logging.filters.context import RequestContextFilter

__all__ = ["CapturedRecords", "capture"]


class CapturedRecords(list[logging.LogRecord]):
    """The records in the order in which they were logged."""

    @property
    def messages(self) -> list[str]:
        """The messages, their arguments filled in."""
        return [encoding.message_of(record) for record in self]

    @property
    def fields(self) -> list[dict[str, Any]]:
        """What a JSON handler would have written, as dicts."""
        return [json.loads(encoding.encode(record)) for record in self]


@contextmanager
def capture(logger: str | logging.Logger | None = None, level: int | str = logging.DEBUG) -> Iterator[CapturedRecords]:
    """Collect what is logged in the block on `logger` (by default the root logger, so all that propagates to it).

    >>> with capture("shop") as records:
    ...     logging.getLogger("shop.orders").info("order %s placed", 7, extra={"order_id": 7})
    >>> records.messages
    ['order 7 placed']
    >>> records.fields[0]["order_id"]
    7

    Bound context is on the records. The logger's level is `level` in the block, and what it was afterwards; what it
    wrote to other handlers it writes to them still.
    """
    source = logger if isinstance(logger, logging.Logger) else logging.getLogger(logger)
    captured = CapturedRecords()
    handler = _Collector(captured)
    before = source.level
    source.addHandler(handler)
    source.setLevel(level)
    try:
        yield captured
    finally:
        source.setLevel(before)
        source.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self, captured: CapturedRecords) -> None:
        super().__init__()
        self._captured = captured
        self.addFilter(RequestContextFilter(host_metrics=False))

    def emit(self, record: logging.LogRecord) -> None:
        self._captured.append(record)

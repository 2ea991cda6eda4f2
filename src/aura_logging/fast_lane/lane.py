"""Know what a logger's records of one level would pass on their way, and whether all of it is ours."""

from __future__ import annotations

import logging
from typing import Any

from aura_logging.filters import RequestContextFilter, SecurityFilter
from aura_logging.handlers import AsyncBufferedHandler

__all__ = ["LOGGING_FILE", "Lane"]

LOGGING_FILE = logging.addLevelName.__code__.co_filename
"""What tells a frame of `logging`'s own, there as here."""


def _genuine(owner: type, name: str) -> Any:
    """Return a function of `logging`'s own; what somebody had patched before we came is found nowhere ever after."""
    function = getattr(owner, name)
    code = getattr(function, "__code__", None)
    return function if getattr(code, "co_filename", None) == LOGGING_FILE else object()


# All that a call goes through and that others are known to patch.
_LOG = _genuine(logging.Logger, "_log")
_FIND_CALLER = _genuine(logging.Logger, "findCaller")
_MAKE_RECORD = _genuine(logging.Logger, "makeRecord")
_HANDLE = _genuine(logging.Logger, "handle")
_FILTER = _genuine(logging.Logger, "filter")
_CALL_HANDLERS = _genuine(logging.Logger, "callHandlers")
_INIT_RECORD = _genuine(logging.LogRecord, "__init__")
_STEPS = frozenset(("_log", "findCaller", "makeRecord", "handle", "filter", "callHandlers"))

# What is ours, people patch in tests.
_OUR_HANDLE = AsyncBufferedHandler.handle
_OUR_EMIT = AsyncBufferedHandler.emit
_OUR_CONTEXT = RequestContextFilter.filter
_OUR_SECURITY = SecurityFilter.filter
_HANDLER_STEPS = frozenset(("handle", "emit", "emit_line", "filter"))
_OUR_FILTERS = ([RequestContextFilter], [RequestContextFilter, SecurityFilter])


class Lane:
    """A snapshot of the handlers and filters between a logger and our file, taken when it was made.

    It `is_open` if nobody but us would see a record; and it may be used for as long as it `holds`. `handler`, `context`
    and `security` are there if it is open.
    """

    __slots__ = (
        "_attributes", "_chain", "_filters", "_formatter", "_handler_attributes", "_others", "_writer", "calls",
        "context", "handler", "is_open", "level", "level_name", "security",
    )  # fmt: skip

    def __init__(self, logger: logging.Logger, level: int) -> None:
        self.calls = 0
        self.level = level
        self.level_name = logging.getLevelName(level)
        self._attributes = len(logger.__dict__)
        self._chain = _chain_of(logger)
        reached = [handler for handlers, _ in self._chain for handler in handlers]
        # In most LOGGING dicts: a console for warnings, mail for what is critical.
        self._others = tuple(handler for handler in reached if handler.level > level)
        takers = [handler for handler in reached if handler.level <= level and type(handler) is not logging.NullHandler]
        self.is_open = _STEPS.isdisjoint(logger.__dict__) and len(takers) == 1 and self._leads_to(takers[0])

    def _leads_to(self, handler: logging.Handler) -> bool:
        """Take note of the one handler there is; false if it is not ours, or has work for others."""
        # Not isinstance: a subclass may do anything.
        if type(handler) is not AsyncBufferedHandler or not _HANDLER_STEPS.isdisjoint(handler.__dict__):
            return False
        writer = handler.plain_json_writer()
        if writer is None or [type(each) for each in handler.filters] not in _OUR_FILTERS:
            return False
        self.handler = handler
        self._filters: list[Any] = list(handler.filters)
        self.context: RequestContextFilter = self._filters[0]
        self.security: SecurityFilter | None = self._filters[1] if len(self._filters) > 1 else None
        self._handler_attributes = len(handler.__dict__)
        self._writer = writer
        self._formatter = writer.formatter
        return True

    def holds(self, logger: Any) -> bool:
        """Tell whether the way is as it was when this was made. The hot path: one comparison after the other."""
        level = self.level
        current = logger
        propagates: object = True
        for handlers, propagates in self._chain:
            if current.handlers != handlers or current.propagate is not propagates:
                return False
            current = current.parent
        if propagates and current is not None:
            return False
        for other in self._others:
            if other.level <= level:
                return False
        kind = type(logger)
        handler = self.handler
        return (
            not logger.disabled
            and not logger.filters
            and handler.level <= level
            and handler.filters == self._filters
            and len(handler.__dict__) == self._handler_attributes
            and AsyncBufferedHandler.handle is _OUR_HANDLE
            and AsyncBufferedHandler.emit is _OUR_EMIT
            and RequestContextFilter.filter is _OUR_CONTEXT
            and SecurityFilter.filter is _OUR_SECURITY
            and self._writer.formatter is self._formatter
            and len(logger.__dict__) == self._attributes
            and kind.callHandlers is _CALL_HANDLERS
            and kind.handle is _HANDLE
            and kind.filter is _FILTER
            and kind.makeRecord is _MAKE_RECORD
            and kind.findCaller is _FIND_CALLER
            and logging.Logger._log is _LOG
            and logging.LogRecord.__init__ is _INIT_RECORD
            and logging.getLogRecordFactory() is logging.LogRecord
            and logging.getLevelName(level) == self.level_name
            and logging.logThreads
            and logging.logProcesses
            and logging._srcfile is not None  # set to None, it switches callers off
        )


def _chain_of(logger: logging.Logger) -> tuple[tuple[list[logging.Handler], bool], ...]:
    """Return the handlers of a logger and of those it propagates to, as `callHandlers` finds them."""
    chain = []
    current: logging.Logger | None = logger
    while current is not None:
        chain.append((list(current.handlers), current.propagate))
        current = current.parent if current.propagate else None
    return tuple(chain)

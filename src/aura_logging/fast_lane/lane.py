"""Know what a logger's records of one level would pass on their way, and whether all of it is ours."""

from __future__ import annotations

import logging
from typing import Any

from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.handlers import AsyncBufferedHandler, MetricsHandler
from aura_logging.metrics.extraction import is_one_of_many

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
_OUR_COUNTING_HANDLE = MetricsHandler.handle
_OUR_COUNTING = MetricsHandler.emit
_OUR_FILTERING = logging.Handler.filter
_OUR_CONTEXT = RequestContextFilter.filter
_OUR_SAMPLING = SamplingFilter.filter
_OUR_SECURITY = SecurityFilter.filter
_HANDLER_STEPS = frozenset(("handle", "emit", "emit_line", "count_line", "filter"))

# In this order, and of each what there is: what is left out need not be scanned, what is added must be.
_WRITERS_FILTERS = (RequestContextFilter, SamplingFilter, SecurityFilter)
_COUNTERS_FILTERS = (RequestContextFilter, SecurityFilter)


class Lane:
    """A snapshot of the handlers and filters between a logger and our file, taken when it was made.

    It `is_open` if nobody but us would see a record; and it may be used for as long as it `holds`. If it is open,
    `handler` writes, with `context`, `sampling` and `security` in front of it, and `counter` counts with `threats` in
    front of it; all but the first two may be `None`.
    """

    __slots__ = (
        "_attributes", "_attributes_of_ours", "_chain", "_counters_filters", "_formatter", "_of_ours", "_others",
        "_writer", "_writers_filters", "calls", "context", "counter", "handler", "is_open", "level", "level_name",
        "logger_name", "sampling", "security", "threats",
    )  # fmt: skip

    def __init__(self, logger: logging.Logger, level: int) -> None:
        self.calls = 0
        self.level = level
        self.level_name = logging.getLevelName(level)
        self.logger_name = logger.name
        self._attributes = len(logger.__dict__)
        self._chain = _chain_of(logger)
        reached = [handler for handlers, _ in self._chain for handler in handlers]
        # In most LOGGING dicts: a console for warnings, mail for what is critical.
        self._others = tuple(handler for handler in reached if handler.level > level)
        takers = [handler for handler in reached if handler.level <= level and type(handler) is not logging.NullHandler]
        # Not isinstance: a subclass may do anything.
        counters = [handler for handler in takers if type(handler) is MetricsHandler]
        writers = [handler for handler in takers if type(handler) is AsyncBufferedHandler]
        self.is_open = (
            _STEPS.isdisjoint(logger.__dict__)
            and len(writers) == 1
            and len(counters) <= 1
            and len(writers) + len(counters) == len(takers)
            and self._leads_to(writers[0])
            and self._counts_with(counters[0] if counters else None)
        )
        if self.is_open:
            ours = (self.handler, self.counter, self.context, self.sampling, self.security, self.threats)
            self._of_ours = [each.__dict__ for each in ours if each is not None]
            self._attributes_of_ours = [*map(len, self._of_ours)]
            self.is_open = all(map(_HANDLER_STEPS.isdisjoint, self._of_ours))

    def _leads_to(self, handler: AsyncBufferedHandler) -> bool:
        """Take note of the handler that writes; false if it has work for others."""
        writer = handler.plain_json_writer()
        found = _found(handler, _WRITERS_FILTERS)
        if writer is None or found is None or found[0] is None:
            return False
        self.handler = handler
        self._writers_filters = list(handler.filters)
        self.context: RequestContextFilter = found[0]
        self.sampling: SamplingFilter | None = found[1]
        self.security: SecurityFilter | None = found[2]
        self._writer = writer
        self._formatter = writer.formatter
        return True

    def _counts_with(self, counter: MetricsHandler | None) -> bool:
        """Take note of the handler that counts, if there is one; false if it would look at more than the name."""
        self.counter = counter
        self.threats: SecurityFilter | None = None
        self._counters_filters: list[Any] = []
        if counter is None:
            return True
        found = _found(counter, _COUNTERS_FILTERS)
        if found is None or not is_one_of_many(self.logger_name, self.level):
            return False
        context, threats = found
        self.threats = threats
        self._counters_filters = list(counter.filters)
        return context in (None, self.context) and (threats is None or not threats.scrubs)

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
        counter = self.counter
        if counter is not None and not (
            counter.level <= level
            and counter.filters == self._counters_filters
            and logger.name == self.logger_name
            and MetricsHandler.handle is _OUR_COUNTING_HANDLE
            and MetricsHandler.emit is _OUR_COUNTING
            and logging.Handler.filter is _OUR_FILTERING
        ):
            return False
        kind = type(logger)
        handler = self.handler
        return (
            [*map(len, self._of_ours)] == self._attributes_of_ours
            and not logger.disabled
            and not logger.filters
            and handler.level <= level
            and handler.filters == self._writers_filters
            and AsyncBufferedHandler.handle is _OUR_HANDLE
            and AsyncBufferedHandler.emit is _OUR_EMIT
            and RequestContextFilter.filter is _OUR_CONTEXT
            and SamplingFilter.filter is _OUR_SAMPLING
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


def _found(handler: logging.Handler, kinds: tuple[type, ...]) -> list[Any] | None:
    """Return a handler's filters by kind, `None` for what it lacks; `None` if there are others or in another order."""
    left: list[Any] = list(handler.filters)
    found = [left.pop(0) if left and type(left[0]) is kind else None for kind in kinds]
    return None if left else found


def _chain_of(logger: logging.Logger) -> tuple[tuple[list[logging.Handler], bool], ...]:
    """Return the handlers of a logger and of those it propagates to, as `callHandlers` finds them."""
    chain = []
    current: logging.Logger | None = logger
    while current is not None:
        chain.append((list(current.handlers), current.propagate))
        current = current.parent if current.propagate else None
    return tuple(chain)

"""Know what a logger's records of one level would pass on their way, and whether all of it is ours."""

from __future__ import annotations

import logging
from typing import Any

from aura_logging.fast_lane.delivered import HANDS_ON, LOGGING_STEPS, MAKES_RECORDS, hands_on, makes_records
from aura_logging.fast_lane.writers import Writer, writer_for
from aura_logging.filters import RequestContextFilter, SamplingFilter, SecurityFilter
from aura_logging.handlers import MetricsHandler
from aura_logging.metrics.extraction import is_one_of_many

__all__ = ["Lane"]

# What is ours, people patch in tests.
_OUR_COUNTING_HANDLE = MetricsHandler.handle
_OUR_COUNTING = MetricsHandler.emit
_HANDLER_FILTER = logging.Handler.filter
_OUR_FILTERING: dict[type[Any], Any] = {
    kind: kind.filter for kind in (RequestContextFilter, SamplingFilter, SecurityFilter)
}

_STEPS = frozenset(
    (
        "handle", "emit", "emit_line", "count_line", "count_fields", "filter", "format", "encode", "line_encoder",
        "flush", "acquire", "release", "handleError", "terminator",
    ),
)  # fmt: skip
"""What a handler, a filter or a formatter may have got of its own, so that its class no longer tells what it does."""

# In this order, and of each what there is: what is left out need not be scanned, what is added must be.
_WRITERS_FILTERS = (RequestContextFilter, SamplingFilter, SecurityFilter)
_COUNTERS_FILTERS = (RequestContextFilter, SecurityFilter)


class Lane:
    """A snapshot of the handlers and filters between a logger and our file, taken when it was made.

    It `is_open` if nobody but us would see a record; and it may be used for as long as it `holds`. If it is open,
    `handler` writes by `emit_line`, with `context`, `sampling` and `security` in front of it, and `counter` counts with
    `threats` in front of it; all but the first three may be `None`. `watcher` is one of the filters that look for
    threats, if any does.

    A lane is for ordinary calls, or `is_wide`: for records that bring the fields of a whole piece of work, of which
    all may be counted.
    """

    __slots__ = (
        "_attributes", "_chain", "_counters_filters", "_filtering", "_formatted_by", "_formatter", "_others",
        "_sizes", "_writer", "_writers_filters", "calls", "context", "counter", "counts_context",
        "emit_line", "handler", "is_open", "level", "level_name", "logger_name", "sampling", "security", "threats",
        "watcher",
    )  # fmt: skip

    def __init__(self, logger: logging.Logger, level: int, *, is_wide: bool = False) -> None:
        self.calls = 0
        self.level = level
        self.level_name = logging.getLevelName(level)
        self.logger_name = logger.name
        chain = _chain_of(logger)
        reached = [handler for each in chain for handler in each.handlers]
        # In most LOGGING dicts: a console for warnings, mail for what is critical.
        self._others = tuple(handler for handler in reached if handler.level > level)
        takers = [handler for handler in reached if handler.level <= level and type(handler) is not logging.NullHandler]
        # Not isinstance: a subclass may do anything.
        counters = [handler for handler in takers if type(handler) is MetricsHandler]
        writers = [(handler, writer) for handler in takers if (writer := writer_for(handler)) is not None]
        self.is_open = (
            LOGGING_STEPS.isdisjoint(logger.__dict__)
            and not logger.filters
            and not logger.disabled
            and len(writers) == 1
            and len(counters) <= 1
            and len(writers) + len(counters) == len(takers)
            and self._leads_to(*writers[0])
            and self._counts_with(counters[0] if counters else None, is_wide=is_wide)
        )
        if self.is_open:
            # A record carries the context from the first filter on that adds it.
            self.counts_context = takers[0] is self.handler or RequestContextFilter in map(type, self._counters_filters)
            # A patch of `logging` stays, mostly; to take a snapshot at each call would cost more than the call.
            self.is_open = self._takes_note_of_attributes(chain) and self.holds(logger)

    def _leads_to(self, handler: logging.Handler, writer: Writer) -> bool:
        """Take note of the handler that writes; false if it has work for others."""
        formatted_by = writer.formatted_by(handler)
        found = _found(handler, _WRITERS_FILTERS)
        if formatted_by is None or found is None or found[0] is None:
            return False
        self.handler = handler
        self.emit_line = writer.emit_line
        self._writer = writer
        self._writers_filters = list(handler.filters)
        self.context: RequestContextFilter = found[0]
        self.sampling: SamplingFilter | None = found[1]
        self.security: SecurityFilter | None = found[2]
        self._formatted_by = formatted_by
        self._formatter = formatted_by.formatter
        return True

    def _counts_with(self, counter: MetricsHandler | None, *, is_wide: bool) -> bool:
        """Take note of the handler that counts, if there is one; false if it would look at more than it is told."""
        self.counter = counter
        self.threats: SecurityFilter | None = None
        self._counters_filters: list[Any] = []
        context = None
        if counter is not None:
            found = _found(counter, _COUNTERS_FILTERS)
            if found is None or not (is_wide or is_one_of_many(self.logger_name, self.level)):
                return False
            context, self.threats = found
            self._counters_filters = list(counter.filters)
        threats, security = self.threats, self.security
        self.watcher = next((each for each in (threats, security) if each is not None and each.detects), None)
        return context in (None, self.context) and (threats is None or not threats.scrubs)

    def _takes_note_of_attributes(self, chain: list[logging.Logger]) -> bool:
        """Take note of what all have of their own; false if that is how those work that are ours."""
        ours = (
            self.handler, self._formatter, self.counter, self.context, self.sampling, self.security, self.threats,
        )  # fmt: skip
        of_ours = [each.__dict__ for each in ours if each is not None]
        # Many of these change as they work: of them it is known how many attributes they have.
        self._attributes = of_ours
        self._sizes = [*map(len, of_ours)]
        self._chain = [(each, each.parent, each.propagate, _copy_of(each.handlers)) for each in chain]
        filters = (self.context, self.sampling, self.security, self.threats)
        kinds = {type(each) for each in filters if each is not None}
        self._filtering = [(kind, _OUR_FILTERING[kind]) for kind in kinds]
        return all(map(_STEPS.isdisjoint, of_ours))

    def holds(self, logger: Any) -> bool:
        """Tell whether the way is as it was when this was made. The hot path: one comparison after the other."""
        level = self.level
        if logger.filters or logger.disabled or not LOGGING_STEPS.isdisjoint(logger.__dict__):
            return False
        for each, parent, propagates, handlers in self._chain:
            # A list that was changed in place is unlike its copy.
            if each.parent is not parent or each.propagate is not propagates or each.handlers != handlers:
                return False
        for other in self._others:
            if other.level <= level:
                return False
        for kind, filtering in self._filtering:
            if kind.filter is not filtering:
                return False
        counter = self.counter
        if counter is not None and not (
            counter.level <= level
            and counter.filters == self._counters_filters
            and MetricsHandler.handle is _OUR_COUNTING_HANDLE
            and MetricsHandler.emit is _OUR_COUNTING
            and logging.Handler.filter is _HANDLER_FILTER
        ):
            return False
        handler = self.handler
        return (
            handler.level <= level
            and handler.filters == self._writers_filters
            and [*map(len, self._attributes)] == self._sizes
            and self._formatted_by.formatter is self._formatter
            and self._writer.is_as_delivered()
            and logging.getLevelName(level) == self.level_name
            and hands_on(type(logger)) == HANDS_ON
            and makes_records(logging) == MAKES_RECORDS
        )


def _copy_of(handlers: Any) -> Any:
    """Return a list, which is changed in place, as a copy; whatever else somebody has put there as it is."""
    return handlers.copy() if type(handlers) is list else handlers


def _found(handler: logging.Handler, kinds: tuple[type, ...]) -> list[Any] | None:
    """Return a handler's filters by kind, `None` for what it lacks; `None` if there are others or in another order."""
    left: list[Any] = list(handler.filters)
    found = [left.pop(0) if left and type(left[0]) is kind else None for kind in kinds]
    return None if left else found


def _chain_of(logger: logging.Logger) -> list[logging.Logger]:
    """Return a logger and those it propagates to, as `callHandlers` finds them."""
    chain = []
    current: logging.Logger | None = logger
    while current is not None:
        chain.append(current)
        current = current.parent if current.propagate else None
    return chain

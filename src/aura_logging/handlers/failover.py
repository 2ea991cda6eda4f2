"""Deliver to the first handler that is well."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aura_logging import dictconfig, encoding
from aura_logging.handlers import emergency
from aura_logging.handlers.base import LineSink
from aura_logging.handlers.targets import emit_heard, hear_failures, wanted
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.batches import Line, single_lines
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock

__all__ = ["FailoverHandler"]

_STRATEGIES = ("failover", "round_robin")


@dataclass(slots=True)
class _Child:
    """One handler, the breaker in front of it, and what became of what it was offered."""

    handler: logging.Handler
    breaker: CircuitBreaker
    delivered: int = 0
    failed: int = 0
    last_error: str = ""


class FailoverHandler(logging.Handler):
    """Tries its handlers in order, and goes on to the next when one fails or has failed too often.

    `handlers` are names of `LOGGING["handlers"]`, inline handler dicts, or handlers. With `strategy="failover"` the
    first that is well gets everything; with `"round_robin"` each well one gets a record, or a batch, in turn. After
    `failover_threshold` failures in a row a child's breaker opens; after `cooldown_seconds` one probe finds out
    whether it is well, and if so it is used again. Errors that a handler would swallow in `handleError` are heard.

    Each child's level and filters are respected: a record that none of the well children wants is not a failure.
    When every child that wants a record fails, it is written to standard error and counted as `last_resort`; if
    even that would have to wait, it is lost and counted.

    Under an `AsyncBufferedHandler`, lines are encoded once, as the first child would write them, if that child
    takes lines; another child then gets a record made from the line. Never raises into the application; works on
    the thread that logs, so put an `AsyncBufferedHandler` in front of it.
    """

    def __init__(
        self,
        handlers: Sequence[str | Mapping[str, Any] | logging.Handler],
        strategy: str = "failover",
        failover_threshold: int = 5,
        cooldown_seconds: float = 30.0,
        *,
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
    ) -> None:
        if strategy not in _STRATEGIES:
            raise OptionError(f"strategy={strategy!r} is unknown. {nearest(str(strategy), _STRATEGIES)}")
        if isinstance(handlers, (str, Mapping)) or not handlers:
            raise OptionError(f"handlers={handlers!r} must be a list of one or more handlers.")
        # Before our own registration with `logging`: at exit handlers close in reverse, and children must outlive us.
        # By index: a list from dictConfig resolves `cfg://` references only when it is asked for an item.
        self._children = [
            _Child(
                dictconfig.resolve(handlers[number], option=f"handlers[{number}]"),
                CircuitBreaker(failover_threshold, cooldown_seconds, clock),
            )
            for number in range(len(handlers))
        ]
        super().__init__(level)
        for child in self._children:
            hear_failures(child.handler)
        self._round_robin = strategy == "round_robin"
        self._turn = 0
        self._accepted = 0
        self._unwanted = 0
        self._last_resort = 0
        self._dropped: dict[str, int] = {}
        first = self._children[0].handler
        self._schema: str = getattr(first.formatter, "schema", "aura")
        self._line = first.line if isinstance(first, LineSink) else encoding.encode
        self.takes_lines = _takes_any_line(first) and (first.formatter is None or hasattr(first.formatter, "schema"))
        """Whether an `AsyncBufferedHandler` may hand over encoded lines: the first child wants them all, as JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record to the first child that is well; never raises."""
        self._accepted += 1
        if not self._emit_to_a_child(record):
            self._say_last_words(record)

    def line(self, record: logging.LogRecord) -> bytes:
        """Return the record as the first child writes it."""
        return self._line(record)

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        """Hand the lines to the first child that is well; does not raise: the last resort is standard error."""
        count = len(lines) if count is None else count
        self._accepted += count
        single: list[bytes] | None = None
        for child in self._in_order():
            if _takes_any_line(child.handler):
                whole = (lines, count) if single is None else (single, len(single))
                if child.breaker.allow() and self._offer(child, _write_to, whole, whole[1]):
                    return
                continue
            if single is None:
                single = single_lines(lines)
            single = [line for line in single if not self._emit_line_to(child, line)]
            if not single:
                return
        for line in single if single is not None else single_lines(lines):
            self._say_last_words(line)

    def _emit_to_a_child(self, record: logging.LogRecord) -> bool:
        """Tell whether a child took the record, or none of them wants it."""
        unwanted = True
        for child in self._in_order():
            kept = wanted(child.handler, record)
            if kept is None:
                continue
            unwanted = False
            if child.breaker.allow() and self._offer(child, emit_heard, kept):
                return True
        self._unwanted += unwanted
        return unwanted

    def _emit_line_to(self, child: _Child, line: bytes) -> bool:
        """Make a record of the line for a child that wants records, or not all of them; true if it took it."""
        try:
            record = encoding.decode(line, self._schema)
        except ValueError:  # a line of a target of somebody's own that is not JSON
            record = logging.makeLogRecord({"msg": line.decode(errors="backslashreplace").rstrip("\n")})
        kept = wanted(child.handler, record)
        return kept is not None and child.breaker.allow() and self._offer(child, emit_heard, kept)

    def _in_order(self) -> Sequence[_Child]:
        if not self._round_robin:
            return self._children
        self._turn = (self._turn + 1) % len(self._children)
        return self._children[self._turn :] + self._children[: self._turn]

    def _offer(self, child: _Child, hand_over: Callable[[Any, Any], None], what: Any, count: int = 1) -> bool:
        """Tell whether the child took it; its breaker and its own count hear of it."""
        try:
            hand_over(child.handler, what)
        except Exception as error:  # noqa: BLE001  # whatever a child raises, the next one is tried
            child.failed += count
            child.last_error = f"{type(error).__name__}: {error}"
            child.breaker.record_failure()
            return False
        child.delivered += count
        child.breaker.record_success()
        return True

    def _say_last_words(self, payload: bytes | logging.LogRecord) -> None:
        if emergency.to_stderr(payload):
            self._last_resort += 1
        else:
            self._dropped["every_handler_failed"] = self._dropped.get("every_handler_failed", 0) + 1

    def flush(self) -> None:
        """Flush every child."""
        for child in self._children:
            child.handler.flush()

    def health(self) -> Health:
        """Tell each child's state, and what came to the last resort."""
        open_ones = [child for child in self._children if child.breaker.is_open]
        if len(open_ones) == len(self._children):
            status, detail = Status.UNHEALTHY, "every handler fails"
        elif open_ones or self._dropped:
            status = Status.DEGRADED
            detail = (
                "; ".join(f"{child.handler.name}: {child.last_error}" for child in open_ones) or "records were lost"
            )
        else:
            status, detail = Status.HEALTHY, ""
        return Health(
            status,
            detail,
            accepted=self._accepted,
            delivered=sum(child.delivered for child in self._children),
            dropped=dict(self._dropped),
            circuit_open=bool(open_ones),
            facts={
                "last_resort": self._last_resort,
                "unwanted": self._unwanted,
                "handlers": [
                    {
                        "name": child.handler.name or type(child.handler).__name__,
                        "circuit_open": child.breaker.is_open,
                        "delivered": child.delivered,
                        "failed": child.failed,
                        "last_error": child.last_error,
                    }
                    for child in self._children
                ],
            },
        )


def _takes_any_line(handler: logging.Handler) -> bool:
    """Tell whether lines may go to the handler as they are, with nothing of its own to ask first."""
    return (
        isinstance(handler, LineSink)
        and getattr(handler, "takes_lines", True)
        and handler.level <= logging.NOTSET
        and not handler.filters
    )


def _write_to(handler: Any, what: tuple[Sequence[Line], int]) -> None:
    handler.write_lines(*what)

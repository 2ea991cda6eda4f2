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
from aura_logging.handlers.hearing import emit_heard, hear_failures, is_inside, logging_inside, may_log_inside
from aura_logging.handlers.option_checks import check_counts, check_seconds
from aura_logging.handlers.targets import record_of, wanted
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.batches import Line, single_lines
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

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
        check_counts(failover_threshold=failover_threshold)
        check_seconds(cooldown_seconds=cooldown_seconds)
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
        self.after_fork_in_child()
        tell_after_fork(self)
        first = self._children[0].handler
        self._schema: str = getattr(first.formatter, "schema", "aura")
        self._line = first.line if isinstance(first, LineSink) else encoding.encode
        self.takes_lines = _takes_any_line(first) and (first.formatter is None or hasattr(first.formatter, "schema"))
        """Whether an `AsyncBufferedHandler` may hand over encoded lines: the first child wants them all, as JSON."""

    def after_fork_in_child(self) -> None:
        """Count this process's own records."""
        self._turn = 0
        self._accepted = 0
        self._unwanted = 0
        self._ignored = 0
        self._last_resort = 0
        self._dropped: dict[str, int] = {}
        for child in self._children:
            child.delivered = child.failed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record to the first child that is well; never raises."""
        is_nested = any(is_inside(child.handler) for child in self._children)
        may_log = may_log_inside()
        if is_nested and not may_log:
            self._ignored += 1
            return
        self._accepted += 1
        # What a child logs at its work is delivered; what it logs about that would go on for ever.
        with logging_inside(allowed=may_log and not is_nested):
            if not self._emit_to_a_child(record):
                self._say_last_words(record)

    def line(self, record: logging.LogRecord) -> bytes:
        """Return the record as the first child writes it."""
        return self._line(record)

    def plain_json_writer(self) -> logging.Handler | None:
        """Return the child whose formatter makes the lines, if they are `encode`'s own."""
        ask: Callable[[], logging.Handler | None] = getattr(
            self._children[0].handler, "plain_json_writer", lambda: None
        )
        return ask()

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        """Hand the lines to the first child that is well; does not raise: the last resort is standard error."""
        count = len(lines) if count is None else count
        self._accepted += count
        children = self._in_order()
        for number, child in enumerate(children):
            if not _takes_any_line(child.handler):
                # This one wants records, or not all of them: from here on each line finds its own way.
                self._write_one_by_one(lines, children[number:], unwanted=number == 0)
                return
            if child.breaker.allow() and self._offer(child, _write_to, (lines, count), count):
                return
        for line in single_lines(lines):
            self._say_last_words(line)

    def _write_one_by_one(self, lines: Sequence[Line], children: Sequence[_Child], *, unwanted: bool) -> None:
        for line in single_lines(lines):
            if not self._emit_to_a_child(record_of(line, self._schema), line, children, unwanted=unwanted):
                self._say_last_words(line)

    def _emit_to_a_child(
        self,
        record: logging.LogRecord,
        line: bytes | None = None,
        children: Sequence[_Child] | None = None,
        *,
        unwanted: bool = True,
    ) -> bool:
        """Tell whether a child took the record (or its line), or none of them wants it."""
        for child in self._in_order() if children is None else children:
            try:
                kept = wanted(child.handler, record)
            except Exception as error:  # noqa: BLE001  # a filter is anybody's code
                self._note_failure(child, error)
                unwanted = False
                continue
            if kept is None:
                continue
            unwanted = False
            if not child.breaker.allow():
                continue
            if line is not None and _takes_any_line(child.handler):
                if self._offer(child, _write_to, ((line,), 1)):
                    return True
            elif self._offer(child, emit_heard, kept):
                return True
        self._unwanted += unwanted
        return unwanted

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
            self._note_failure(child, error, count)
            child.breaker.record_failure()
            return False
        child.delivered += count
        child.breaker.record_success()
        return True

    def _note_failure(self, child: _Child, error: Exception, count: int = 1) -> None:
        child.failed += count
        child.last_error = f"{type(error).__name__}: {error}"

    def _say_last_words(self, payload: bytes | logging.LogRecord) -> None:
        if emergency.to_stderr(payload):
            self._last_resort += 1
        else:
            self._dropped["every_handler_failed"] = self._dropped.get("every_handler_failed", 0) + 1

    @property
    def is_round_robin(self) -> bool:
        """Whether all handlers work in turn; otherwise those after the first stand by."""
        return self._round_robin

    @property
    def wrapped(self) -> tuple[logging.Handler, ...]:
        """The handlers that records are handed on to."""
        return tuple(child.handler for child in self._children)

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
            detail = "; ".join(f"{_name(child)}: {child.last_error}" for child in open_ones) or "records were lost"
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
                "ignored": {"logged_by_target": self._ignored} if self._ignored else {},
                "handlers": [
                    {
                        "name": _name(child),
                        "circuit_open": child.breaker.is_open,
                        "delivered": child.delivered,
                        "failed": child.failed,
                        "last_error": child.last_error,
                    }
                    for child in self._children
                ],
            },
        )


def _name(child: _Child) -> str:
    return child.handler.name or type(child.handler).__name__


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

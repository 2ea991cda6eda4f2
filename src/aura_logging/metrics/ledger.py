"""Count what our own handlers accepted, delivered and lost, and their filters found, from the health they tell."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Mapping

from aura_logging.health import Checkable, Health
from aura_logging.metrics import catalogue
from aura_logging.metrics.registry import Registry

__all__ = ["Ledger", "filters_of_handlers", "named_handlers"]


_FINDINGS, _FAILURES = "findings", "scrubbing_failures"
"""The facts in a privacy filter's health that are counts: by detector, by type of error."""


class Ledger:
    """Turns the growing counts in the health of handlers and filters into counters.

    Call it before a drain, on one thread at a time. A handler that was replaced begins again at nothing, so a count
    that fell is taken as new altogether.
    """

    def __init__(
        self,
        registry: Registry,
        handlers: Callable[[], Iterable[tuple[str, Checkable]]] | None = None,
        filters: Callable[[], Iterable[Checkable]] | None = None,
    ) -> None:
        self._handlers = handlers or named_handlers
        self._filters = filters or filters_of_handlers
        self._by_fact = {
            _FINDINGS: registry.counter(catalogue.PRIVACY_FINDINGS),
            _FAILURES: registry.counter(catalogue.PRIVACY_FAILURES),
        }
        # A filter has no name to be known by.
        self._seen_of_filter: weakref.WeakKeyDictionary[Checkable, dict[tuple[str, str], int]]
        self._seen_of_filter = weakref.WeakKeyDictionary()
        self._accepted = registry.counter(catalogue.HANDLER_ACCEPTED)
        self._delivered = registry.counter(catalogue.HANDLER_DELIVERED)
        self._dropped = registry.counter(catalogue.HANDLER_DROPPED)
        self._queued = registry.gauge(catalogue.HANDLER_QUEUED)
        self._open = registry.gauge(catalogue.HANDLER_CIRCUITS_OPEN)
        self._seen: dict[tuple[str, ...], int] = {}

    def __call__(self) -> None:
        """Count what has been added since the last call."""
        for name, handler in self._handlers():
            health = handler.health()
            if health.accepted is not None:
                self._accepted.of(name).inc(self._increase(health.accepted, "accepted", name))
            if health.delivered is not None:
                self._delivered.of(name).inc(self._increase(health.delivered, "delivered", name))
            for reason, count in health.dropped.items():
                self._dropped.of(name, reason).inc(self._increase(count, "dropped", name, reason))
            if health.queued is not None:
                self._queued.of(name).set(health.queued)
            if health.circuit_open is not None:
                self._open.of(name).set(float(health.circuit_open))
        for each in self._filters():
            seen = self._seen_of_filter.setdefault(each, {})
            for (fact, label), count in _facts(each).items():
                self._by_fact[fact].of(label).inc(count - seen.get((fact, label), 0))
                seen[fact, label] = count

    def begin(self) -> None:
        """Take what the handlers tell now as already counted: a forked child inherits its parent's counts."""
        for name, handler in self._handlers():
            health = handler.health()
            self._seen.update(_counts(name, health))
        for each in self._filters():
            self._seen_of_filter[each] = dict(_facts(each))

    def _increase(self, count: int, *key: str) -> int:
        before = self._seen.get(key, 0)
        self._seen[key] = count
        return count - before if count >= before else count


def _counts(name: str, health: Health) -> Mapping[tuple[str, ...], int]:
    counts: dict[tuple[str, ...], int] = {("dropped", name, reason): count for reason, count in health.dropped.items()}
    if health.accepted is not None:
        counts["accepted", name] = health.accepted
    if health.delivered is not None:
        counts["delivered", name] = health.delivered
    return counts


def _facts(told: Checkable) -> Mapping[tuple[str, str], int]:
    facts = told.health().facts
    counts: dict[tuple[str, str], int] = {}
    for name in (_FINDINGS, _FAILURES):
        by_label = facts.get(name)
        if isinstance(by_label, Mapping):
            counts.update({(name, label): count for label, count in by_label.items()})
    return counts


def filters_of_handlers() -> list[Checkable]:
    """Return the filters on any handler that tell their health, each once; a filter may be on several."""
    handlers = [reference() for reference in list(logging._handlerList)]  # type: ignore[attr-defined]  # no other list
    filters = {id(each): each for handler in handlers if handler is not None for each in handler.filters}
    return [each for each in filters.values() if isinstance(each, logging.Filter) and isinstance(each, Checkable)]


def named_handlers() -> list[tuple[str, Checkable]]:
    """Return the handlers that have a name and tell their health: those that dictConfig made."""
    # `logging.getHandlerNames` is there from Python 3.12 on; the mapping behind it on every version.
    known: Mapping[str, logging.Handler] = logging._handlers  # type: ignore[attr-defined]
    return [(name, each) for name, each in list(known.items()) if isinstance(each, Checkable)]

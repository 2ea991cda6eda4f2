"""Count what our own handlers accepted, delivered and lost, from the health they tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from aura_logging.health import Checkable, Health
from aura_logging.metrics import catalogue
from aura_logging.metrics.registry import Registry

__all__ = ["Ledger", "named_handlers"]


class Ledger:
    """Turns the growing counts in handlers' health into counters; call it before a drain, on one thread at a time.

    A handler that was replaced begins again at nothing, so a count that fell is taken as new altogether.
    """

    def __init__(
        self, registry: Registry, handlers: Callable[[], Iterable[tuple[str, Checkable]]] | None = None
    ) -> None:
        self._handlers = handlers or named_handlers
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

    def begin(self) -> None:
        """Take what the handlers tell now as already counted: a forked child inherits its parent's counts."""
        for name, handler in self._handlers():
            health = handler.health()
            self._seen.update(_counts(name, health))

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


def named_handlers() -> list[tuple[str, Checkable]]:
    """Return the handlers that have a name and tell their health: those that dictConfig made."""
    # `logging.getHandlerNames` is there from Python 3.12 on; the mapping behind it on every version.
    known: Mapping[str, logging.Handler] = logging._handlers  # type: ignore[attr-defined]
    return [(name, each) for name, each in list(known.items()) if isinstance(each, Checkable)]

"""Count what the privacy filters found, and what they failed on, from the health they tell."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Mapping

from aura_logging.health import Checkable
from aura_logging.metrics import catalogue
from aura_logging.metrics.registry import Registry

__all__ = ["FindingsLedger", "filters_of_handlers"]

_FINDINGS, _FAILURES = "findings", "scrubbing_failures"
"""The facts in a privacy filter's health that are counts: by detector, by type of error."""


class FindingsLedger:
    """Turns the growing counts in the filters' health into counters; call it before a drain, one thread at a time."""

    def __init__(self, registry: Registry, filters: Callable[[], Iterable[Checkable]] | None = None) -> None:
        self._filters = filters or filters_of_handlers
        self._by_fact = {
            _FINDINGS: registry.counter(catalogue.PRIVACY_FINDINGS),
            _FAILURES: registry.counter(catalogue.PRIVACY_FAILURES),
        }
        # By object: a filter has no name to be known by, and one that is gone must not be taken for its successor.
        self._seen: weakref.WeakKeyDictionary[Checkable, dict[tuple[str, str], int]] = weakref.WeakKeyDictionary()

    def __call__(self) -> None:
        """Count what has been found since the last call."""
        for each in self._filters():
            seen = self._seen.setdefault(each, {})
            for (fact, label), count in _counts(each).items():
                self._by_fact[fact].of(label).inc(count - seen.get((fact, label), 0))
                seen[fact, label] = count

    def begin(self) -> None:
        """Take what the filters tell now as already counted: a forked child inherits its parent's counts."""
        for each in self._filters():
            self._seen[each] = dict(_counts(each))


def _counts(told: Checkable) -> Mapping[tuple[str, str], int]:
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

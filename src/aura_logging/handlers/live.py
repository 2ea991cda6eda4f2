"""Find the handlers that are at work in this process, also those behind others, and what to call them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from aura_logging.handlers.wrapping import directly_wrapped, with_wrapped

__all__ = ["LiveHandler", "live_handlers", "named_live_handlers"]


@dataclass(frozen=True, slots=True)
class LiveHandler:
    """A handler at work, and what a person calls it."""

    name: str
    """Its key in `LOGGING["handlers"]`; of one without, its class, after the name of the handler that wraps it."""

    handler: logging.Handler
    behind: str
    """The name of the handler that hands records on to it; empty for one that loggers know."""


def live_handlers() -> list[logging.Handler]:
    """Return the handlers of all loggers, the root's first, each followed by those it wraps; each once."""
    found: dict[int, logging.Handler] = {}
    for logger in _loggers():
        for handler in logger.handlers:
            for each in with_wrapped(handler):
                found.setdefault(id(each), each)
    return list(found.values())


def named_live_handlers() -> list[LiveHandler]:
    """Return the same, each with a name that no other of them has."""
    found: dict[int, LiveHandler] = {}
    taken: set[str] = set()
    for handler in live_handlers():
        behind = _wrapper_of(handler, found.values())
        name = handler.name or (f"{behind}/" if behind else "") + type(handler).__name__
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}#{number}"
        taken.add(unique)
        found[id(handler)] = LiveHandler(unique, handler, behind)
    return list(found.values())


def _wrapper_of(handler: logging.Handler, known: Iterable[LiveHandler]) -> str:
    for each in known:
        if handler in directly_wrapped(each.handler):
            return each.name
    return ""


def _loggers() -> list[logging.Logger]:
    root = logging.getLogger()
    # A copy: another thread may be making a logger. Names between two loggers have a placeholder.
    known = sorted(dict(root.manager.loggerDict).items())
    return [root, *(found for _, found in known if isinstance(found, logging.Logger))]

"""Find the handlers that are at work in this process, also those behind others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol, runtime_checkable

from aura_logging.handlers.orphans import Recovered
from aura_logging.handlers.wrapping import with_wrapped

__all__ = ["Journaled", "journaled_handlers", "live_handlers"]


@runtime_checkable
class Journaled(Protocol):
    """A handler that may keep a journal, and delivers what dead processes left in it."""

    @property
    def journal_directory(self) -> Path | None:
        """Where the journal lies; `None` without one."""
        ...

    @property
    def journal_name(self) -> str:
        """What its files are called after."""
        ...

    def recover(self) -> Recovered:
        """Deliver what dead processes left, now and here."""
        ...


def live_handlers() -> list[logging.Handler]:
    """Return the handlers of all loggers, the root's first, each followed by those it wraps; each once."""
    loggers = [logging.getLogger(), *_named_loggers()]
    found: dict[int, logging.Handler] = {}
    for logger in loggers:
        for handler in logger.handlers:
            for each in with_wrapped(handler):
                found.setdefault(id(each), each)
    return list(found.values())


def journaled_handlers() -> list[Journaled]:
    """Return the live handlers that have a journal."""
    return [each for each in live_handlers() if isinstance(each, Journaled) and each.journal_directory is not None]


def _named_loggers() -> list[logging.Logger]:
    known = logging.getLogger().manager.loggerDict
    # A copy: another thread may be making a logger. Names between two loggers have a placeholder.
    return [found for _, found in sorted(dict(known).items()) if isinstance(found, logging.Logger)]

"""Find the handlers that are at work in this process and keep a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from aura_logging.handlers.live import live_handlers
from aura_logging.handlers.orphans import Recovered

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


def journaled_handlers() -> list[Journaled]:
    """Return the live handlers that have a journal."""
    return [each for each in live_handlers() if isinstance(each, Journaled) and each.journal_directory is not None]

"""The subcommands of `manage.py aura_logs`, one a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from django.core.management.base import CommandParser, OutputWrapper

from aura_logging.django.management.logs import level, query, recover, scan, show, tail

__all__ = ["SUBCOMMANDS", "Subcommand"]


class Subcommand(Protocol):
    """A module with one subcommand; its docstring's first line is the help."""

    __doc__: str | None

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        ...

    def run(self, options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
        """Do it and return the exit code: 0 done, 1 not (all of) it; `CommandError` with 2 for wrong usage.

        Data goes to `out`, what is said about it to `err`.
        """
        ...


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "level": level,
    "query": query,
    "recover": recover,
    "scan": scan,
    "show": show,
    "tail": tail,
}

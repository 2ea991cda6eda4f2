"""Work with this project's log lines from the command line; the subcommands are in `management/logs`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from aura_logging.django.management.logs import SUBCOMMANDS
from aura_logging.django.management.logs.wording import HelpText
from aura_logging.django.management.reader import may_leave

__all__ = ["Command"]


class Command(BaseCommand):
    """Data on standard output, everything else on standard error; exits with 0, 1, or 2 for wrong usage."""

    help = "Work with this project's log lines."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django's own spelling; logs are wanted when checks fail

    def add_arguments(self, parser: CommandParser) -> None:
        """Let every subcommand declare its own."""
        subparsers = parser.add_subparsers(dest="subcommand", metavar="|".join(SUBCOMMANDS), required=True)
        for name, subcommand in SUBCOMMANDS.items():
            about = subcommand.__doc__ or ""
            summary = about.partition("\n")[0]
            own = subparsers.add_parser(name, help=summary, description=about, formatter_class=HelpText)
            subcommand.add_arguments(own)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand; end the process with its code if that is not 0."""
        del args
        with may_leave(self.stdout):
            code = SUBCOMMANDS[options["subcommand"]].run(options, self.stdout, self.stderr)
        if code:
            sys.exit(code)

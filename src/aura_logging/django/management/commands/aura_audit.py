"""Verify, seal, ask, export and purge the audit trail; the subcommands are in `management/audit`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aura_logging.audit.stores.base import AuditError
from aura_logging.django.management.audit import SUBCOMMANDS

__all__ = ["Command"]


class Command(BaseCommand):
    """Data on standard output, everything else on standard error; exits with 0, 1, or 2 for wrong usage."""

    help = "Verify, seal, ask, export and purge the audit trail."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django's own spelling; a trail is verified when checks fail

    def add_arguments(self, parser: CommandParser) -> None:
        """Let every subcommand declare its own."""
        subparsers = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
        for name, subcommand in SUBCOMMANDS.items():
            about = subcommand.__doc__ or ""
            subcommand.add_arguments(subparsers.add_parser(name, help=about.partition("\n")[0], description=about))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand; end the process with its code if that is not 0."""
        del args
        try:
            code = SUBCOMMANDS[options["subcommand"]].run(options, self.stdout, self.stderr)
        except AuditError as error:
            raise CommandError(str(error), returncode=1) from error
        except BrokenPipeError:
            # `aura_audit export | head`: whoever reads has seen enough.
            sys.stderr.close()
            sys.exit(1)
        if code:
            sys.exit(code)

"""Write dashboards, rules and mappings for other products, fitted to this project's thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aura_logging import assets
from aura_logging.alerts import AlertOptions
from aura_logging.assets.next_steps import NEXT_STEPS
from aura_logging.django.conf import options as options_of

__all__ = ["Command"]


class Command(BaseCommand):
    """Paths of the files on standard output, what comes next on standard error; exits with 0, 1, or 2 for usage."""

    help = "Write a Grafana dashboard, Prometheus rules, Elasticsearch mappings or a log shipper's configuration."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django's own spelling; nothing of the project is needed

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the kind, `--out` and `--force`."""
        parser.add_argument(
            "kind", choices=list(assets.KINDS), metavar="KIND", help=f"One of {', '.join(assets.KINDS)}."
        )
        parser.add_argument(
            "--out", type=Path, required=True, metavar="DIR", help="Where to write; made if it is not there."
        )
        parser.add_argument("--force", action="store_true", help="Replace files that are there and say something else.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the files and say what comes next."""
        del args
        kind, directory = options["kind"], options["out"]
        try:
            paths = assets.write(kind, directory, options_of(AlertOptions), replace=options["force"])
        except assets.FilesDifferError as error:
            raise CommandError(f"{error}. Nothing was written; --force replaces them.") from error
        except OSError as error:
            raise CommandError(f"--out {directory} cannot be written to: {error.strerror or error}.") from error
        for path in paths:
            self.stdout.write(str(path))
        self.stderr.write(NEXT_STEPS[kind], style_func=str, ending="")  # no error, so not in red

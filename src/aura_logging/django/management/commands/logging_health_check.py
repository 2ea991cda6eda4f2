"""Say how logging is, in all processes, and what to do where it is not well."""

from __future__ import annotations

import math
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from aura_logging.diagnostics.examination import Questions, examine
from aura_logging.diagnostics.render import as_json, as_summary, as_table
from aura_logging.diagnostics.report import HealthReport
from aura_logging.diagnostics.terminal_text import ascii_only, wants_colour
from aura_logging.django.checks import findings_about_requests
from aura_logging.django.mail_server import mail_server
from aura_logging.django.management.reader import may_leave
from aura_logging.django.metrics_store import store_of_settings

__all__ = ["Command"]

_LONGEST_WINDOW_SECONDS = 90 * 86_400.0


class Command(BaseCommand):
    """Exits with 0 if logging works, 1 if it does not, 2 for wrong usage. Standard output is the report and no more."""

    help = (
        "Say how logging is, in all processes, and what to do where it is not well. "
        "Exit code 0: healthy or degraded; 1: unhealthy; 2: wrong usage."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django's own spelling; health is asked when checks fail

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument("--format", choices=("table", "json", "summary"), default="table", help="Default: table.")
        parser.add_argument(
            "--check-handlers",
            action="store_true",
            help="Send a test record through every handler of this process. It pages nobody and is not counted.",
        )
        parser.add_argument(
            "--metrics-window",
            metavar="SECONDS",
            type=_window_seconds,
            default=300.0,
            help="How far back to look at what was counted. Default: 300.",
        )
        parser.add_argument(
            "--alert-thresholds",
            action="store_true",
            help="Hold the numbers against the alert rules; one that is exceeded is unhealthy.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine, print, and end the process with 1 if that is the answer."""
        del args
        try:
            window_seconds = _window_seconds(options["metrics_window"])
        except ArgumentTypeError as error:
            raise CommandError(f"--metrics-window: {error}", returncode=2) from None
        questions = Questions(
            window_seconds=window_seconds,
            probe_handlers=options["check_handlers"],
            thresholds=options["alert_thresholds"],
            mail_server=mail_server(),
            more=findings_about_requests(),
        )
        try:
            store = store_of_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        report = examine(store, questions)
        with may_leave(self.stdout):
            self.stdout.write(self._shown(report, options), ending="")
        if not report.is_healthy:
            sys.exit(1)

    def _shown(self, report: HealthReport, options: dict[str, Any]) -> str:
        if options["format"] == "json":
            return as_json(report) + "\n"
        if options["format"] == "summary":
            text = as_summary(report) + "\n"
        else:
            is_plain = options.get("no_color") or not (options.get("force_color") or wants_colour(self.stdout))
            text = as_table(report, colour=not is_plain)
        encoding = getattr(self.stdout, "encoding", None) or settings.DEFAULT_CHARSET
        return text if "utf" in encoding.lower() else ascii_only(text)


def _window_seconds(text: Any) -> float:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds <= _LONGEST_WINDOW_SECONDS:  # NaN is neither
        raise ArgumentTypeError(f"{text!r} must be seconds, over 0 and up to {_LONGEST_WINDOW_SECONDS:.0f} (90 days)")
    return seconds

"""Find at start-up, and before a deployment, what will hurt later: `python manage.py check [--deploy]`.

Ids are stable: `aura.E…` stops the start, `aura.W0…` warns, `aura.W1…` only with `--deploy`. All are listed in
docs/health.md; `SILENCED_SYSTEM_CHECKS` silences one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from aura_logging.diagnostics.logging_checks import check_logging
from aura_logging.diagnostics.report import Recommendation
from aura_logging.diagnostics.topology import read_topology
from aura_logging.django.checks.production import PRODUCTION_CHECKS
from aura_logging.django.checks.requests import REQUEST_CHECKS

__all__ = ["check_at_start", "check_before_deployment", "connect", "findings_about_requests"]


def connect() -> None:
    """Register the checks with Django; twice does no harm."""
    register(check_at_start, "aura")
    register(check_before_deployment, "aura", Tags.security, deploy=True)


def check_at_start(app_configs: Sequence[Any] | None = None, **options: Any) -> list[CheckMessage]:
    """Return what is wrong with LOGGING as it came to be, with the middlewares, and with whom is believed."""
    # Whoever develops has one process; in production there are several, whatever is running now.
    found = check_logging(read_topology(), has_neighbours=not settings.DEBUG)
    return _messages([*found, *findings_about_requests()])


def check_before_deployment(app_configs: Sequence[Any] | None = None, **options: Any) -> list[CheckMessage]:
    """Return what is fine while developing and is not in production."""
    return _messages(_found_by(PRODUCTION_CHECKS))


def findings_about_requests() -> list[Recommendation]:
    """Return what is wrong with the middlewares, with whom is believed, and with Sentry: for a health report."""
    return list(_found_by(REQUEST_CHECKS))


def _found_by(checks: Iterable[Callable[[], Iterator[Recommendation]]]) -> Iterator[Recommendation]:
    for check in checks:
        yield from check()


def _messages(found: Iterable[Recommendation]) -> list[CheckMessage]:
    return [_message(each) for each in found]


def _message(found: Recommendation) -> CheckMessage:
    hint = f"{found.advice} {found.setting} = {found.value}" if found.setting else found.advice
    kind = Error if found.code.startswith("aura.E") else Warning
    return kind(f"{found.about}: {found.problem}", hint=hint, id=found.code)

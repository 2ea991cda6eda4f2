"""Let whoever keeps an audit trail say whether it is whole; the dashboard shows it, and nothing where nobody does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aura_logging.health import Status

__all__ = ["AuditState", "audit_state", "show_audit"]

log = logging.getLogger("aura.dashboard")


@dataclass(frozen=True, slots=True)
class AuditState:
    """What the last verification found. `facts` are shown beside it, by name; times are Unix seconds."""

    status: Status
    summary: str
    verified_at: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""


_providers: list[Callable[[], AuditState | None]] = []


def show_audit(provider: Callable[[], AuditState | None]) -> None:
    """Have the dashboard ask this for the trail's state at every page; it must be quick. None shows nothing.

    The newest provider counts.
    """
    _providers.append(provider)


def audit_state() -> AuditState | None:
    """Return what the provider says; if it fails, that."""
    if not _providers:
        return None
    try:
        return _providers[-1]()
    except Exception as error:  # the rest of the page is worth showing
        log.exception("audit state not known")
        return AuditState(Status.UNHEALTHY, f"The audit trail's state is not known: {type(error).__name__}: {error}")

"""Hold what is to be told of an alert, and tell it as a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aura_logging.alerts.rules import Severity
from aura_logging.metrics.extraction import ALERTS_LOGGER

__all__ = ["Alert", "log_alert"]

_LEVELS: Mapping[Severity, int] = {"warning": logging.WARNING, "critical": logging.CRITICAL}


@dataclass(frozen=True, slots=True)
class Alert:
    """One step to be told: a rule began to fire or was resolved, at which value."""

    rule: str
    phase: Literal["firing", "resolved"]
    severity: Severity
    summary: str
    value: float
    threshold: float
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)


def log_alert(alert: Alert) -> None:
    """Log the alert on `aura.alerts`: CRITICAL or WARNING when it fires, INFO when it is resolved."""
    firing = alert.phase == "firing"
    level = _LEVELS[alert.severity] if firing else logging.INFO
    fields = {
        "alert": alert.rule,
        "alert_phase": alert.phase,
        "alert_severity": alert.severity,
        "alert_value": round(alert.value, 6),
        "alert_threshold": alert.threshold,
        **{f"alert_{name}": value for name, value in alert.facts.items()},
    }
    logging.getLogger(ALERTS_LOGGER).log(
        level, "alert %s: %s", "fired" if firing else "resolved", alert.summary, extra=fields
    )

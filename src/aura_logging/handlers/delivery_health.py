"""Say how a delivery goes: its ledger, its breaker, and what went wrong last."""

from __future__ import annotations

from aura_logging.handlers.delivery import Delivery
from aura_logging.health import Health, Status
from aura_logging.resilience.ledger import Ledger

__all__ = ["delivery_health"]

_STUCK_SECONDS = 10.0
"""A call of the target that takes longer shows."""


def delivery_health(ledger: Ledger, delivery: Delivery, crash: str) -> Health:
    """Return the health of a buffer with this ledger; `crash` is what ended a worker's turn, if anything did."""
    status, detail = _state(ledger, delivery, crash)
    return Health(
        status,
        detail,
        accepted=ledger.accepted,
        delivered=ledger.delivered,
        dropped=ledger.dropped,
        queued=ledger.queued,
        circuit_open=delivery.breaker.is_open,
        facts={
            "in_flight": ledger.in_flight,
            "spilled": ledger.spilled,
            "errors": dict(delivery.errors),
            "emergencies": delivery.emergencies,
            "recovered": delivery.recovered.delivered,
            "damaged": delivery.recovered.damaged,
            "unjournaled": dict(ledger.unjournaled),
        },
    )


def _state(ledger: Ledger, delivery: Delivery, crash: str) -> tuple[Status, str]:
    """The worst comes first."""
    if delivery.breaker.is_open:
        return Status.UNHEALTHY, f"the target fails: {delivery.last_error}"
    stuck_seconds = delivery.stuck_seconds()
    if stuck_seconds > _STUCK_SECONDS:
        return Status.DEGRADED, f"the target has not returned for {stuck_seconds:.0f} s"
    if delivery.failures_in_a_row:
        return Status.DEGRADED, f"the target failed: {delivery.last_error}"
    if crash:
        return Status.DEGRADED, f"a worker failed: {crash}"
    if ledger.dropped:
        return Status.DEGRADED, "records were lost"
    return Status.HEALTHY, ""

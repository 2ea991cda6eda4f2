"""Say how a part of the system is doing, in one cheap value that never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

__all__ = ["Status", "Health", "Checkable", "heard_parts", "hear", "worst"]


class Status(StrEnum):
    """How well a part does its work, from best to worst."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


_BADNESS = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}


@dataclass(frozen=True, slots=True)
class Health:
    """One part's state and ledger at a moment.

    `accepted`, `delivered` and `queued` count records of this process since the part was made; `None` means
    that the part keeps no such count. `dropped` counts lost records by reason. `facts` holds whatever else
    the part can tell, as plain JSON values.
    """

    status: Status
    detail: str = ""
    accepted: int | None = None
    delivered: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    queued: int | None = None
    circuit_open: bool | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values; a count that the part does not keep is left out."""
        known: dict[str, object] = {**self.facts, "status": self.status.value}
        if self.detail:
            known["detail"] = self.detail
        for name in ("accepted", "delivered", "queued", "circuit_open"):
            value = getattr(self, name)
            if value is not None:
                known[name] = value
        if self.accepted is not None or self.dropped:
            known["dropped"] = dict(self.dropped)
        return known


@runtime_checkable
class Checkable(Protocol):
    """Anything that can tell its health: cheaply, from any thread, without raising."""

    def health(self) -> Health:
        """Return the state of this moment."""
        ...


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of the statuses; of none, healthy."""
    return max(statuses, key=_BADNESS.__getitem__, default=Status.HEALTHY)


_parts: dict[str, Callable[[], Health]] = {}


def hear(part: str, health: Callable[[], Health]) -> None:
    """Have reports on this process tell of a part that is no handler, by this name; the newest of a name counts.

    `health` is cheap and may be called on any thread, also of a child that was forked later.
    """
    _parts[part] = health


def heard_parts() -> Mapping[str, Callable[[], Health]]:
    """Return the parts that are told of."""
    return dict(_parts)

"""Answer who did something to an object or a person's data, and how often: who accessed patient 42 in March."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aura_logging.audit.canonical import parse
from aura_logging.audit.events import Actor
from aura_logging.audit.query import is_about
from aura_logging.audit.stores.base import Entry

__all__ = ["ActorSummary", "lists_that_may_name", "summarise"]


@dataclass(slots=True)
class ActorSummary:
    """What one actor did among the entries asked about; times are Unix seconds of the first and the last."""

    actor: Actor
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    actions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def lists_that_may_name(entries: Iterable[Entry], object_id: str) -> int:
    """Return how many of these entries are about lists of which nobody can tell whether this object was in them.

    They name no object, or fewer objects than were in the list, or who reads them has not the key.
    """
    count = 0
    for entry in entries:
        event = parse(entry.event_bytes)
        if event.object_id or is_about(event, object_id):
            continue
        named = event.extra.get("object_ids", ())
        rows = event.extra.get("rows")
        count += not named or (isinstance(rows, int) and rows > len(named))
    return count


def summarise(entries: Iterable[Entry]) -> list[ActorSummary]:
    """Return one summary for each actor, the most active first.

    Ask the store for what it is about: `store.entries(where=EntryFilter(object_type="clinic.patient", object_id="42",
    event_class="access", since=…, until=…))`. An actor is its kind and id; of its labels the latest is shown.
    """
    found: dict[tuple[str, str], ActorSummary] = {}
    for entry in entries:
        event = parse(entry.event_bytes)
        who = event.actor
        summary = found.get((who.kind, who.id))
        if summary is None:
            summary = found[who.kind, who.id] = ActorSummary(who, first=event.timestamp, last=event.timestamp)
        if event.timestamp >= summary.last:
            summary.actor = who
        summary.count += 1
        summary.first, summary.last = min(summary.first, event.timestamp), max(summary.last, event.timestamp)
        summary.actions[event.action] += 1
        summary.outcomes[event.outcome] += 1
        if event.client_ip:
            summary.addresses[event.client_ip] += 1
        if event.reason:
            summary.reasons[event.reason] += 1
    return sorted(found.values(), key=lambda each: (-each.count, each.actor.kind, each.actor.id))

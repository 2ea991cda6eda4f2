"""Remove what has been kept for long enough, leave what is held, and put a signed tombstone in its place."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aura_logging.audit.canonical import parse
from aura_logging.audit.chain import start
from aura_logging.audit.chain_walk import ChainWalk
from aura_logging.audit.checkpoint import Range, leaf_of
from aura_logging.audit.damage import Damage, Progress
from aura_logging.audit.events import EVENT_CLASSES, AuditEvent
from aura_logging.audit.hold_record import HOLD_LIFTED, HOLD_OBJECT, HOLD_PLACED, HoldRecord, is_about_a_hold
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import MerkleTree
from aura_logging.audit.query import EntryFilter
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.stores.base import AuditStore, Entry
from aura_logging.audit.tombstones import Tombstone
from aura_logging.audit.trail import Trail
from aura_logging.audit.verify import chains, check_checkpoints
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.clock import Clock

__all__ = ["LOGS", "PurgePlan", "RetentionPolicy", "lift_hold", "place_hold", "plan_purge", "purge"]

_DAY_SECONDS = 86_400.0
_PROGRESS_EVERY = 10_000

LOGS = "logs"
"""The name under which a policy speaks of log files; see `log_file_retention`."""


class RetentionPolicy:
    """How many days events are kept, by class; `default` is for classes that are not named, and without it for ever.

    >>> RetentionPolicy({"access": 365, "change": 7 * 365})
    RetentionPolicy(access=365, change=2555)
    """

    def __init__(self, keep_days: Mapping[str, float]) -> None:
        known = (*EVENT_CLASSES, "default", LOGS)
        for name, days in keep_days.items():
            if name not in known:
                raise OptionError(f"keep_days names the unknown class {name!r}. {nearest(str(name), known)}")
            if isinstance(days, bool) or not isinstance(days, (int, float)) or not days > 0:
                raise OptionError(f"keep_days[{name!r}] is {days!r}; it must be a number of days above 0.")
        self.keep_days = dict(keep_days)

    def __repr__(self) -> str:
        return f"RetentionPolicy({', '.join(f'{name}={days}' for name, days in self.keep_days.items())})"

    def keep_seconds(self, name: str) -> float | None:
        """Return how long a class is kept; None for ever. Log files have no default: they are no events."""
        days = self.keep_days.get(name, None if name == LOGS else self.keep_days.get("default"))
        return None if days is None else days * _DAY_SECONDS

    def is_expired(self, event: AuditEvent, now: float) -> bool:
        """Tell whether an event has been kept for long enough at `now`."""
        keep_seconds = self.keep_seconds(event.event_class)
        return keep_seconds is not None and event.timestamp < now - keep_seconds


@dataclass(slots=True)
class PurgePlan:
    """What a purge would do: which runs of entries go, by class how many, and why others stay.

    `unsealed` are expired entries that no checkpoint covers yet. Chains in `damages` are left alone as a whole: they
    are evidence. `refused` says why nothing goes at all.
    """

    tombstones: list[Tombstone] = field(default_factory=list)
    by_class: Counter[str] = field(default_factory=Counter)
    by_hold: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    unsealed: int = 0
    damages: list[Damage] = field(default_factory=list)
    refused: str = ""

    @property
    def count(self) -> int:
        """How many entries would go."""
        return self.by_class.total()

    def refuse(self, why: str) -> None:
        """Let nothing go."""
        self.refused = why
        self.kept += self.count
        self.tombstones.clear()
        self.by_class.clear()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for a report or an event."""
        return {
            "purged": self.count,
            "runs": len(self.tombstones),
            "by_class": dict(self.by_class),
            "held": dict(self.by_hold),
            "kept": self.kept,
            "unsealed": self.unsealed,
            "damaged_chains": [str(damage) for damage in self.damages],
            **({"refused": self.refused} if self.refused else {}),
        }


def plan_purge(
    store: AuditStore,
    keys: KeyRing,
    policy: RetentionPolicy,
    *,
    now: float,
    despite_damage: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> PurgePlan:
    """Return what a purge at `now` would remove; changes nothing. Verifies every chain on the way.

    What is removed was verified and sealed first, so that a purge never covers up for somebody's knife. In a damaged
    trail nothing is removed, for what is missing may have been a hold, unless `despite_damage` lets the chains go that
    are whole. While a hold is missing that is in force by the trail's own word, nothing goes in any case.
    """
    plan = PurgePlan()
    holds = store.holds()
    _, ranges = check_checkpoints(list(store.checkpoints()), keys)
    read = 0
    tombstones: dict[str, list[Tombstone]] = defaultdict(list)
    for tombstone in store.tombstones():
        if tombstone.is_authentic(keys):
            tombstones[tombstone.writer].append(tombstone)
    said_of_holds = HoldRecord(keys)
    for writer, entries in chains(said_of_holds.noting(store.entries())):
        walk = ChainWalk(start(writer), keys, tombstones[writer], ranges[writer])
        part = _ChainPlan(policy, holds, now, _sealed_to(ranges[writer]))
        for entry in walk.follow(entries):
            part.consider(entry)
            read += 1
            if on_progress is not None and not read % _PROGRESS_EVERY:
                on_progress(Progress(read, writer))
        if walk.damage is not None:
            plan.damages.append(walk.damage)
        else:
            part.add_to(plan)
    missing = said_of_holds.missing(holds)
    if missing:
        plan.refuse("a legal hold that is in force by the trail's own word is missing")
    elif plan.damages and not despite_damage:
        plan.refuse("the trail is damaged, and what is missing may have been a legal hold")
    plan.damages += missing
    return plan


def purge(
    trail: Trail,
    keys: KeyRing,
    policy: RetentionPolicy,
    *,
    dry_run: bool = False,
    despite_damage: bool = False,
    clock: Clock = time.time,
    on_progress: Callable[[Progress], None] | None = None,
) -> PurgePlan:
    """Purge what is due and return what was done, or with `dry_run` what would be.

    Seals first, records the purge in the trail (`audit.purged`, as done by whoever acts), then removes. Entries that a
    store cannot remove yet go with the next purge. `despite_damage` as in `plan_purge`.
    """
    if not dry_run:
        Sealer(trail.store, keys, clock=clock).seal()
    now = clock()
    plan = plan_purge(trail.store, keys, policy, now=now, despite_damage=despite_damage, on_progress=on_progress)
    if not dry_run and plan.tombstones:
        trail.record("audit.purged", event_class="administration", policy=policy.keep_days, **plan.as_dict())
        trail.store.purge([tombstone.signed(keys) for tombstone in plan.tombstones])
    return plan


def place_hold(trail: Trail, hold: Hold) -> None:
    """Put a legal hold in force, and record in the trail who did, and what it says (its SHA-256).

    From then on the trail itself knows of it: verification misses it if it is taken away, and nothing is purged. In
    force first, so that a crash in between leaves one that is obeyed.
    """
    trail.store.add_hold(hold)
    trail.record(
        HOLD_PLACED, (HOLD_OBJECT, hold.name), reason=hold.reason, event_class="administration", hold=hold.digest
    )
    trail.seal()


def lift_hold(trail: Trail, keys: KeyRing, name: str, reason: str) -> bool:
    """Take a legal hold out of force, and record in the trail who did; false if there is none of that name.

    One that somebody else has taken away, and that is missed, can be lifted like any other.
    """
    said = HoldRecord(keys)
    for _ in said.noting(trail.store.entries(where=EntryFilter(object_type=HOLD_OBJECT, object_id=name))):
        pass
    if not (said.is_in_force(name) or any(hold.name == name for hold in trail.store.holds())):
        return False
    trail.record(HOLD_LIFTED, (HOLD_OBJECT, name), reason=reason, event_class="administration")
    trail.store.lift_hold(name)
    trail.seal()
    return True


def _sealed_to(ranges: Sequence[Range]) -> int:
    return max((each.last for each in ranges), default=0)


class _ChainPlan:
    """Gathers runs of expired entries of one chain, which the walk has verified."""

    def __init__(self, policy: RetentionPolicy, holds: Sequence[Hold], now: float, sealed_to: int) -> None:
        self._policy = policy
        self._holds = holds
        self._now = now
        self._sealed_to = sealed_to
        self._runs: list[Tombstone] = []
        self._run: _Run | None = None
        self._by_class: Counter[str] = Counter()
        self._by_hold: Counter[str] = Counter()
        self._kept = self._unsealed = 0

    def consider(self, entry: Entry) -> None:
        """Put the entry into a run, or say why it stays."""
        event = parse(entry.event_bytes)
        if is_about_a_hold(entry.event_bytes) or not self._policy.is_expired(event, self._now):
            self._kept += 1
        elif (hold := next((hold for hold in self._holds if hold.covers(event)), None)) is not None:
            self._by_hold[hold.name] += 1
        elif entry.link.seq > self._sealed_to:
            self._unsealed += 1
        else:
            if self._run is None or not self._run.goes_on_with(entry):
                self._end_run()
                self._run = _Run(entry)
            self._run.add(entry)
            self._by_class[event.event_class] += 1
            return
        self._end_run()

    def add_to(self, plan: PurgePlan) -> None:
        """Add what was gathered."""
        self._end_run()
        plan.tombstones += self._runs
        plan.by_class.update(self._by_class)
        plan.by_hold.update(self._by_hold)
        plan.kept += self._kept
        plan.unsealed += self._unsealed

    def _end_run(self) -> None:
        if self._run is not None:
            self._runs.append(self._run.tombstone(self._now, repr(self._policy)))
            self._run = None


class _Run:
    """Entries of one chain without a gap between them."""

    def __init__(self, first: Entry) -> None:
        self._first = first.link
        self._last = first.link
        self._tree = MerkleTree()

    def goes_on_with(self, entry: Entry) -> bool:
        return entry.link.seq == self._last.seq + 1

    def add(self, entry: Entry) -> None:
        self._last = entry.link
        self._tree.add(leaf_of(entry.link.mac, entry.event_bytes))

    def tombstone(self, now: float, reason: str) -> Tombstone:
        first, last = self._first, self._last
        return Tombstone(first.writer, first.seq, last.seq, first.previous, last.mac, self._tree.root(), now, reason)

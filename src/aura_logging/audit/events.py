"""Say what an audit trail remembers: who did what to which object, when, from where, and how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

__all__ = ["Actor", "ActorKind", "AuditEvent", "EVENT_CLASSES", "EventClass", "new_event_id"]

ActorKind = Literal["user", "task", "command", "system", "anonymous"]

EventClass = Literal["change", "access", "authentication", "authorization", "administration", "other"]
"""What a retention policy asks about an event: how long it has to be kept depends on this."""

EVENT_CLASSES: tuple[EventClass, ...] = get_args(EventClass)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `id` is stable (a primary key, a task's name), `label` is what people call it."""

    kind: ActorKind
    id: str = ""
    label: str = ""


def new_event_id(now: float, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Return a UUID of version 7 (RFC 9562, 5.7): ids sort by time, to the millisecond; `now` in Unix seconds."""
    digits = ((int(now * 1000) & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(entropy(10), "big")).to_bytes(16, "big").hex()
    # 48 bits of time, the version, 12 random bits, the variant 0b10, 62 random bits.
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _id_of_now() -> str:
    return new_event_id(time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that happened. Immutable; what it holds is not copied, so hand over plain data.

    `timestamp` counts Unix seconds. `changes` maps a field to its value before and after. `subject` names the person
    whose data it is, where that is somebody else than the actor, for access requests and crypto-shredding. `sealed`
    holds what was encrypted under that subject's key (see `shredding`); where it is set, `changes`, `extra`, `reason`
    and `object_label` are empty.
    """

    action: str
    actor: Actor = Actor("system")
    object_type: str = ""
    object_id: str = ""
    object_label: str = ""
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    outcome: str = "success"
    event_class: EventClass = "other"
    client_ip: str | None = None
    correlation_id: str | None = None
    reason: str | None = None
    subject: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    sealed: str = ""
    timestamp: float = field(default_factory=time.time)
    id: str = field(default_factory=_id_of_now)

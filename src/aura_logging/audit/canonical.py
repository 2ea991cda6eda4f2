"""Give an event its one sequence of bytes, and read it back.

Canonical JSON after the ideas of RFC 8785: UTF-8, members sorted by name, no spaces, shortest text of a number that
reads back as the same number, no Unicode normalisation. Where it differs: names are sorted by code point (RFC 8785: by
UTF-16 unit; the order differs only beyond U+FFFF); integers of 64 bits are written in full (RFC 8785 knows doubles
only); floats are written as orjson does, `1e16` where RFC 8785 says `10000000000000000`. The bytes that were signed are
kept, and never made again to be checked, so no reader depends on these rules. Empty members are left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from aura_logging.audit.events import EVENT_CLASSES, Actor, AuditEvent
from aura_logging.audit.plain_values import plain

__all__ = ["canonical", "parse", "time_from_text", "time_to_text"]

_VERSION = 1

_dumps = orjson.dumps
_SORTED = orjson.OPT_SORT_KEYS

_YEAR_10000 = 253_402_300_800
_cached_second: tuple[int, str] = (-1, "")


def canonical(event: AuditEvent) -> bytes:
    """Return the event's canonical JSON: one line without its newline. `ValueError` for a time that is none.

    Straight-line, for every append goes through here (see benchmarks/audit.py).
    """
    actor = event.actor
    who: dict[str, Any] = {"kind": actor.kind}
    if actor.id:
        who["id"] = actor.id
    if actor.label:
        who["label"] = actor.label
    members: dict[str, Any] = {
        "action": event.action,
        "actor": who,
        "event_class": event.event_class,
        "id": event.id,
        "outcome": event.outcome,
        "timestamp": time_to_text(event.timestamp),
        "v": _VERSION,
    }
    if event.object_type:
        members["object_type"] = event.object_type
    if event.object_id:
        members["object_id"] = event.object_id
    if event.object_label:
        members["object_label"] = event.object_label
    if event.changes:
        members["changes"] = plain_changes(event.changes)
    if event.client_ip:
        members["client_ip"] = event.client_ip
    if event.correlation_id:
        members["correlation_id"] = event.correlation_id
    if event.reason:
        members["reason"] = event.reason
    if event.subject:
        members["subject"] = event.subject
    if event.extra:
        members["extra"] = plain_mapping(event.extra)
    if event.sealed:
        members["sealed"] = event.sealed
    try:
        written: bytes = _dumps(members, None, _SORTED)
    except TypeError:  # half of a surrogate pair, or a text that is none: a lazy translation, say
        written = _dumps(plain(members), None, _SORTED)
    return written


def plain_changes(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    """Return fields with their old and new values as JSON data."""
    return {plain(name): [plain(old), plain(new)] for name, (old, new) in changes.items()}


def plain_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return named values as JSON data."""
    return {plain(name): plain(value) for name, value in values.items()}


def parse(event_bytes: bytes) -> AuditEvent:
    """Return the event that `canonical` wrote; `ValueError` for anything else."""
    members = orjson.loads(event_bytes)
    try:
        if members.pop("v") != _VERSION:
            raise ValueError("written in a version of the format that is not known here")
        event_class = members.pop("event_class")
        if event_class not in EVENT_CLASSES:
            raise ValueError(f"event_class {event_class!r} is unknown")
        return AuditEvent(
            actor=Actor(**members.pop("actor")),
            event_class=event_class,
            timestamp=time_from_text(members.pop("timestamp")),
            changes={name: (old, new) for name, (old, new) in members.pop("changes", {}).items()},
            **members,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an audit event: {error!r}") from None


def time_to_text(seconds: float) -> str:
    """Return Unix seconds as `2026-11-23T05:32:16.123456Z`, to the nearest microsecond; `ValueError` if it is no time.

    The part down to the second is kept from call to call: formatting it anew is most of the cost.
    """
    global _cached_second
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    second, text = _cached_second
    if whole != second:
        if not 0 <= whole < _YEAR_10000:
            raise ValueError(f"timestamp={seconds!r} is no time from 1970 to 9999 in Unix seconds")
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole))
        _cached_second = (whole, text)
    return f"{text}{micros:06d}Z"


def time_from_text(text: str) -> float:
    """Return the Unix seconds of such a text; `ValueError` for another."""
    return datetime.fromisoformat(text).timestamp()

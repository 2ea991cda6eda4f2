"""Show parts of a signed event in columns, to search by, and see where they contradict it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.utils import timezone

__all__ = ["COLUMNS", "columns_of", "contradiction", "time_for_settings"]

COLUMNS = (
    "timestamp",
    "changes",
    "event_class",
    "actor_kind",
    "actor",
    "actor_label",
    "action",
    "object_type",
    "object_id",
    "object_label",
    "outcome",
    "client_ip",
    "correlation_id",
    "reason",
    "subject",
)
"""The columns of `AuditEntry` that repeat what its event says."""

_TIME, _CHANGES = 0, 1


def columns_of(event_bytes: bytes) -> tuple[Any, ...]:
    """Return what the columns say of an event, given its canonical JSON; texts cut to the width of their column.

    NUL, which PostgreSQL does not take, is shown as U+FFFD.
    """
    members = orjson.loads(
        event_bytes.replace(b"\\u0000", b"\xef\xbf\xbd") if b"\\u0000" in event_bytes else event_bytes
    )
    member = members.get
    actor = members["actor"]
    return (
        datetime.fromisoformat(members["timestamp"]),
        member("changes") or {},
        members["event_class"][:16],
        actor["kind"][:16],
        _text(actor.get("id"), 150),
        _text(actor.get("label"), 150),
        _text(members["action"], 100),
        _text(member("object_type"), 150),
        _text(member("object_id"), 255),
        _text(member("object_label"), 200),
        _text(members["outcome"], 50),
        _text(member("client_ip"), 45),
        _text(member("correlation_id"), 128),
        _text(member("reason"), None),
        _text(member("subject"), 255),
    )


def contradiction(shown: tuple[Any, ...], event_bytes: bytes) -> str:
    """Return in words which column says something else than the event, or an empty text.

    `shown` are the columns as the driver gives them: times may be text, and JSON too.
    """
    try:
        expected = columns_of(event_bytes)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # the bytes themselves are no event; the code of the entry tells
    if shown[2:] == expected[2:] and _same_time(shown[_TIME], expected[_TIME]):
        changes = shown[_CHANGES]
        if isinstance(changes, (str, bytes)):
            try:
                changes = orjson.loads(changes)
            except ValueError:
                return "the column changes is not JSON"
        if changes == expected[_CHANGES]:
            return ""
    for name, here, there in zip(COLUMNS[2:], shown[2:], expected[2:], strict=True):
        if here != there:
            return f"the column {name} says {str(here)[:80]!r}, the signed event {str(there)[:80]!r}"
    if not _same_time(shown[_TIME], expected[_TIME]):
        return f"the column timestamp says {shown[_TIME]}, the signed event {expected[_TIME]}"
    return "the column changes contradicts the signed event"


def _text(value: Any, width: int | None) -> str:
    if not value:
        return ""
    text = value if isinstance(value, str) else str(value)
    return text if width is None else text[:width]


def _same_time(shown: Any, expected: datetime) -> bool:
    if isinstance(shown, str):
        try:
            shown = datetime.fromisoformat(shown)
        except ValueError:
            return False
    if not isinstance(shown, datetime):
        return False
    if shown.tzinfo is None:
        # In local time an hour of the autumn comes twice; the two have one text, and one text is all there is.
        return shown in (expected.replace(tzinfo=None), timezone.make_naive(expected))
    return shown.astimezone(UTC) == expected


def time_for_settings(moment: datetime) -> datetime:
    """Return a moment as `USE_TZ` wants it in the column."""
    return moment if settings.USE_TZ else timezone.make_naive(moment)

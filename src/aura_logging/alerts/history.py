"""Remember the alerts that were told last, where all processes can read them: for whoever looks later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import orjson

from aura_logging.alerts.told import Alert
from aura_logging.metrics.stores.base import SharedNotes

__all__ = ["MOST_REMEMBERED", "remember", "told_before"]

_KEY = "alerts-history"
_TRIES = 5

MOST_REMEMBERED = 200
"""Some 60 kB of text, rewritten when an alert is told and at no other time."""


def remember(notes: SharedNotes, alerts: Sequence[Alert]) -> bool:
    """Put alerts, oldest first, before what is remembered, and forget the oldest beyond the most.

    False if others wrote all the time; `StoreError` if the store does not answer.
    """
    for _ in range(_TRIES):
        text = notes.load(_KEY)
        kept = [*reversed(alerts), *_decoded(text)][:MOST_REMEMBERED]
        if notes.swap(_KEY, text, orjson.dumps([asdict(each) for each in kept]).decode()):
            return True
    return False


def told_before(notes: SharedNotes) -> list[Alert]:
    """Return the alerts that were told, the newest first; `StoreError` if the store does not answer."""
    return _decoded(notes.load(_KEY))


def _decoded(text: str | None) -> list[Alert]:
    if not text:
        return []
    try:
        return [Alert(**each) for each in orjson.loads(text)]
    except (ValueError, TypeError):  # another release's notes
        return []

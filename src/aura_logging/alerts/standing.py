"""Keep where each alert stands as one text in the store that the fleet shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from aura_logging.alerts.states import AlertState
from aura_logging.alerts.told import Alert
from aura_logging.metrics.stores.base import SharedNotes

__all__ = ["KEY", "decoded", "encoded", "standing_of"]

KEY = "alerts"
"""Of the note in the store."""


def standing_of(notes: SharedNotes) -> dict[str, AlertState]:
    """Return each rule's state, but for those that were always quiet; `StoreError` if the store does not answer."""
    return decoded(notes.load(KEY))[0]


def encoded(states: Mapping[str, AlertState], untold: Sequence[Alert]) -> str:
    """Return states, and what has still to be told, as one text."""
    noted = {
        "states": {name: asdict(state) for name, state in states.items() if state != AlertState()},
        "untold": [asdict(alert) for alert in untold],
    }
    return orjson.dumps(noted).decode()


def decoded(text: str | None) -> tuple[dict[str, AlertState], list[Alert]]:
    """Return them again; of a text that cannot be read, nothing."""
    if not text:
        return {}, []
    try:
        noted: dict[str, Any] = orjson.loads(text)
        states = {name: AlertState(**state) for name, state in noted["states"].items()}
        return states, [Alert(**alert) for alert in noted["untold"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        # Another release's notes: to begin again tells an alert that still fires once more, and misses none.
        return {}, []

"""Offer the stretches of time that a page may be about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SPANS", "Span", "chosen_span"]


@dataclass(frozen=True, slots=True)
class Span:
    """One choice: `key` stands in the URL."""

    key: str
    words: str
    seconds: float


SPANS: Sequence[Span] = (
    Span("15m", "15 minutes", 900.0),
    Span("1h", "hour", 3_600.0),
    Span("24h", "24 hours", 86_400.0),
    Span("7d", "7 days", 7 * 86_400.0),
    Span("90d", "90 days", 90 * 86_400.0),
)

_USUAL = SPANS[1]


def chosen_span(key: str | None) -> Span:
    """Return the one that was chosen; the hour for none, or for one that there is not."""
    return next((span for span in SPANS if span.key == key), _USUAL)

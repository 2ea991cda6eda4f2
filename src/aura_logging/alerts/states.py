"""Step an alert from quiet to pending to firing and back: pure, one rule at one moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from aura_logging.alerts.rules import Rule

__all__ = ["AlertState", "Phase", "step"]

Phase = Literal["quiet", "pending", "firing"]


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where a rule's alert stands; times in Unix seconds, 0 for never.

    `since` is when the phase began, `fired_at` when it last fired, `calm_since` since when a firing alert's value has
    been below the threshold. Only steps change it, so it is written seldom.
    """

    phase: Phase = "quiet"
    since: float = 0.0
    fired_at: float = 0.0
    calm_since: float = 0.0


def step(
    rule: Rule, state: AlertState, value: float | None, now: float
) -> tuple[AlertState, Literal["firing", "resolved"] | None]:
    """Return the next state, and what has to be told.

    A time of the state that lies ahead of `now` was noted before the clock was put back, and is taken for now.
    """
    if max(state.since, state.fired_at, state.calm_since) > now:
        state = AlertState(state.phase, min(state.since, now), min(state.fired_at, now), min(state.calm_since, now))
    too_much = value is not None and value > rule.threshold
    if state.phase == "firing":
        if too_much:
            return (replace(state, calm_since=0.0) if state.calm_since else state), None
        calm_since = state.calm_since or now
        if now - calm_since >= rule.resolve_seconds:
            return AlertState("quiet", now, state.fired_at), "resolved"
        return replace(state, calm_since=calm_since), None
    if not too_much:
        return (AlertState("quiet", now, state.fired_at) if state.phase == "pending" else state), None
    began = state.since if state.phase == "pending" else now
    is_cool = not state.fired_at or now - state.fired_at >= rule.cooldown_seconds
    if is_cool and now - began >= rule.for_seconds:
        return AlertState("firing", now, now), "firing"
    return AlertState("pending", began, state.fired_at), None

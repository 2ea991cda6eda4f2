"""Keep the overrides of a fleet in the store that its processes share, as one short text."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from aura_logging import levels
from aura_logging.metrics.stores.base import SharedNotes, StoreError
from aura_logging.resilience.clock import Clock

__all__ = ["LevelOverride", "add_override", "clear_overrides", "overrides_in"]

_KEY = "level-overrides"
_MOST_OVERRIDES = 50
"""A list that grows without end would cost every process every second."""
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOverride:
    """Somebody's wish: this logger, and those below it, at this level until `expires_at` (Unix seconds).

    With `user_id` or `route`, only for records with exactly these fields; of what is below the logger's ordinary level
    the share `rate` (0 to 1), whole requests, is written. `asked_by` is for those who wonder.
    """

    logger: str
    level: str
    expires_at: float
    rate: float = 1.0
    user_id: str | None = None
    route: str | None = None
    asked_by: str = ""

    @property
    def level_number(self) -> int:
        """The level as `logging` counts."""
        return levels.level_number(self.level) or 0

    def has_same_subject(self, other: LevelOverride) -> bool:
        """Tell whether the other is about the same records, so that the newer one takes its place."""
        return (self.logger, self.user_id, self.route) == (other.logger, other.user_id, other.route)


def overrides_in(notes: SharedNotes, clock: Clock = time.time) -> list[LevelOverride]:
    """Return those that have not expired, the newest first; raises `StoreError` if the store cannot be asked.

    What cannot be read, of a later version say, is passed by.
    """
    return _unexpired(notes.load(_KEY), clock())


def add_override(notes: SharedNotes, override: LevelOverride, clock: Clock = time.time) -> None:
    """Put it in front of the others and in the place of one about the same records; raises `StoreError`."""

    def change(known: list[LevelOverride]) -> list[LevelOverride]:
        others = [each for each in known if not each.has_same_subject(override)]
        return [override, *others][:_MOST_OVERRIDES]

    _change(notes, change, clock)


def clear_overrides(notes: SharedNotes, logger: str | None = None, clock: Clock = time.time) -> int:
    """End the overrides of this logger, or all; returns how many there were. Raises `StoreError`."""
    ended: list[int] = []

    def change(known: list[LevelOverride]) -> list[LevelOverride]:
        left = [each for each in known if logger is not None and each.logger != logger]
        ended.append(len(known) - len(left))
        return left

    _change(notes, change, clock)
    return ended[-1]


def _change(notes: SharedNotes, change: Callable[[list[LevelOverride]], Sequence[LevelOverride]], clock: Clock) -> None:
    for _ in range(_ATTEMPTS):
        before = notes.load(_KEY)
        after = json.dumps([asdict(each) for each in change(_unexpired(before, clock()))])
        if before == after or notes.swap(_KEY, before, after):
            return
    raise StoreError(f"somebody else changed the overrides {_ATTEMPTS} times meanwhile; try again.")


def _unexpired(text: str | None, now: float) -> list[LevelOverride]:
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    if not isinstance(found, list):
        return []
    overrides = [_override(each) for each in found]
    return [each for each in overrides if each is not None and now < each.expires_at]


def _override(fields: object) -> LevelOverride | None:
    if not isinstance(fields, dict):
        return None
    try:
        override = LevelOverride(**fields)
    except TypeError:
        return None
    texts = (override.user_id, override.route)
    is_sound = (
        isinstance(override.logger, str)
        and isinstance(override.level, str)
        and levels.level_number(override.level) is not None
        and _is_number(override.expires_at)
        and _is_number(override.rate)
        and 0 <= override.rate <= 1
        and all(each is None or isinstance(each, str) for each in texts)
        and isinstance(override.asked_by, str)
    )
    return override if is_sound else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

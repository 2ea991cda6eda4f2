"""Hold what somebody asked for a while: more of one logger, or less, for one user or one route."""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aura_logging.options import OptionError

__all__ = ["Override", "OverrideListener", "current", "override_for", "set_overrides", "tell_of_overrides"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What is kept of some records until `expires_at`, whatever the sampling options say.

    It is about `logger` and the loggers below it (`""` is all), from `level` up to below ERROR; with `user_id` or
    `route`, about records with exactly these fields. Such a record is kept with the probability `rate`, by the same
    hash of its correlation id as everywhere, and none of the other limits is asked. ERROR and above, audit and
    security records are kept in any case.

    To have a logger say more, its level must be lowered too. Then `ordinary_level` is what that was before: records
    below it exist only for the override's sake, and those that it is not about are dropped as `override`.
    `expires_at` is a time of `time.time`; an override that has expired is as good as gone.
    """

    logger: str = ""
    level: int = logging.DEBUG
    rate: float = 1.0
    user_id: str | None = None
    route: str | None = None
    ordinary_level: int = logging.NOTSET
    expires_at: float = math.inf

    def __post_init__(self) -> None:
        if isinstance(self.rate, bool) or not isinstance(self.rate, (int, float)) or not 0 <= self.rate <= 1:
            raise OptionError(f"rate={self.rate!r} must be a number from 0 to 1.")

    def told(self, now: float) -> dict[str, object]:
        """Return what it asks for and for how much longer, for `health()`."""
        about = {"user_id": self.user_id, "route": self.route, "rate": None if self.rate == 1 else self.rate}
        left = None if math.isinf(self.expires_at) else round(self.expires_at - now)
        return {
            "logger": self.logger or "root",
            "level": logging.getLevelName(self.level),
            "seconds_left": left,
            **{name: value for name, value in about.items() if value is not None},
        }

    def concerns(self, logger: str, level: int) -> bool:
        """Tell whether it may be about records of this logger and level."""
        below = not self.logger or logger == self.logger or logger.startswith(f"{self.logger}.")
        return below and self.level <= level < logging.ERROR

    def is_about(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether a record of such a logger and level has the user and the route that are asked for."""
        return (self.user_id is None or str(fields.get("user_id")) == self.user_id) and (
            self.route is None or fields.get("route") == self.route
        )


class OverrideListener(Protocol):
    """Decides by the overrides, and remembers which of them matter to what."""

    def overrides_changed(self) -> None:
        """Look at `current()` anew; called on the thread that set them."""
        ...


_table: tuple[Override, ...] = ()
_listeners: weakref.WeakSet[OverrideListener] = weakref.WeakSet()


def set_overrides(overrides: Iterable[Override]) -> None:
    """Replace all overrides of this process by these; of several that are about a record, the first decides.

    Any thread may call it; records that are being decided meanwhile may still meet the old ones. No override
    costs nothing, one costs about a microsecond for the records of its loggers.
    """
    global _table
    _table = tuple(overrides)
    for listener in list(_listeners):
        listener.overrides_changed()


def current() -> tuple[Override, ...]:
    """Return the overrides that were set last, also those that have expired since."""
    return _table


def override_for(overrides: Iterable[Override], fields: Mapping[str, Any], now: float) -> Override | None:
    """Return the first that is about a record with these fields at this time of `time.time`."""
    for override in overrides:
        if now < override.expires_at and override.is_about(fields):
            return override
    return None


def tell_of_overrides(listener: OverrideListener) -> None:
    """Tell the listener whenever overrides are set; it is held weakly."""
    _listeners.add(listener)

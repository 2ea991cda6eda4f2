"""Let `AURA["FAST_LANE"]` say whether log calls may come to a line without a record."""

from __future__ import annotations

from dataclasses import dataclass

from aura_logging import fast_lane
from aura_logging.django.conf import declare, options
from aura_logging.options import from_env

__all__ = ["FastLaneOptions", "apply"]


@dataclass(frozen=True, slots=True)
class FastLaneOptions:
    """`enabled` makes `logging`'s own loggers take the short way where nobody but us would see a record."""

    enabled: bool = from_env("AURA_FAST_LANE", default=True)


declare("FAST_LANE", FastLaneOptions)


def apply() -> None:
    """Install the fast lane unless somebody said no."""
    if options(FastLaneOptions).enabled:
        fast_lane.install()

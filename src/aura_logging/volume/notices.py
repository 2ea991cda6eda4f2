"""Say in one record what was not written one by one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LOGGER", "Notice", "held_back", "suppressed"]

LOGGER = "aura.sampling"
"""Where all notices are from: a name that no sampling drops."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a record on `aura.sampling` will say: at the level of what it is about, so that the same readers see it."""

    level: int
    message: str
    args: tuple[object, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> logging.LogRecord:
        """Return the record."""
        record = logging.LogRecord(LOGGER, self.level, __file__, 0, self.message, self.args, None)
        record.__dict__.update(self.fields)
        return record


def suppressed(logger: str, level: int, count: int, sample_rate: float, like: str, seconds: float) -> Notice:
    """Return the notice of a storm: so many records like this one were not written, over so many seconds."""
    return Notice(
        level,
        "suppressed %s like this: %s",
        (f"{count:,}", like),
        {
            "suppressed": count,
            "suppressed_logger": logger,
            "suppressed_reason": "folded",
            "suppressed_seconds": round(seconds, 3),
            **({"sample_rate": sample_rate} if sample_rate < 1 else {}),
        },
    )


def held_back(logger: str, level: int, count: int, sample_rate: float, reason: str) -> Notice:
    """Return the notice of records that a limit kept back and no later line stands for."""
    return Notice(
        level,
        "suppressed %s %s records of %s: %s",
        (f"{count:,}", logging.getLevelName(level), logger, reason.replace("_", " ")),
        {
            "suppressed": count,
            "suppressed_logger": logger,
            "suppressed_reason": reason,
            **({"sample_rate": sample_rate} if sample_rate < 1 else {}),
        },
    )

"""Check the numbers and levels that a handler is given, by name."""

from __future__ import annotations

import math

from aura_logging import levels
from aura_logging.options import OptionError, nearest

__all__ = ["check_counts", "check_seconds", "level_number"]


def check_counts(**options: object) -> None:
    """Raise `OptionError` for what is not a whole number over 0."""
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise OptionError(f"{name}={value!r} must be a whole number over 0.")


def check_seconds(**options: object) -> None:
    """Raise `OptionError` for what is not a finite number of seconds over 0."""
    for name, value in options.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type,operator]  # a number
            raise OptionError(f"{name}={value!r} must be a number of seconds over 0, as in 1.0.")


def level_number(option: str, level: int | str) -> int:
    """Return the number of a level that is given by name or number; `OptionError` for what is none."""
    number = levels.level_number(level)
    if number is None:
        raise OptionError(f"{option}={level!r} is no level. {nearest(str(level), levels.level_names())}")
    return number

"""Check the numbers that a handler is given, by name."""

from __future__ import annotations

import math

from aura_logging.options import OptionError

__all__ = ["check_counts", "check_seconds"]


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

"""Know a question when it is asked again, without keeping what was asked."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Final
from uuid import UUID

__all__ = ["identity", "question"]

# What shows all of itself in its `repr`.
_PLAIN: Final = frozenset(
    {int, float, bool, str, bytes, NoneType, Decimal, date, datetime, time, timedelta, UUID},
)
_SEQUENCES: Final = (tuple, list)
_BASES: Final = (int, float, str, bytes)
# What shows where it is instead of what, or only its beginning.
_HIDES: Final = re.compile(r"\bat 0x|\.\.\.")


class _UnknownError(Exception):
    """A value does not show what it is."""


def question(sql: str, alias: str, params: Any, writes: int) -> int | None:
    """Return the hash of a question to a database after so many writes; `None` if no two of it can be told apart."""
    told = identity(params)
    return None if told is None else hash((sql, alias, told, writes))


def identity(params: Any) -> Hashable | None:
    """Return what is the same for the same parameters only, `None` where they do not show what they are.

    Not `hash`: -1 and -2 have the same, and a list has none. It holds the values, so it is not to be kept. Never
    raises.
    """
    try:
        if type(params) in _SEQUENCES and len(params) == 1:
            value = params[0]
            if type(value) is int and value >= 0:
                return value
        if params is None or (type(params) in _SEQUENCES and _PLAIN.issuperset(map(type, params))):
            return repr(params)
        return repr(_exact(params))
    except Exception:  # noqa: BLE001  # a parameter's own code
        return None


def _exact(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, _BASES):
        return value
    if isinstance(value, (tuple, list)):
        return [_exact(each) for each in value]
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    if hasattr(value, "tobytes"):  # a memoryview shows its address, an array of numpy's its ends
        return kind, value.tobytes()
    if hasattr(value, "obj"):  # psycopg's wrappers show the beginning of what they hold
        return kind, _exact(value.obj)
    shown = repr(value)
    if _HIDES.search(shown):
        raise _UnknownError
    return kind, shown

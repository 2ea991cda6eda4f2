"""Read a level as people write it: a name of `logging`'s or of their own, in any case, or a number."""

from __future__ import annotations

import logging

__all__ = ["level_names", "level_number"]

_OLD_SPELLINGS = frozenset({"WARN", "FATAL"})


def level_number(level: object) -> int | None:
    """Return the level's number, `None` for what is no level; a name is one that is known now (`addLevelName`)."""
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    if not isinstance(level, str):
        return None
    known = logging.getLevelNamesMapping()
    number = known.get(level)  # as it is first: somebody may have added a name in lower case
    return known.get(level.upper()) if number is None else number


def level_names() -> list[str]:
    """Return the names to offer where one was wrong, the least serious first: `WARN` and `FATAL` are spelled out."""
    known = logging.getLevelNamesMapping()
    return sorted(known.keys() - _OLD_SPELLINGS, key=lambda name: (known[name], name))

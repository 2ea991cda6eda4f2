"""Remember where users were last, for all processes that share windows."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from dataclasses import asdict

import orjson

from aura_logging.resilience.clock import Clock
from aura_logging.threats.geo import Place, Visit
from aura_logging.threats.windows import Windows

__all__ = ["VISIT_SECONDS", "SharedVisits"]

VISIT_SECONDS = 90 * 86_400.0
"""After three months without a login a user's last place is forgotten."""


class SharedVisits(MutableMapping[str, Visit]):
    """The memory of a `JourneyWatch`, in windows: a place by user, for three months after the last login.

    Keys are as they are given: give pseudonyms. It cannot be listed. `OSError` while the windows cannot be used.
    """

    def __init__(self, windows: Windows, clock: Clock = time.time) -> None:
        self._windows = windows
        self._clock = clock

    def __getitem__(self, key: str) -> Visit:
        note = self._windows.recall(f"visit:{key}", self._clock())
        if note is None:
            raise KeyError(key)
        try:
            known = orjson.loads(note)
            return Visit(Place(**known["place"]), known["at"], tuple(known["countries"]))
        except (ValueError, TypeError, KeyError) as error:  # another release's note
            raise KeyError(key) from error

    def __setitem__(self, key: str, visit: Visit) -> None:
        self._windows.remember(f"visit:{key}", orjson.dumps(asdict(visit)).decode(), self._clock(), VISIT_SECONDS)

    def __delitem__(self, key: str) -> None:
        self._windows.remember(f"visit:{key}", "", self._clock(), 0.0)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

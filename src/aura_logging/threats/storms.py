"""Tell the first few events of a kind from one source, and then only how many they have become."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["Storm", "Storms"]

STORMS_AT_MOST = 10_000
"""Sources and kinds kept at once, about 3 MB; of more, the one not heard of for longest ends."""


@dataclass(frozen=True, slots=True)
class Storm:
    """How an event, or the end of many, is to be told.

    `count` events have come from `source` in `seconds`, and `untold` of them since it was last told.
    """

    source: str
    kind: str
    count: int
    untold: int
    seconds: float


@dataclass(slots=True)
class _Course:
    began: float
    last: float
    told_at: float
    count: int = 0
    untold: int = 0


class Storms:
    """Folds events; any thread may call it.

    Of each source and kind the first `tell_first` events are told one by one, then the 10th, 100th, 1,000th …, and
    one at least every `tell_again_seconds`. After `quiet_seconds` without one the storm is over, and `ended` has what
    was left untold. So 10,000 requests of a scanner come to a dozen records, which say how many there were.
    """

    def __init__(
        self,
        *,
        tell_first: int = 5,
        quiet_seconds: float = 60.0,
        tell_again_seconds: float = 600.0,
        storms_at_most: int = STORMS_AT_MOST,
        clock: Clock = time.monotonic,
    ) -> None:
        self._tell_first = tell_first
        self._quiet_seconds = quiet_seconds
        self._tell_again_seconds = tell_again_seconds
        self._storms_at_most = storms_at_most
        self._clock = clock
        self._courses: OrderedDict[tuple[str, str], _Course] = OrderedDict()
        self._over: list[Storm] = []
        self._lock = threading.Lock()
        self.folded = 0
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: what the parent counted, the parent tells."""
        self._lock = threading.Lock()
        self._courses.clear()
        self._over.clear()

    def seen(self, source: str, kind: str) -> Storm | None:
        """Count an event, and return how it is to be told; None when it is not."""
        now = self._clock()
        with self._lock:
            self._end_quiet(now)
            course = self._courses.get((source, kind))
            if course is None:
                course = self._courses[source, kind] = _Course(now, now, now)
                if len(self._courses) > self._storms_at_most:
                    self._end(next(iter(self._courses)))
            self._courses.move_to_end((source, kind))
            course.count += 1
            course.untold += 1
            course.last = now
            due = now - course.told_at >= self._tell_again_seconds
            if course.count > self._tell_first and not due and not _is_power_of_ten(course.count):
                self.folded += 1
                return None
            storm = Storm(source, kind, course.count, course.untold, now - course.began)
            course.untold, course.told_at = 0, now
            return storm

    def ended(self) -> list[Storm]:
        """Return the storms that are over with something left untold, each once."""
        if not self._courses and not self._over:
            return []
        with self._lock:
            self._end_quiet(self._clock())
            over, self._over = self._over, []
        return over

    def end_all(self) -> None:
        """End every storm now: the process does."""
        with self._lock:
            for key in list(self._courses):
                self._end(key)

    def _end_quiet(self, now: float) -> None:
        while self._courses:
            key, course = next(iter(self._courses.items()))
            if now - course.last < self._quiet_seconds:
                return
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        course = self._courses.pop(key)
        if course.untold and len(self._over) < self._storms_at_most:
            self._over.append(Storm(*key, course.count, course.untold, course.last - course.began))


def _is_power_of_ten(count: int) -> bool:
    return count >= 10 and set(str(count)[1:]) == {"0"} and str(count)[0] == "1"

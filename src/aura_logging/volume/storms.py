"""Fold what is said again and again: the first lines, then every so many-th, then one that tells the number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from aura_logging.encoding import plain_text
from aura_logging.resilience.clock import Clock
from aura_logging.volume.fingerprints import Fingerprint, exception_fingerprint, template_fingerprint

__all__ = ["Ended", "FoldOptions", "Storms"]

_LONGEST_EXAMPLE = 200


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """How many of the same are written: `first` of them in `window_seconds`, from then on every `every`-th.

    A storm ends when no more than `first` came in a whole window. One that goes on is reported every
    `report_seconds`. At most `most_kinds` kinds of records are known at once.
    """

    first: int = 500
    every: int = 1_000
    window_seconds: float = 10.0
    report_seconds: float = 60.0
    most_kinds: int = 2_000


@dataclass(frozen=True, slots=True)
class Ended:
    """A storm that is over, or the part of it that has not been reported yet."""

    logger: str
    level: int
    like: str
    suppressed: int
    seconds: float


class _Storm:
    """What is known of one kind of records, and how many more of them pass, or do not, without a look at the clock."""

    __slots__ = (
        "arrived_before",
        "began",
        "granted",
        "is_folding",
        "kept",
        "key",
        "left",
        "like",
        "reported",
        "reported_at",
        "skip",
    )  # fmt: skip

    def __init__(self, key: Fingerprint, like: str, first: int, now: float) -> None:
        self.key = key
        self.like = like
        self.left = first
        self.skip = 0
        self.granted = 0
        self.kept = 0
        self.began = now
        self.is_folding = False
        self.reported = 0
        self.reported_at = now
        self.arrived_before = 0

    @property
    def suppressed(self) -> int:
        return self.granted - self.skip


class Storms:
    """Decides for each record whether one more like it is worth a line; every one that is not is counted exactly.

    Records are alike if logger, level, template, and the class and place of the exception are. `ended` is called,
    under the lock, with what is to be reported; `begun` when the first storm begins, so that somebody calls `tick`
    about once a second while `is_stormy`. Memory is bounded: of kinds seen once and then no more, the oldest are
    forgotten and counted in `forgotten`; a storm that must make room is reported.

    Any thread may ask. A kind that is calm costs a look into a dict, one that is folded not much more. The
    countdowns rely on the interpreter not changing threads within `if a.n > 0: a.n -= 1`, which holds for CPython with
    a GIL.
    """

    def __init__(
        self,
        options: FoldOptions,
        clock: Clock,
        ended: Callable[[Ended], None],
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._ended = ended
        self._begun = begun
        self._start_afresh()

    def _start_afresh(self) -> None:
        # Reentrant: a signal handler that logs may come by on the thread that is inside.
        self._lock = threading.RLock()
        # Two generations: what is met again moves to the younger one; when that is full, the older one is let go.
        self._young: dict[Fingerprint, _Storm] = {}
        self._old: dict[Fingerprint, _Storm] = {}
        self._active: dict[Fingerprint, _Storm] = {}
        self.forgotten = 0

    def after_fork_in_child(self) -> None:
        """Begin with nothing: the storms are the parent's to report."""
        self._start_afresh()

    @property
    def is_stormy(self) -> bool:
        """Whether something is being folded, so that `tick` has something to do."""
        return bool(self._active)

    @property
    def active(self) -> int:
        """How many storms there are."""
        return len(self._active)

    @property
    def known(self) -> int:
        """How many kinds of records are remembered."""
        return len(self._young) + len(self._old)

    def admits(
        self, logger: str, level: int, template: object, exc_info: object = None, exc_text: str | None = None
    ) -> bool:
        """Tell whether this one is written; if not, it is counted."""
        key: Fingerprint
        if exc_info or exc_text or type(template) is not str:
            key = (logger, level, *template_fingerprint(template), *exception_fingerprint(exc_info, exc_text))
        else:
            key = (logger, level, template)
        storm = self._young.get(key) or self._meet(key, template)
        if storm.left > 0:
            storm.left -= 1
            return True
        if storm.skip > 0:
            storm.skip -= 1
            return False
        with self._lock:
            return self._turn(storm)

    def tick(self) -> None:
        """Report what has ended, and what has gone on for long."""
        with self._lock:
            now = self._clock()
            for storm in list(self._active.values()):
                self._look_at(storm, now)

    def end_all(self) -> None:
        """Report everything now: the process is about to end."""
        with self._lock:
            now = self._clock()
            for storm in list(self._active.values()):
                self._end(storm, now)

    def _meet(self, key: Fingerprint, template: object) -> _Storm:
        with self._lock:
            if type(template) is str and len(key) == 3:  # it may be too long to be kept as it is
                key = (*key[:2], *template_fingerprint(template))
            storm = self._young.get(key) or self._old.pop(key, None)
            if storm is None:
                like = plain_text(template)[:_LONGEST_EXAMPLE]
                storm = _Storm(key, like, self._options.first, self._clock())
            if key not in self._young:
                if len(self._young) >= max(1, self._options.most_kinds // 2):
                    self._let_the_old_go()
                self._young[key] = storm
            return storm

    def _let_the_old_go(self) -> None:
        now = self._clock()
        for storm in self._old.values():
            if storm.is_folding:
                self._end(storm, now)
        self.forgotten += len(self._old)
        self._old, self._young = self._young, {}

    def _turn(self, storm: _Storm) -> bool:
        """Decide at the end of a countdown, and begin the next."""
        if storm.left > 0 or storm.skip > 0:  # another thread was here first
            if storm.left > 0:
                storm.left -= 1
                return True
            storm.skip -= 1
            return False
        now = self._clock()
        if storm.is_folding:
            self._look_at(storm, now)
        if not storm.is_folding:
            if now - storm.began >= self._options.window_seconds:
                storm.began = now
                storm.left = self._options.first - 1
                return True
            self._begin(storm, now)
            return self._suppress(storm)
        storm.kept += 1
        storm.granted += self._options.every - 1
        storm.skip += self._options.every - 1
        return True

    def _begin(self, storm: _Storm, now: float) -> None:
        storm.is_folding = True
        storm.began = storm.reported_at = now
        storm.granted = storm.skip = self._options.every - 1
        storm.kept = storm.reported = storm.arrived_before = 0
        self._active[storm.key] = storm
        self._begun()

    def _suppress(self, storm: _Storm) -> bool:
        if storm.skip <= 0:  # every=1 folds nothing
            return True
        storm.skip -= 1
        return False

    def _look_at(self, storm: _Storm, now: float) -> None:
        if now - storm.began >= self._options.window_seconds:
            arrived = storm.kept + storm.suppressed
            if arrived - storm.arrived_before <= self._options.first:
                self._end(storm, now)
                return
            storm.arrived_before = arrived
            storm.began = now
        if now - storm.reported_at >= self._options.report_seconds:
            self._report(storm, now)

    def _end(self, storm: _Storm, now: float) -> None:
        # From here on no thread counts without the lock: what is granted and not used is taken back at once.
        unused, storm.skip = storm.skip, 0
        storm.granted -= unused
        self._report(storm, now)
        self._active.pop(storm.key, None)
        storm.is_folding = False
        storm.granted = storm.left = 0
        # A window ago: the next one of the kind begins a new window.
        storm.began = now - self._options.window_seconds

    def _report(self, storm: _Storm, now: float) -> None:
        unreported = storm.suppressed - storm.reported
        if unreported > 0:
            storm.reported += unreported
            logger, level = storm.key[:2]
            self._ended(Ended(str(logger), int(level), storm.like, unreported, now - storm.reported_at))  # type: ignore[call-overload]
        storm.reported_at = now

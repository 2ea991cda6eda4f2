"""Fold what is said again and again: the first lines, then every so many-th, then one that tells the number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from aura_logging.plain_data import plain_text
from aura_logging.resilience.clock import Clock
from aura_logging.volume.fingerprints import exception_fingerprint, template_fingerprint

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


class Kind:
    """What is known of records that say the same, and how many more of them pass, or do not, without a look at a clock.

    `left` more pass; after them `skip` more are folded; when both are used up, `Storms.turn` decides.
    """

    __slots__ = (
        "arrived_before",
        "began",
        "granted",
        "is_folding",
        "kept",
        "key",
        "left",
        "level",
        "like",
        "logger",
        "reported",
        "reported_at",
        "skip",
    )  # fmt: skip

    def __init__(self, logger: str, level: int, key: object, like: str, first: int, now: float) -> None:
        self.logger = logger
        self.level = level
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
        """How many were folded in this kind."""
        return self.granted - self.skip


class Storms:
    """Decides for each record whether one more like it is worth a line; every one that is not is counted exactly.

    Records are alike if logger, level, template, and the class and place of the exception are. `ended` is called,
    under the lock, with what is to be reported; `begun` when a storm begins, so that somebody calls `tick` about once
    a second while `is_stormy`. Memory is bounded: of kinds seen once and then no more, the oldest are forgotten and
    counted in `forgotten`; a storm that must make room is reported.

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
        self._young: dict[tuple[str, int], dict[object, Kind]] = {}
        self._young_count = 0
        self._old: dict[tuple[str, int, object], Kind] = {}
        self._active: dict[Kind, None] = {}
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
        return self._young_count + len(self._old)

    def kinds_of(self, logger: str, level: int) -> dict[object, Kind]:
        """Return the kinds of a logger and level that are at hand, by template: always the same dict, to be read only.

        For a hot path, which may look here before it asks `kind` about a template that is a string, without exception.
        """
        with self._lock:
            return self._young.setdefault((logger, level), {})

    def admits(self, logger: str, level: int, template: object, exc_info: object = None) -> bool:
        """Tell whether this one is written; if not, it is counted."""
        kind = self.kind(logger, level, template, exc_info)
        if kind.left > 0:
            kind.left -= 1
            return True
        if kind.skip > 0:
            kind.skip -= 1
            return False
        return self.turn(kind)

    def kind(self, logger: str, level: int, template: object, exc_info: object = None) -> Kind:
        """Return what is known of records like this one."""
        key: object = template_fingerprint(template)
        raised = exception_fingerprint(exc_info)
        if raised:
            key = (key, *raised)
        with self._lock:
            young = self._young.setdefault((logger, level), {})
            kind = young.get(key)
            if kind is None:
                kind = self._old.pop((logger, level, key), None)
                if kind is None:
                    like = plain_text(template)[:_LONGEST_EXAMPLE]
                    kind = Kind(logger, level, key, like, self._options.first, self._clock())
                if self._young_count >= max(1, self._options.most_kinds // 2):
                    self._let_the_old_go()
                young[key] = kind
                self._young_count += 1
            return kind

    def tick(self) -> None:
        """Report what has ended, and what has gone on for long."""
        with self._lock:
            now = self._clock()
            for kind in list(self._active):
                self._look_at(kind, now)

    def end_all(self) -> None:
        """Report everything now: the process is about to end."""
        with self._lock:
            now = self._clock()
            for kind in list(self._active):
                self._end(kind, now)

    def turn(self, kind: Kind) -> bool:
        """Decide at the end of a countdown, and begin the next; tell whether this one is written."""
        with self._lock:
            if kind.left > 0:  # another thread was here first
                kind.left -= 1
                return True
            if kind.skip > 0:
                kind.skip -= 1
                return False
            now = self._clock()
            if kind.is_folding:
                self._look_at(kind, now)
            if kind.is_folding:
                kind.kept += 1
                kind.granted += self._options.every - 1
                kind.skip += self._options.every - 1
                return True
            if now - kind.began >= self._options.window_seconds:
                kind.began = now
                kind.left = self._options.first - 1
                return True
            self._begin(kind, now)
            kind.skip -= 1
            return False

    def _let_the_old_go(self) -> None:
        now = self._clock()
        for kind in self._old.values():
            if kind.is_folding:
                self._end(kind, now)
        self.forgotten += len(self._old)
        self._old = {}
        for (logger, level), young in self._young.items():
            self._old.update({(logger, level, key): kind for key, kind in young.items()})
            young.clear()  # it is known to who looks here on a hot path
        self._young_count = 0

    def _begin(self, kind: Kind, now: float) -> None:
        kind.is_folding = True
        kind.began = kind.reported_at = now
        kind.granted = kind.skip = self._options.every - 1
        kind.kept = kind.reported = kind.arrived_before = 0
        self._active[kind] = None
        self._begun()

    def _look_at(self, kind: Kind, now: float) -> None:
        if now - kind.began >= self._options.window_seconds:
            arrived = kind.kept + kind.suppressed
            if arrived - kind.arrived_before <= self._options.first:
                self._end(kind, now)
                return
            kind.arrived_before = arrived
            kind.began = now
        if now - kind.reported_at >= self._options.report_seconds:
            self._report(kind, now)

    def _end(self, kind: Kind, now: float) -> None:
        # From here on no thread counts without the lock: what is granted and not used is taken back at once.
        unused, kind.skip = kind.skip, 0
        kind.granted -= unused
        self._report(kind, now)
        self._active.pop(kind, None)
        kind.is_folding = False
        kind.granted = kind.left = 0
        # A window ago: the next one of the kind begins a new window.
        kind.began = now - self._options.window_seconds

    def _report(self, kind: Kind, now: float) -> None:
        unreported = kind.suppressed - kind.reported
        if unreported > 0:
            kind.reported += unreported
            self._ended(Ended(kind.logger, kind.level, kind.like, unreported, now - kind.reported_at))
        kind.reported_at = now

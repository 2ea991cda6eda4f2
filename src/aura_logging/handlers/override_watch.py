"""Follow the overrides that somebody set for the whole fleet, within a second or two, and end them in time."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Sequence

from aura_logging import context, records
from aura_logging.handlers.override_notes import LevelOverride, overrides_in
from aura_logging.metrics.stores.base import SharedNotes
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.volume import overrides as table
from aura_logging.volume.overrides import Override, override_for
from aura_logging.volume.shares import identity_of, share_of_identity, share_of_message

__all__ = ["OverrideWatch"]

_LOOK_SECONDS = 1.0
"""Every process asks the store so often: one read by key."""


class OverrideWatch:
    """Asks the store every second for overrides, and has this process's loggers do what they say.

    A logger's level is lowered or raised for as long as an override lasts and is then what it was before, unless
    somebody else has set it meanwhile. Records that exist only for the sake of an override and that it is not about
    (another user, another route) get past no handler. An unreachable store changes nothing, and expiry needs none.

    The thread begins with `start`, and in a forked child with its own; it ends with this object.
    """

    def __init__(self, notes: SharedNotes, *, wall_clock: Clock = time.time) -> None:
        self._notes = notes
        self._wall_clock = wall_clock
        self._overrides: Sequence[LevelOverride] = ()
        self._levels: dict[str, tuple[int, int, int]] = {}
        self.failures = 0
        """How often what was asked for could not be done whole."""
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin without a thread; what was applied in the parent holds here too, until it is looked at."""
        self._is_running = False
        self._starting = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Make sure that the thread runs in this process; costs next to nothing once it does."""
        if self._is_running:
            return
        with self._starting:
            if not self._begins_now():
                return
            self._stop = threading.Event()
            thread = threading.Thread(
                target=_look_again_and_again, args=(weakref.ref(self), self._stop), name="aura-overrides", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                return

    def _begins_now(self) -> bool:
        was_running, self._is_running = self._is_running, True
        return not was_running

    def stop(self) -> None:
        """End the thread, and put the levels back."""
        self._stop.set()
        self._is_running = False
        if self._overrides:
            self._apply(())

    def look(self) -> None:
        """Ask the store and do what it says; what has expired ends even if the store does not answer."""
        try:
            wanted: Sequence[LevelOverride] = overrides_in(self._notes, self._wall_clock)
        except Exception:  # noqa: BLE001  # a store may be anybody's; the recorder's health tells that it is down
            now = self._wall_clock()
            wanted = [each for each in self._overrides if now < each.expires_at]
        if list(wanted) != list(self._overrides):
            try:
                self._apply(wanted)
            except Exception:  # noqa: BLE001  # handlers are anybody's; without this thread nothing would ever expire
                self.failures += 1

    def _apply(self, wanted: Sequence[LevelOverride]) -> None:
        self._overrides = tuple(wanted)
        self._restore({each.logger for each in wanted})
        told = []
        for override in wanted:
            logger = logging.getLogger(override.logger or None)
            own = self._own_level(logger)
            ordinary = self._ordinary_level(logger)
            level = min((o.level_number for o in wanted if o.logger == override.logger), default=ordinary)
            narrowed = override.user_id is not None or override.route is not None or override.rate < 1
            if level > ordinary and narrowed:
                level = ordinary  # to hear less of one user only, what the others do must be made first
            self._levels[override.logger] = (own, level, ordinary)
            if logger.level != level:
                logger.setLevel(level)
            told.append(
                Override(
                    logger=override.logger,
                    level=override.level_number,
                    rate=override.rate,
                    user_id=override.user_id,
                    route=override.route,
                    ordinary_level=ordinary,
                    expires_at=override.expires_at,
                )
            )
        table.set_overrides(told)
        _guard_handlers(is_needed=bool(told))

    def _own_level(self, logger: logging.Logger) -> int:
        """Return the logger's level as it was before any override."""
        name = "" if logger.parent is None else logger.name
        return self._levels[name][0] if name in self._levels else logger.level

    def _ordinary_level(self, logger: logging.Logger | None) -> int:
        """Return what would hold for it without any override: one above it may have been lowered a moment ago."""
        while logger is not None:
            own = self._own_level(logger)
            if own:
                return own
            logger = logger.parent
        return logging.WARNING

    def _restore(self, still_wanted: set[str]) -> None:
        for name in [name for name in self._levels if name not in still_wanted]:
            own, applied, _ = self._levels.pop(name)
            logger = logging.getLogger(name or None)
            if logger.level == applied:
                logger.setLevel(own)


def keep_only_what_was_asked_for(record: logging.LogRecord) -> bool:
    """Filter out what exists only for the sake of an override that is not about it; keep what one is about.

    For handlers of every kind: most have no `SamplingFilter` that would do it, and one behind this lets pass what is
    kept here.
    """
    concerned = [each for each in table.current() if each.concerns(record.name, record.levelno)]
    if not concerned:
        return True
    fields = {**context.current(), **record.__dict__}
    override = override_for(concerned, fields, time.time())
    if override is None:
        return record.levelno >= min(each.ordinary_level for each in concerned)
    if override.rate < 1:
        if _share(record) >= override.rate:
            return False
        record.sample_rate = override.rate
    records.exempt(record)
    return True


def _share(record: logging.LogRecord) -> float:
    identity = identity_of(record.__dict__)
    return (
        share_of_message(record.name, record.msg, record.created) if identity is None else share_of_identity(identity)
    )


def _guard_handlers(*, is_needed: bool) -> None:
    """Put the filter in front of the others of every handler on a logger, or take it away again."""
    loggers = [logging.getLogger(), *_named_loggers()]
    for handler in {id(each): each for logger in loggers for each in logger.handlers}.values():
        has_it = keep_only_what_was_asked_for in handler.filters
        if is_needed and not has_it:
            # A new list: other threads may be going through this one.
            handler.filters = [keep_only_what_was_asked_for, *handler.filters]
        elif has_it and not is_needed:
            handler.filters = [each for each in handler.filters if each is not keep_only_what_was_asked_for]


def _named_loggers() -> list[logging.Logger]:
    known = dict(logging.getLogger().manager.loggerDict)
    return [found for found in known.values() if isinstance(found, logging.Logger)]


def _look_again_and_again(watch: weakref.ref[OverrideWatch], stop: threading.Event) -> None:
    # Only a weak reference: a watch that nobody holds any more must not be kept alive by its thread.
    while True:
        alive = watch()
        if alive is None:
            return
        alive.look()
        del alive
        if stop.wait(_LOOK_SECONDS):
            return

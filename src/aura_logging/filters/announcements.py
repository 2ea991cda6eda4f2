"""Write what sampling has to say to the handlers it decides for, from a thread of its own and at exit."""

from __future__ import annotations

import atexit
import logging
import weakref
from collections.abc import Callable, Iterable

from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.process_exit import close_at_exit
from aura_logging.resilience.worker import Worker
from aura_logging.volume.notices import Notice

__all__ = ["Announcer", "handlers_with"]

_NOTHING_TO_DO_SECONDS = 3_600.0


def handlers_with(filter_: logging.Filter) -> list[logging.Handler]:
    """Return the handlers, of those that are alive in this process, that the filter is on."""
    # The only list of all: a handler need not have a name, nor be on a logger.
    references = list(logging._handlerList)  # type: ignore[attr-defined]
    known = (reference() for reference in references)
    return [handler for handler in known if handler is not None and filter_ in handler.filters]


class Announcer:
    """Calls `tick` every so many seconds while it says that there is something to do, and hands notices to handlers.

    `wake` begins that; it may be called from `emit`, from any thread, and for the first time in each process starts
    the thread. Notices do not pass through loggers: nothing is logged here, so nothing recurses, and what counts
    records beside the handlers is not disturbed. A handler's level and filters are asked, and its lock is taken, as
    for any record; what it raises is counted in `failures`. At exit `finish` is called and the last notices are
    written, before `logging` closes the handlers.
    """

    def __init__(
        self,
        owner: logging.Filter,
        tick: Callable[[], bool],
        take: Callable[[], Iterable[Notice]],
        finish: Callable[[], None],
        every_seconds: float = 1.0,
    ) -> None:
        self._owner = weakref.ref(owner)
        self._tick = tick
        self._take = take
        self._finish = finish
        self._every_seconds = every_seconds
        self.failures = 0
        self.unheard = 0
        """Notices that no handler was there for."""
        self._worker = Worker(self._work, "aura-sampling")
        self.after_fork_in_child()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: the end of this process is another one."""
        self._is_end_known = False

    def wake(self) -> None:
        """See to it that `tick` is called about once a second, until it returns false."""
        if not self._is_end_known:
            self._is_end_known = True
            _awake.add(self)
            close_at_exit(self)
        self._worker.start()
        self._worker.wake()

    def close(self) -> None:
        """Say everything that is left to be said, on this thread."""
        self._finish()
        self.announce()

    def announce(self) -> None:
        """Hand over the notices there are."""
        owner = self._owner()
        for notice in self._take():
            record = notice.record()
            handlers = [] if owner is None else handlers_with(owner)
            self.unheard += not handlers
            for handler in handlers:
                if record.levelno >= handler.level:
                    self._hand_over(handler, record)

    def _hand_over(self, handler: logging.Handler, record: logging.LogRecord) -> None:
        try:
            handler.handle(record)
        except Exception:  # noqa: BLE001  # a handler is anybody's code, and the next one is to hear of it as well
            self.failures += 1

    def _work(self) -> float:
        if self._owner() is None:
            self._worker.stop(0)
            return 0.0
        go_on = self._tick()
        self.announce()
        return self._every_seconds if go_on else _NOTHING_TO_DO_SECONDS


_awake: weakref.WeakSet[Announcer] = weakref.WeakSet()


def _close_all() -> None:
    for announcer in list(_awake):
        announcer.close()


# After `logging` has registered its own, and so called before it: handlers are still open.
atexit.register(_close_all)

"""Know which unit of work is at hand, and when it ends: for whoever keeps something for as long as one lasts.

A unit is a request, or the block of `propagation.unit_of_work`. It lives in a ContextVar like the bound fields, so
every thread and task that carries the context has the same one, and with it the trace and what is still to be learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Unit", "begin", "current", "end", "leave", "resume", "start"]


class Unit:
    """One unit of work.

    `when_ended` takes what to call at its end, with whether it failed, as far as the end itself knows: a request's
    end does not. An abandoned unit (a task nobody awaits) may never end: then it is collected, and nothing is called.
    """

    # On the class until they change: every request makes a unit, and few have anything called at their end.
    outer: Unit | None = None
    """The unit that this one is a part of."""
    trace: Any = None
    """Where it stands in a trace: a `propagation.Trace`, or `None`."""
    later: Any = None
    """What is still to be learnt of it: a `context.Deferred`, or `None`."""
    failed: bool | None = None
    """Whether it ended in an exception; `None` while it goes on."""
    _at_end: list[Callable[[bool], None]] | None = None

    def when_ended(self, call: Callable[[bool], None]) -> None:
        """Have `call(failed)` called on the thread that ends it, at once if that is over; it must not raise."""
        # One step: of two threads that come first, both add to the same list.
        self.__dict__.setdefault("_at_end", []).append(call)
        if self.failed is not None:
            self.end(failed=self.failed)

    def end(self, *, failed: bool) -> None:
        """Say that it is over; a second time changes nothing."""
        if self.failed is None:
            self.failed = failed
        at_end = self._at_end
        while at_end:
            try:
                call = at_end.pop(0)
            except IndexError:  # another thread was here first
                return
            call(self.failed)


_unit: ContextVar[Unit | None] = ContextVar("aura_logging_unit", default=None)


current: Callable[[], Unit | None] = _unit.get
"""Return the unit of work at hand; `None` outside one. No function of ours: each record asks."""


def start(trace: Any = None, later: Any = None) -> Unit:
    """Begin a unit in the place of whatever an earlier one left behind, and return it."""
    unit = Unit()
    unit.trace, unit.later = trace, later
    _unit.set(unit)
    return unit


def resume(unit: Unit) -> None:
    """Have this unit be the one at hand here, in the place of any other."""
    _unit.set(unit)


def leave() -> None:
    """Have no unit at hand here; the one that was may go on elsewhere."""
    _unit.set(None)


def end() -> None:
    """End the unit at hand, if there is one; how it went is not known here."""
    ended = _unit.get()
    if ended is not None:
        ended.end(failed=False)
        _unit.set(None)


@contextmanager
def begin(trace: Any = None) -> Iterator[None]:
    """Make the block a unit of its own, inside another one or not; it has failed if it ends in an exception."""
    outer = _unit.get()
    own = Unit()
    own.outer, own.trace = outer, trace
    if outer is not None:
        own.later = outer.later
    _unit.set(own)
    try:
        yield
    except BaseException:
        own.end(failed=True)
        raise
    else:
        own.end(failed=False)
    finally:
        _unit.set(outer)

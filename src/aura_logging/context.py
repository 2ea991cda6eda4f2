"""Carry the fields of the work at hand: one ContextVar with a mapping that is replaced, not changed.

Code binds fields; `RequestContextFilter` writes them on every record. A field lives in the context of its
thread or task: what `asyncio.create_task`, `asyncio.gather` and Django's `sync_to_async` copy inherits it and
cannot leak back. A bare thread or executor starts empty; hand it `run_in_context(fn)`.

What is learnt late may be added to the mapping that a unit of work began with, once, before a record was made with it.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from aura_logging import units
from aura_logging.records import STANDARD_ATTRIBUTES, attribute_name

__all__ = [
    "Deferred",
    "bind",
    "bind_late",
    "bound",
    "bound_here",
    "correlation_id",
    "current",
    "fields",
    "leave",
    "release",
    "resume",
    "run_in_context",
    "start",
    "unbind",
]

P = ParamSpec("P")
R = TypeVar("R")
Function = TypeVar("Function", bound=Callable[..., Any])

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_fields: ContextVar[Mapping[str, Any]] = ContextVar("aura_logging_fields", default=_NOTHING)
bound_here: Callable[[], Mapping[str, Any]] = _fields.get
"""Return the bound fields without asking for what is to be learnt later: the mapping itself, for reading only."""

_entered: ContextVar[tuple[tuple[bound, Mapping[str, Any]], ...]] = ContextVar("aura_logging_entered", default=())


def bind(**fields: Any) -> None:
    """Add fields to every record logged from here on, in this thread or task and what it starts.

    A name that `logging` needs on its records (`name`, `args`, `module`, …) is written with `_` behind it.
    Values are kept as they are until a record is written: bind plain data, not objects that change.
    """
    _fields.set({**_fields.get(), **_with_attribute_names(fields)})


def bind_late(fields: Mapping[str, Any], *before: Mapping[str, Any]) -> None:
    """Bind what has been learnt of this unit of work by now; `before` is what had been learnt when it was bound before.

    A name that somebody else has bound meanwhile is left as it is. The names must be none of `logging`'s own.
    """
    bound = _fields.get()
    if bound.keys().isdisjoint(fields):
        _fields.set({**bound, **fields})
        return
    new = {
        name: value
        for name, value in fields.items()
        if name not in bound
        or (bound[name] != value and any(name in each and each[name] == bound[name] for each in before))
    }
    if new:
        _fields.set({**bound, **new})


def unbind(*names: str) -> None:
    """Take fields away again; a name that is not bound is no error."""
    gone = {attribute_name(name) for name in names}
    # Of a copy, made in one step: what another thread learns late may be added to the very mapping.
    _fields.set({name: value for name, value in dict(_fields.get()).items() if name not in gone})


def fields() -> dict[str, Any]:
    """Return a copy of the bound fields."""
    return dict(current())


def correlation_id() -> str | None:
    """Return the id that joins the records of the work at hand, if it has one."""
    value = _fields.get().get("correlation_id")
    return None if value is None else str(value)


class bound:  # noqa: N801  # used as a function: `with bound(order_id=7):`
    """Bind fields for a block or for the calls of a function, and put back what was there before.

    >>> with bound(order_id=7):
    ...     fields()
    {'order_id': 7}
    >>> fields()
    {}

    As a decorator it serves functions and coroutine functions; a generator function is refused with
    `TypeError`, because its body runs in its consumer's context: use `with bound(...)` around each step.
    What `bind` adds inside the block stays; only the block's own fields are taken back. One `bound` may be
    entered again, and by many threads and tasks at once.
    """

    def __init__(self, **fields: Any) -> None:
        self._own = _with_attribute_names(fields)

    def __enter__(self) -> None:
        before = _fields.get()
        # In the context, not in `self`: other tasks may be inside the same block.
        _entered.set((*_entered.get(), (self, before)))
        _fields.set({**before, **self._own})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not ContextVar.reset: a block left in another context than it was entered in (an async generator that
        # is closed by the event loop) would raise there. There is nothing to put back there, either.
        entered = _entered.get()
        place = next((n for n in reversed(range(len(entered))) if entered[n][0] is self), None)
        if place is None:
            return
        before = entered[place][1]
        _entered.set((*entered[:place], *entered[place + 1 :]))
        after = dict(_fields.get())
        for name in self._own:
            if name in before:
                after[name] = before[name]
            else:
                after.pop(name, None)
        _fields.set(after)

    def __call__(self, function: Function) -> Function:
        """Return the function with the fields bound during each of its calls."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"bound() cannot decorate the generator {_name_of(function)}: its body runs in its consumer's "
                "context. Use `with bound(...):` inside it, around code that does not yield."
            )
        own = self._own
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with bound(**own):
                    return await function(*args, **kwargs)

            return cast(Function, call_async)  # wraps() keeps the signature; mypy cannot see it

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with bound(**own):
                return function(*args, **kwargs)

        return cast(Function, call)  # as above


def run_in_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs with the fields bound here and now, in whatever thread calls it.

    For `threading.Thread(target=run_in_context(work))` and `executor.submit(run_in_context(work), …)`. Any
    number of threads may call it at once; each gets a copy of the context. `TypeError` for a coroutine or generator
    function: its body runs where it is awaited or consumed.
    """
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(
            f"run_in_context() takes functions; {_name_of(function)} is a coroutine or generator function, whose body "
            "would run elsewhere. A task that is created here inherits the fields by itself."
        )
    context = contextvars.copy_context()

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return call


class Deferred(Protocol):
    """What is not known yet when a unit of work begins, and is learnt before each of its records."""

    def ask(self) -> None:
        """Look, and bind what was found; cheap, and never raises. What it logs itself may ask again."""
        ...


def start(fields: Mapping[str, Any], later: Deferred | None = None, trace: Any = None) -> units.Unit:
    """Begin a unit of work with these fields and no others, whatever an earlier one left behind; return it.

    The mapping itself is kept, so it must not change any more once a record was made with it. `later` is asked before
    each record; `trace` is what its outgoing requests carry, a `propagation.Trace`.
    """
    _fields.set(fields if STANDARD_ATTRIBUTES.isdisjoint(fields) else _with_attribute_names(fields))
    # Setting a variable copies a part of the context, looking at it does not; mostly there is nothing to forget.
    if _entered.get():
        _entered.set(())
    return units.start(trace, later)


def resume(fields: Mapping[str, Any], unit: units.Unit) -> None:
    """Go on with a unit of work that was begun in another context, with these fields and no others."""
    _fields.set(fields)
    units.resume(unit)


def release() -> None:
    """Forget everything that is bound: the unit of work is over."""
    # Before the fields go: what somebody has kept for it may be written now.
    units.end()
    if _fields.get() is not _NOTHING:
        _fields.set(_NOTHING)
    if _entered.get():
        _entered.set(())


def leave() -> None:
    """Forget everything that is bound here; the unit of work it belongs to may go on elsewhere, and end there."""
    units.leave()
    _fields.set(_NOTHING)
    _entered.set(())


def current() -> Mapping[str, Any]:
    """Return the bound fields as they are kept, for reading only."""
    unit = units.current()
    if unit is not None and unit.later is not None:
        unit.later.ask()
    return _fields.get()


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _with_attribute_names(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if STANDARD_ATTRIBUTES.isdisjoint(fields):
        return fields
    return {attribute_name(name): value for name, value in fields.items()}

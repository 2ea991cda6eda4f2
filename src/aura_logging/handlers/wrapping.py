"""Know which handlers a handler hands its records on to, and let go of those that hang."""

from __future__ import annotations

import logging
from collections.abc import Iterator

__all__ = ["directly_wrapped", "leave_alone", "with_wrapped"]

_LOCK_SECONDS = 0.1


def with_wrapped(handler: logging.Handler) -> Iterator[logging.Handler]:
    """Yield the handler, and those that it hands records on to, down to the last; each once.

    A handler of ours says which in `wrapped`; one of the standard library's or of somebody else's in `target`.
    """
    waiting, seen = [handler], set()
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += directly_wrapped(found)


def directly_wrapped(handler: logging.Handler) -> tuple[logging.Handler, ...]:
    """Return the handlers that this one hands records on to, and not those behind them."""
    inner = getattr(handler, "wrapped", None) or (getattr(handler, "target", None),)
    return tuple(each for each in inner if isinstance(each, logging.Handler))


def leave_alone(handler: logging.Handler) -> None:
    """Have `logging.shutdown` pass by a handler in which a thread hangs, and those it wraps.

    It takes every handler's lock to flush and close it: the process would never end. From now on that lock is waited
    for only for a moment, and flushing and closing do nothing.
    """
    for each in with_wrapped(handler):
        _leave_alone(each)


def _leave_alone(handler: logging.Handler) -> None:
    lock = handler.lock

    def acquire() -> None:
        if lock is not None:
            lock.acquire(timeout=_LOCK_SECONDS)

    def release() -> None:
        if lock is not None and lock._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks
            lock.release()

    def nothing() -> None:
        return

    handler.acquire = acquire  # type: ignore[method-assign]  # on this one handler only
    handler.release = release  # type: ignore[method-assign]
    handler.flush = handler.close = nothing  # type: ignore[method-assign]

"""Stand in for an exception whose text must not leave, so that whoever formats it again writes the scrubbed text.

Setting `record.exc_text` is enough for the standard library's formatters. Others format `record.exc_info` anew; so
the exception itself is replaced, by one of a subclass of its own class (`isinstance` holds, the name is the same)
that has the scrubbed text and nothing else of the original: not its arguments, not its attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aura_logging.plain_data import plain_text

__all__ = ["same_error", "stand_in"]

# The one thing that is set on the caller's exception: an `id` would be the next exception's as soon as it is gone.
_SAME = "__aura_same__"

_MOST_DOUBLES = 256
_doubles: dict[type[BaseException], type[BaseException]] = {}


def stand_in(error: BaseException, scrub: Callable[[str], str], *, with_tracebacks: bool) -> BaseException:
    """Return a double of the exception and of its causes, contexts and notes, with scrubbed texts.

    The traceback, if it is to stay, is the original's: its frames, and the source lines that go with them.
    """
    return _double(error, scrub, with_tracebacks, {})


def same_error(error: BaseException) -> object | None:
    """Return what an exception has in common with its double and with no other; None if it has no double."""
    return getattr(error, _SAME, None)


def _double(
    error: BaseException, scrub: Callable[[str], str], with_tracebacks: bool, made: dict[int, BaseException]
) -> BaseException:
    if id(error) in made:
        return made[id(error)]
    text = scrub(plain_text(error))
    try:
        kind = _double_of(type(error))
        double = kind.__new__(kind)
        double.args = (text,)
    except Exception:  # noqa: BLE001  # a class may refuse to be subclassed or made without arguments
        kind = _named_like(type(error), Exception)
        double = kind(text)
    made[id(error)] = double
    double.__dict__[_SAME] = error.__dict__.setdefault(_SAME, object())
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        double.__notes__ = [scrub(plain_text(note)) for note in notes]
    if error.__cause__ is not None:
        double.__cause__ = _double(error.__cause__, scrub, with_tracebacks, made)
    if error.__context__ is not None:
        double.__context__ = _double(error.__context__, scrub, with_tracebacks, made)
    double.__suppress_context__ = error.__suppress_context__
    double.__traceback__ = error.__traceback__ if with_tracebacks else None
    return double


def _double_of(kind: type[BaseException]) -> type[BaseException]:
    known = _doubles.get(kind)
    if known is None:
        if len(_doubles) >= _MOST_DOUBLES:  # a program that makes classes as it goes
            _doubles.clear()
        known = _doubles[kind] = _named_like(kind, kind)
    return known


def _named_like(kind: type[BaseException], base: type[BaseException]) -> type[BaseException]:
    def text(self: BaseException) -> str:
        return str(self.args[0]) if self.args else ""

    def shown(self: BaseException) -> str:
        return f"{kind.__name__}({text(self)!r})"

    body: dict[str, Any] = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__str__": text,
        "__repr__": shown,
        "__doc__": None,
    }
    return type(kind.__name__, (base,), body)

"""Find the source of the view that serves a request: where somebody who reads the line will want to look."""

from __future__ import annotations

import inspect
import sys
from typing import Any, NamedTuple

from django.http import HttpRequest

__all__ = ["NOWHERE", "ViewCode", "view_code"]


class ViewCode(NamedTuple):
    """A view's file, its first line there (0 where it is not known) and its qualified name."""

    file: str
    line: int
    function: str


NOWHERE = ViewCode("(unknown file)", 0, "(unknown function)")
"""What `logging` writes where it cannot tell who logs; here, that no view was reached."""

_MOST_VIEWS = 1_000
# By identity, because a view may be any callable, with a hash of its own; the view itself keeps its identity taken.
_known: dict[int, tuple[Any, ViewCode]] = {}


def view_code(request: HttpRequest) -> ViewCode:
    """Return where the request's view is written: the function under its decorators, or the class.

    Cheap: attributes only, no file is read; the answer for a view is remembered. Never raises.
    """
    match = request.resolver_match
    if match is None:
        return NOWHERE
    view: Any = match.func
    known = _known.get(id(view))
    if known is None or known[0] is not view:
        if len(_known) >= _MOST_VIEWS:
            _known.clear()  # somebody makes views as he goes
        known = _known[id(view)] = (view, _look_up(view))
    return known[1]


def _look_up(view: Any) -> ViewCode:
    try:
        # What Django's and Django REST framework's as_view() leave on the function that they make.
        view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
        return _of_function(view) if view_class is None else _of_class(view_class)
    except Exception:  # noqa: BLE001  # a view may be any callable, with a __getattr__ of its own
        return NOWHERE


def _of_function(view: Any) -> ViewCode:
    function = inspect.unwrap(view)
    code = getattr(function, "__code__", None)
    if code is None:
        return _of_class(type(function))
    return ViewCode(code.co_filename, code.co_firstlineno, function.__qualname__)


def _of_class(view_class: type) -> ViewCode:
    file = getattr(sys.modules.get(view_class.__module__), "__file__", None)
    line = view_class.__dict__.get("__firstlineno__", 0)  # from Python 3.13 on
    return ViewCode(file or NOWHERE.file, line, view_class.__qualname__)

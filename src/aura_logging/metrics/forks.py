"""Tell objects of a fork without keeping them alive: before it, and after it on either side."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

__all__ = ["at_fork"]

_Method = Callable[[], None]
_before: list[weakref.WeakMethod[_Method]] = []
_in_parent: list[weakref.WeakMethod[_Method]] = []
_in_child: list[weakref.WeakMethod[_Method]] = []


def at_fork(
    *, before: _Method | None = None, in_parent: _Method | None = None, in_child: _Method | None = None
) -> None:
    """Call these bound methods around every fork for as long as their object lives.

    As with `os.register_at_fork`, what is registered first is called last before the fork and first after it.
    """
    for method, listed in ((before, _before), (in_parent, _in_parent), (in_child, _in_child)):
        listed[:] = [reference for reference in listed if reference() is not None]
        if method is not None:
            listed.append(weakref.WeakMethod(method))


def _call(listed: list[weakref.WeakMethod[_Method]]) -> None:
    for reference in listed:
        method = reference()
        if method is not None:
            method()


os.register_at_fork(
    before=lambda: _call(_before[::-1]),
    after_in_parent=lambda: _call(_in_parent),
    after_in_child=lambda: _call(_in_child),
)

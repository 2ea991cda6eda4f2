"""Know that this process is a forked copy, by a hook where hooks run and by a wiped page where not."""

from __future__ import annotations

import itertools
import mmap
import os
import weakref
from typing import Protocol

__all__ = ["ForkAware", "fork_guard", "notice_fork", "tell_after_fork"]

_MADV_WIPEONFORK = 18
"""From Linux's <asm-generic/mman-common.h>; Python's mmap module has no name for it."""


class ForkAware(Protocol):
    """Holds locks, descriptors or threads that mean nothing in a forked child."""

    def after_fork_in_child(self) -> None:
        """Leave what belongs to the parent; idempotent, and never touches what the parent still uses."""
        ...


_listeners: weakref.WeakValueDictionary[int, ForkAware] = weakref.WeakValueDictionary()
_numbers = itertools.count()


def tell_after_fork(listener: ForkAware) -> None:
    """Call `listener.after_fork_in_child()` in every later child of this process, in order of registration.

    The listener is held weakly: registering does not keep it alive, and a listener that died costs nothing. All are
    told, whatever one raises; the interpreter, or whoever noticed the fork, is given the first error afterwards.
    """
    _listeners[next(_numbers)] = listener


def _tell_all() -> None:
    global _guard
    _guard = fork_guard()
    first_error: Exception | None = None
    for listener in list(_listeners.values()):
        try:
            listener.after_fork_in_child()
        except Exception as error:  # noqa: BLE001  # the others have to be told all the same
            first_error = first_error or error
    if first_error is not None:
        raise first_error


os.register_at_fork(after_in_child=_tell_all)


def notice_fork() -> None:
    """Tell all listeners if this process came from a fork that ran no Python hooks; cheap, and once per process."""
    if not _guard[0]:
        _tell_all()


def fork_guard() -> mmap.mmap | bytearray:
    """Return a byte that is 1 here and reads 0 in any child of this process, however it was forked.

    Some hosts (uWSGI, daemonising C libraries) fork without running Python's hooks. Reading `guard[0]` costs
    0.03 µs, `os.getpid()` 0.2 µs. The kernel wipes the page (`MADV_WIPEONFORK`, Linux 4.14); where it cannot,
    the byte stays 1 and only the hooks are left. A child that has taken note makes a new guard.
    """
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
    except OSError:
        return bytearray(b"\x01")
    page[0] = 1
    return page


_guard = fork_guard()

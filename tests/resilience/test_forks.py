"""Who is told of a fork, and what a child can see without being told."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
from collections.abc import Callable

import pytest

from aura_logging.resilience.forks import fork_guard, notice_fork, tell_after_fork


class Listener:
    def __init__(self, name: str, told: list[str]) -> None:
        self.name = name
        self.told = told
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        self.told.append(self.name)


def exit_code_of_child(check: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_listeners_are_told_in_the_child_only_in_the_order_they_registered() -> None:
    told: list[str] = []
    listeners = [Listener(name, told) for name in "abc"]

    assert exit_code_of_child(lambda: told == ["a", "b", "c"]) == 0
    assert told == []
    assert len(listeners) == 3


def test_one_that_fails_keeps_nobody_from_being_told() -> None:
    class Broken(Listener):
        def after_fork_in_child(self) -> None:
            raise OSError("its directory is gone")

    told: list[str] = []
    listeners = [Listener("a", told), Broken("b", told), Listener("c", told)]

    def finds_out() -> bool:
        told.clear()
        with pytest.raises(OSError, match="directory is gone"):
            notice_fork()
        return told == ["a", "c"]

    child = ctypes.PyDLL(None).fork()  # which runs no hooks
    if child == 0:
        os._exit(0 if finds_out() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(listeners) == 3


def test_being_registered_keeps_nobody_alive() -> None:
    told: list[str] = []
    Listener("dead", told)
    gc.collect()

    assert exit_code_of_child(lambda: told == []) == 0


def test_a_guard_reads_one_here_and_zero_in_every_child() -> None:
    guard = fork_guard()

    assert guard[0] == 1
    assert exit_code_of_child(lambda: guard[0] == 0 and fork_guard()[0] == 1) == 0
    assert guard[0] == 1


def test_where_the_kernel_cannot_wipe_a_page_the_guard_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldKernel(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", OldKernel)

    assert fork_guard()[0] == 1

"""Keep a supply of traces for requests that bring no ids of their own."""

from __future__ import annotations

from collections.abc import Callable

from aura_logging.propagation import Trace, mint_trace
from aura_logging.resilience.forks import notice_fork, tell_after_fork

__all__ = ["NewTraces"]

_AT_ONCE = 64


class NewTraces:
    """Returns a new trace at each call; any thread may ask.

    They are made 64 at a time: what comes once in a request runs with cold caches, at three times its price. A forked
    child throws away what its parent has left, however it was forked: two processes never hand out the same ids.
    """

    def __init__(self, mint: Callable[[int], str]) -> None:
        self._mint = mint
        self._supply: list[Trace] = []
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Leave the parent its traces."""
        self._supply = []

    def __call__(self) -> Trace:
        """Return a trace that nobody else has."""
        notice_fork()
        try:
            # One C call: no two threads get the same.
            return self._supply.pop()
        except IndexError:
            fresh = [mint_trace(self._mint) for _ in range(_AT_ONCE)]
            last = fresh.pop()
            self._supply.extend(fresh)
            return last

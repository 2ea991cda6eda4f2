"""Hand out random ids cut from a supply, so that a request need not ask the system for one."""

from __future__ import annotations

import os
from collections.abc import Callable

from aura_logging.resilience.forks import notice_fork, tell_after_fork

__all__ = ["IdSource"]

_BYTES = 24
_AT_ONCE = 64


class IdSource:
    """Returns `n` random bytes in hexadecimal, as `secrets.token_hex` does, for `n` up to 24; any thread may ask.

    One call to the system serves 64 ids. A forked child throws away what its parent has left, however it was forked:
    two processes never hand out the same id. A virtual machine that is copied while it runs copies the supply, too.
    """

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._supply: list[str] = []
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Leave the parent its ids."""
        self._supply = []

    def __call__(self, count: int) -> str:
        """Return `2 * count` hexadecimal digits."""
        if count > _BYTES:
            return self._random_bytes(count).hex()
        notice_fork()
        try:
            # One C call: no two threads get the same.
            return self._supply.pop()[: 2 * count]
        except IndexError:
            return self._refill()[: 2 * count]

    def _refill(self) -> str:
        text = self._random_bytes(_BYTES * _AT_ONCE).hex()
        size = 2 * _BYTES
        fresh = [text[start : start + size] for start in range(0, len(text), size)]
        last = fresh.pop()
        self._supply.extend(fresh)
        return last

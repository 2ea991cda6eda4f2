"""Count what happened lately, by key, in bounded memory; by one process, or by many that share a store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol, runtime_checkable

from aura_logging.resilience.forks import tell_after_fork

__all__ = ["KEYS_AT_MOST", "MemoryWindows", "Windows"]

KEYS_AT_MOST = 50_000
"""Keys kept; the one not seen for longest is forgotten first. At the default thresholds some tens of megabytes."""


@runtime_checkable
class Windows(Protocol):
    """Sliding windows that several processes may share.

    Not the metrics store: that adds up closed sets of series for months, and these are keys by address and account,
    by the thousand, that nobody needs an hour later; and they have to answer at once how many there are now.

    Any thread may call it. `OSError` means that the store cannot be used now.
    """

    def note(self, key: str, member: str, now: float, seconds: float, at_most: int, weight: int = 1) -> int:
        """Note a member under a key, and return the weight of the distinct members of the last `seconds`.

        A member that is there is noted anew, not twice. Only the newest `at_most` members are kept: more than a
        threshold need not be known. `now` is in seconds, never runs back by much, and is one clock for all sharers.
        """
        ...

    def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take the right to tell about a key for so long; false while somebody has it."""
        ...

    def forget(self, key: str) -> None:
        """Forget a key's members."""
        ...

    def recall(self, key: str, now: float) -> str | None:
        """Return the note under a key, until its time is over."""
        ...

    def remember(self, key: str, note: str, now: float, seconds: float) -> None:
        """Keep a note under a key for so long, in the place of the one before."""
        ...


class MemoryWindows:
    """`Windows` of one process; a forked child goes on with a copy of its own."""

    def __init__(self, keys_at_most: int = KEYS_AT_MOST) -> None:
        self._keys_at_most = keys_at_most
        self._lock = threading.Lock()
        self._members: OrderedDict[str, OrderedDict[str, tuple[float, int]]] = OrderedDict()
        self._claims: OrderedDict[str, float] = OrderedDict()
        self._notes: OrderedDict[str, tuple[str, float]] = OrderedDict()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Take a lock of its own: another thread of the parent may have held this one."""
        self._lock = threading.Lock()

    def note(self, key: str, member: str, now: float, seconds: float, at_most: int, weight: int = 1) -> int:
        """Note a member, and return the weight of those in the window."""
        with self._lock:
            members = self._members.get(key)
            if members is None:
                members = self._members[key] = OrderedDict()
                if len(self._members) > self._keys_at_most:
                    self._members.popitem(last=False)
            else:
                self._members.move_to_end(key)
            members[member] = (now, weight)
            members.move_to_end(member)
            while len(members) > at_most or next(iter(members.values()))[0] <= now - seconds:
                members.popitem(last=False)
            return sum(weight for _, weight in members.values())

    def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take the right to tell about a key."""
        with self._lock:
            if self._claims.get(key, now) > now:
                return False
            self._claims[key] = now + seconds
            self._claims.move_to_end(key)
            if len(self._claims) > self._keys_at_most:
                self._claims.popitem(last=False)
            return True

    def forget(self, key: str) -> None:
        """Forget a key's members."""
        with self._lock:
            self._members.pop(key, None)

    def recall(self, key: str, now: float) -> str | None:
        """Return the note under a key."""
        with self._lock:
            note, until = self._notes.get(key, (None, now))
            return note if until > now else None

    def remember(self, key: str, note: str, now: float, seconds: float) -> None:
        """Keep a note under a key."""
        with self._lock:
            self._notes[key] = (note, now + seconds)
            self._notes.move_to_end(key)
            if len(self._notes) > self._keys_at_most:
                self._notes.popitem(last=False)

    def __len__(self) -> int:
        return len(self._members)

"""Notice who guesses passwords, tries stolen ones, or floods: across all workers, each case told once."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import math
import os
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from aura_logging.health import Health, Status
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.threats.windows import MemoryWindows, Windows

__all__ = ["LOGIN_THREAT_TYPES", "LoginGuard", "LoginGuardOptions", "LoginThreat", "Scope", "source_of"]

Scope = Literal["account", "address", "pair", "network", "pattern"]

LOGIN_THREAT_TYPES = ("brute_force", "credential_stuffing", "password_spraying", "request_flood")

_MINUTE = 60.0
_HOUR = 3_600.0
_ALONE_SECONDS = 5.0
_ADDRESSES_AT_MOST = 10_000

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class LoginGuardOptions:
    """Thresholds, and the seconds in which they count; 0 turns one off.

    The defaults are far above what people do who have forgotten a password: OWASP's advice for locking an account
    is 5 to 10 failures. An address may be a whole company, so it may fail more often than one account. Spraying is
    slow by nature, and looked for over hours, in a whole network.
    """

    failures_per_account: int = 10
    failures_per_address: int = 30
    failures_per_pair: int = 6
    failure_seconds: float = 15 * _MINUTE
    accounts_per_address: int = 10
    stuffing_seconds: float = 5 * _MINUTE
    accounts_sprayed: int = 20
    spraying_seconds: float = 6 * _HOUR
    requests_per_address: int = 1_200
    request_seconds: float = _MINUTE
    tell_again_seconds: float = 15 * _MINUTE

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r}; it must be 0 or more.")


@dataclass(frozen=True, slots=True)
class LoginThreat:
    """A threshold that was crossed: what it means, of whom, and how many in how many seconds.

    `threat_type` is one of `LOGIN_THREAT_TYPES`. `account` and `address` are those of the attempt that crossed it.
    """

    threat_type: str
    scope: Scope
    account: str
    address: str
    count: int
    window_seconds: float


class LoginGuard:
    """Counts attempts in `windows`, by account, address, pair and network; any thread may call it.

    Four workers count as one when they share `SqliteWindows`, and many hosts with `RedisWindows`. Each case is told
    once in `tell_again_seconds`, by whichever process crosses the threshold. Nothing is blocked. No call raises: when
    the shared store fails, this process counts alone for five seconds before it tries again, and `health()` says so.
    Of IPv6 a whole /64 is one address: whoever has one may use any of it. Accounts are kept as they are given,
    case-folded, for as long as a window: give pseudonyms to keep no names.

    `clock` gives wall time: processes have no other clock in common.
    """

    def __init__(
        self,
        windows: Windows | None = None,
        options: LoginGuardOptions | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._windows = MemoryWindows() if windows is None else windows
        self._fallback = MemoryWindows()
        self._options = options or LoginGuardOptions()
        self._clock = clock
        # Told to the shared windows at once: as many requests as are a twentieth of too many.
        self._batch = max(1, self._options.requests_per_address // 20)
        self._counts_requests = self._options.requests_per_address > 0
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        # Counted here and in no window yet, and since when; and which of these are on their way into one, until when.
        self._requests: dict[str, tuple[int, float]] = {}
        self._on_the_way: dict[str, float] = {}
        # Addresses whose flood has been told of, and until when nobody would hear of it again.
        self._resting: dict[str, float] = {}
        self._attempts = itertools.count()
        self._alone_until = -math.inf
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Take a lock of its own, as another thread of the parent may have held this one, and count anew."""
        self._lock = threading.Lock()
        self._requests, self._on_the_way = {}, {}

    def failed(self, account: str, address: str, pattern: str = "") -> list[LoginThreat]:
        """Count a failed login, and return the thresholds it crossed.

        `account` is the name that was tried, `address` where from; either may be empty. `pattern` is an opaque
        fingerprint of the password, if the caller has one (a keyed hash; never the password): one password on many
        accounts is spraying, wherever it comes from.
        """
        options, now = self._options, self._clock()
        account, source = _folded(account), source_of(address)
        # One attempt, one member; two processes must not name theirs alike.
        attempt = f"{os.getpid()}:{next(self._attempts)}:{now}"
        found: list[LoginThreat] = []

        def count(kind: str, scope: Scope, key: str, member: str, threshold: int, seconds: float) -> None:
            if not threshold or not all(key.split("\0")):
                return
            number = self._note(f"{scope}:{kind}:{key}", member, now, seconds, threshold)
            if number >= threshold and self._claim(f"{scope}:{kind}:{key}", now, options.tell_again_seconds):
                found.append(LoginThreat(kind, scope, account, address, number, seconds))

        window = options.failure_seconds
        count("brute_force", "account", account, attempt, options.failures_per_account, window)
        count("brute_force", "address", source, attempt, options.failures_per_address, window)
        count("brute_force", "pair", f"{account}\0{source}", attempt, options.failures_per_pair, window)
        if account:
            stuffing = (options.accounts_per_address, options.stuffing_seconds)
            spraying = (options.accounts_sprayed, options.spraying_seconds)
            count("credential_stuffing", "address", source, account, *stuffing)
            count("password_spraying", "network", _network(source), account, *spraying)
            count("password_spraying", "pattern", pattern, account, *spraying)
        return found

    def succeeded(self, account: str, address: str) -> None:
        """Forget the failures of an account from this address: its owner has remembered the password.

        Those of the address stay: an attacker with one account of his own must not wipe his traces with it.
        """
        self._forget(f"pair:brute_force:{_folded(account)}\0{source_of(address)}")

    def requested(self, address: str) -> LoginThreat | None:
        """Count a request, and return a flood if it is one too many: `count_request`, then `judge_requests`."""
        return self.judge_requests(address) if self.count_request(address) else None

    def count_request(self, address: str) -> bool:
        """Count a request here, and tell whether it is time for `judge_requests`; asks no store, about a microsecond.

        That is at every twentieth of the threshold, so a flood over several processes is noticed up to that late
        for each; and not while the address waits for the last judgement, which is told of all that come meanwhile:
        call `judge_requests` then, or `put_off` if that cannot be done. A flood that has been told of is not counted
        until a window before it may be told again.
        """
        if not address or not self._counts_requests:
            return False
        if ":" in address:
            address = source_of(address)
        rests_until = self._resting.get(address)
        if rests_until is not None:
            if self._clock() < rests_until:
                return False
            self._resting.pop(address, None)
        with self._lock:
            counted = self._requests.get(address)
            if counted is None:
                self._make_room()
                counted = (0, self._clock())
            number, began = counted[0] + 1, counted[1]
            self._requests[address] = (number, began)
            if number % self._batch:
                return False
            now = self._clock()
            if now < self._on_the_way.get(address, now):
                return False
            # Not for ever: whoever should judge it may have come to an end before.
            self._on_the_way[address] = now + self._options.request_seconds
            self._requests[address] = self._of_a_window(number, began, now)
        return True

    def put_off(self, address: str) -> None:
        """Say that `judge_requests` is not called this time: it is asked for again, a twentieth later."""
        with self._lock:
            self._on_the_way.pop(source_of(address), None)

    def judge_requests(self, address: str) -> LoginThreat | None:
        """Tell the shared windows of the requests counted here, and return a flood if they are too many.

        Of more than a twentieth of the threshold that took longer than a window, as many are told as came in one.
        """
        options, batch = self._options, self._batch
        threshold, now = options.requests_per_address, self._clock()
        source = source_of(address)
        with self._lock:
            self._on_the_way.pop(source, None)
            number, _ = self._of_a_window(*self._requests.pop(source, (0, now)), now)
        if not number:
            return None
        key = f"address:request_flood:{source}"
        member = f"{os.getpid()}:{next(self._attempts)}:{now}"
        total = self._note(key, member, now, options.request_seconds, threshold // batch + 1, number)
        if total < threshold:
            return None
        is_ours = self._claim(key, now, options.tell_again_seconds)
        # Told by another process, nobody knows when: look again soon, but not at every batch.
        rest = options.tell_again_seconds - options.request_seconds if is_ours else options.request_seconds / 10
        if len(self._resting) >= _ADDRESSES_AT_MOST:
            self._resting = {}
        self._resting[source] = now + rest
        if is_ours:
            return LoginThreat("request_flood", "address", "", address, total, options.request_seconds)
        return None

    def _make_room(self) -> None:
        if len(self._requests) >= _ADDRESSES_AT_MOST:
            waiting = {each: self._requests[each] for each in self._on_the_way if each in self._requests}
            self._requests = waiting if len(waiting) < _ADDRESSES_AT_MOST // 2 else {}

    def _of_a_window(self, number: int, began: float, now: float) -> tuple[int, float]:
        """Return what was counted in the last window, and since when; where it took longer, the share of it.

        A batch is told whole, however long it took: many processes may each see but one, and theirs add up.
        """
        seconds = self._options.request_seconds
        if now - began <= seconds:
            return number, began
        return max(min(number, self._batch), int(number * seconds / (now - began))), now - seconds

    def health(self) -> Health:
        """Tell whether the processes still count together."""
        with self._lock:
            failures = dict(self._failures)
        failed = sum(failures.values())
        return Health(
            Status.DEGRADED if failed else Status.HEALTHY,
            detail=f"{failed} calls to the shared windows failed; counted in this process alone" if failed else "",
            facts={"failures": failures},
        )

    def _note(self, key: str, member: str, now: float, seconds: float, at_most: int, weight: int = 1) -> int:
        return self._asked(now, lambda windows: windows.note(key, member, now, seconds, at_most, weight))

    def _claim(self, key: str, now: float, seconds: float) -> bool:
        return self._asked(now, lambda windows: windows.claim(key, now, seconds))

    def _forget(self, key: str) -> None:
        self._fallback.forget(key)
        self._asked(self._clock(), lambda windows: windows.forget(key))

    def _asked(self, now: float, ask: Callable[[Windows], Answer]) -> Answer:
        if now >= self._alone_until:
            try:
                return ask(self._windows)
            except OSError as error:
                # Not again at once: each call may wait for as long as the store's time-out.
                self._alone_until = now + _ALONE_SECONDS
                self._count(error)
        return ask(self._fallback)

    def _count(self, error: OSError) -> None:
        with self._lock:
            self._failures[type(error).__name__] += 1


def _folded(account: str) -> str:
    """Return a name as it is compared: Django, too, takes fullwidth letters and the like for what they look like."""
    folded = unicodedata.normalize("NFKC", account[:1_000]).strip().casefold()[:254]
    # Keys are text that stores can hold, with a null byte between their parts.
    return folded.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def source_of(address: str) -> str:
    """Return what counts as one address: itself, or of IPv6 the /64 that one machine has to itself."""
    return _source_of_v6(address) if ":" in address else address


@functools.lru_cache(maxsize=4_096)
def _source_of_v6(address: str) -> str:
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _network(source: str) -> str:
    """Return the network that one customer of a provider has at most: /24, or /48."""
    try:
        return str(ipaddress.ip_network(source, strict=False).supernet(new_prefix=48 if ":" in source else 24))
    except ValueError:
        return source

"""Share sliding windows between the processes of many hosts through Redis or Valkey."""

from __future__ import annotations

import hashlib
from typing import Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError('Counting logins in Redis needs redis-py: pip install "aura-logging[redis]"') from error

from aura_logging.resilience.forks import tell_after_fork

__all__ = ["RedisWindows"]

_TIMEOUT_SECONDS = 1.0

# KEYS: members by time, weights of those that weigh more than 1. ARGV: now, seconds, member, at most, weight.
_NOTE = """
local now, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('ZSCORE', KEYS[1], ARGV[3])
if not before or tonumber(before) < now then redis.call('ZADD', KEYS[1], ARGV[1], ARGV[3]) end
if ARGV[5] ~= '1' then redis.call('HSET', KEYS[2], ARGV[3], ARGV[5]) end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - seconds))
local more = redis.call('ZCARD', KEYS[1]) - #gone - tonumber(ARGV[4])
if more > 0 then gone = redis.call('ZRANGE', KEYS[1], 0, #gone + more - 1) end
for _, member in ipairs(gone) do
    redis.call('ZREM', KEYS[1], member)
    redis.call('HDEL', KEYS[2], member)
end
local total = redis.call('ZCARD', KEYS[1]) - redis.call('HLEN', KEYS[2])
for _, weight in ipairs(redis.call('HVALS', KEYS[2])) do total = total + tonumber(weight) end
local keep = math.ceil(seconds * 1000) + 60000
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('PEXPIRE', KEYS[2], keep)
return total
"""
_CLAIM = """
local taken = redis.call('GET', KEYS[1])
if taken and tonumber(taken) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisWindows:
    """`Windows` in a Redis server of version 6 or later; no connection is made before the first call.

    `url` as for redis-py. Everything expires by itself a minute after its window. Keys are hashes of what they stand
    for. Hosts whose clocks differ count by so much too long or too short. `OSError` when the server cannot be asked.
    """

    def __init__(self, url: str, *, prefix: str = "aura") -> None:
        self._client: redis.Redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Once: for a connection that died idle. A member that is noted twice counts once.
            retry=Retry(NoBackoff(), 1),
        )
        # Braces make a cluster keep all of our keys on one node.
        self._prefix = f"{{{prefix}}}:logins"
        self._note = self._client.register_script(_NOTE)
        self._claim = self._client.register_script(_CLAIM)
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Leave the parent its sockets."""
        self._client.connection_pool.reset()

    def note(self, key: str, member: str, now: float, seconds: float, at_most: int, weight: int = 1) -> int:
        """Note a member, and return the weight of those in the window."""
        name = self._name("m", key)
        arguments = [f"{now:.6f}", seconds, member, at_most, weight]
        return int(self._asked(self._note, [name, f"{name}:w"], arguments))

    def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take the right to tell about a key."""
        if seconds <= 0:
            return True
        arguments = [f"{now:.6f}", f"{now + seconds:.6f}", max(1, round(seconds * 1_000))]
        return bool(self._asked(self._claim, [self._name("c", key)], arguments))

    def forget(self, key: str) -> None:
        """Forget a key's members."""
        name = self._name("m", key)
        self._asked(self._client.delete, name, f"{name}:w")

    def recall(self, key: str, now: float) -> str | None:
        """Return the note under a key."""
        found: str | None = self._asked(self._client.get, self._name("n", key))
        until, _, note = (found or "").partition(" ")
        return note if found and float(until) > now else None

    def remember(self, key: str, note: str, now: float, seconds: float) -> None:
        """Keep a note under a key."""
        # The server forgets by its own clock; what counts is the callers'.
        self._asked(
            self._client.set, self._name("n", key), f"{now + seconds!r} {note}", None, max(1, round(seconds * 1_000))
        )

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._client.connection_pool.disconnect()

    def _name(self, what: str, key: str) -> str:
        return f"{self._prefix}:{what}:{hashlib.blake2b(key.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"

    def _asked(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except redis.RedisError as error:
            raise OSError(f"Redis cannot count logins: {type(error).__name__}: {error}") from error

"""Keep account of a request's cache: hits, misses, sets and time, by alias and by pattern of key."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

__all__ = ["CacheLog", "KeyPattern", "key_pattern"]

_MAX_PATTERNS = 100
_MAX_PATTERN = 80
_MOST_SHOWN = 5
_NOTABLE_MISSES = 3

# A key's parts that tell one thing from another: numbers, UUIDs, digests, addresses, and keys and tokens, such as the
# 32 letters and digits that Django's sessions have behind a word of theirs. Sixteen with a digit among them are no
# word, nor are twenty with capitals and small letters too (base64url).
_VARYING = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}\b"
    r"|(?<![A-Za-z0-9])(?:(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}|[A-Za-z0-9]{32,})"
    r"|(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{20,}"
    r"|(?<![^\s@:/|])[^\s@:/|]+@[^\s@:/|]+"
    r"|\d+"
)


@dataclass(slots=True)
class KeyPattern:
    """What became of the keys of one pattern in one cache."""

    alias: str
    pattern: str
    hits: int = 0
    misses: int = 0
    sets: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "cache": self.alias,
            "keys": self.pattern,
            "hits": self.hits,
            "misses": self.misses,
            "sets": self.sets,
            "seconds": round(self.seconds, 6),
        }


def key_pattern(key: object) -> str:
    """Return the key with `*` for each part that varies; at most 80 characters. Words stay, and so does a name.

    >>> key_pattern("user:4711:basket")
    'user:*:basket'
    """
    text = _VARYING.sub("*", str(key)[:400])
    return text if len(text) <= _MAX_PATTERN else text[: _MAX_PATTERN - 1] + "…"


class CacheLog:
    """Counts what a request asks its caches; at most 100 patterns are told apart. Any thread may add."""

    # On the class until they change: most requests ask no cache.
    hits = 0
    misses = 0
    sets = 0
    calls = 0
    uncounted = 0
    seconds = 0.0

    def __init__(self) -> None:
        self.patterns: dict[tuple[str, str], KeyPattern] = {}
        self._lock = threading.Lock()

    def add(self, alias: str, key: object, seconds: float, hits: int = 0, misses: int = 0, sets: int = 0) -> None:
        """Count one call; `key` is one of its keys, empty for a call without."""
        pattern = key_pattern(key)
        with self._lock:
            self.calls += 1
            self.hits += hits
            self.misses += misses
            self.sets += sets
            self.seconds += seconds
            known = self.patterns.get((alias, pattern))
            if known is None:
                if len(self.patterns) >= _MAX_PATTERNS:
                    pattern = "(other keys)"
                known = self.patterns.setdefault((alias, pattern), KeyPattern(alias, pattern))
            known.hits += hits
            known.misses += misses
            known.sets += sets
            known.seconds += seconds

    def always_missed(self) -> list[KeyPattern]:
        """Return the patterns asked for three times or more and never found, those asked for most first."""
        missed = [known for known in self.patterns.values() if known.misses >= _NOTABLE_MISSES and not known.hits]
        return sorted(missed, key=lambda known: -known.misses)

    def fields(self) -> dict[str, Any]:
        """Return the fields of the request's record; none when no cache was asked."""
        if not self.calls:
            return {}
        fields: dict[str, Any] = {
            "cache_hits": self.hits,
            "cache_misses": self.misses,
            "cache_sets": self.sets,
            "cache_time": round(self.seconds, 6),
        }
        if self.misses:
            worst = sorted(self.patterns.values(), key=lambda known: -known.misses)[:_MOST_SHOWN]
            fields["cache_keys"] = [known.as_dict() for known in worst if known.misses]
        return fields

    def hints(self) -> list[str]:
        """Return what to look at: keys that are asked for and never there."""
        hints = []
        for known in self.always_missed():
            why = (
                "it is set, but under another key or for too short"
                if known.sets
                else "nothing sets it in the same request"
            )
            times = f"{known.misses} of {known.misses} times"
            hints.append(f"the cache key {known.pattern} ({known.alias}) was not there, {times}: {why}")
        return hints

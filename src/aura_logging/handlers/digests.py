"""Keep account of what is not told one by one, and put it into one record."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass

from aura_logging import records
from aura_logging.volume.fingerprints import exception_fingerprint, template_fingerprint

__all__ = ["Digest"]

_MOST_LINES = 10
_LONGEST_EXAMPLE = 200
_OTHERS = "others"
_SERVICE = ("service_name", "environment", "version", "host")
"""Fields that are the same for all records of a process; a format may want them."""


@dataclass(slots=True)
class _Kind:
    """Records that say the same: how many of them are in the digest, and what one of them says."""

    logger: str
    level: int
    example: str
    count: int = 0


class Digest:
    """What one window holds: which kinds of records were told in it, and how many of each were not.

    Tells at most `most_kinds` kinds apart. Not for several threads at once.
    """

    def __init__(self, most_kinds: int) -> None:
        self._most_kinds = most_kinds
        self._kinds: dict[Hashable, _Kind] = {}
        self._told: set[Hashable] = set()
        self._service: dict[str, object] = {}

    @property
    def count(self) -> int:
        """How many records are in it."""
        return sum(kind.count for kind in self._kinds.values())

    def knows(self, record: logging.LogRecord) -> bool:
        """Tell whether one that says the same was told in this window."""
        return _fingerprint(record) in self._told

    def tell(self, record: logging.LogRecord) -> None:
        """Note that the record was told by itself."""
        self._told.add(_fingerprint(record))

    def forget(self, record: logging.LogRecord) -> None:
        """Note that the record could not be told after all."""
        self._told.discard(_fingerprint(record))

    def add(self, record: logging.LogRecord) -> None:
        """Count the record instead of telling it."""
        key = _fingerprint(record)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= self._most_kinds:
                key, kind = _OTHERS, self._kinds.get(_OTHERS)
            if kind is None:
                kind = self._kinds[key] = _Kind(
                    record.name, record.levelno, records.message_of(record)[:_LONGEST_EXAMPLE]
                )
        self._service = {name: getattr(record, name) for name in _SERVICE if hasattr(record, name)}
        kind.count += 1
        kind.level = max(kind.level, record.levelno)

    def record(self, window_seconds: float) -> logging.LogRecord:
        """Return the record that tells it all: at the highest level in it, the most frequent first."""
        kinds = sorted(self._kinds.values(), key=lambda kind: -kind.count)
        listed = [f"{kind.count:,} x {kind.logger}: {kind.example}" for kind in kinds[:_MOST_LINES]]
        if len(kinds) > _MOST_LINES:
            listed.append(f"{sum(kind.count for kind in kinds[_MOST_LINES:]):,} x others")
        record = logging.LogRecord(
            "aura.throttle",
            max(kind.level for kind in kinds),
            __file__,
            0,
            "%s more in %s s: %s",
            (f"{self.count:,}", f"{window_seconds:.0f}", "; ".join(listed)),
            None,
        )
        record.__dict__.update(self._service, suppressed=self.count, correlation_id=None)
        return record

    def absorb(self, older: Digest) -> None:
        """Take in what could not be told before, and what was told then."""
        self._told |= older._told
        for key, kind in older._kinds.items():
            if key not in self._kinds and len(self._kinds) >= self._most_kinds:
                key = _OTHERS
            mine = self._kinds.setdefault(key, _Kind(kind.logger, kind.level, kind.example))
            mine.count += kind.count
            mine.level = max(mine.level, kind.level)


def _fingerprint(record: logging.LogRecord) -> Hashable:
    raised = exception_fingerprint(record.exc_info, record.exc_text)
    return (record.name, record.levelno, template_fingerprint(records.template_of(record)), raised)

"""Say, in a settings section, where the trail is kept, what signs it, and how long it stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aura_logging.audit.keys import KeyRing
from aura_logging.audit.retention import RetentionPolicy
from aura_logging.options import OptionError, nearest

__all__ = ["AuditOptions"]

_WHEN_UNWRITABLE = ("raise", "journal")


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """`AURA["AUDIT"]`, the part that has nothing to do with Django.

    `keys` are a key ring, oldest first (see `KeyRing`). `when_unwritable` is "raise" or "journal", and then
    `journal_dir` is where. `keep_days` says by event class how many days entries are kept (`"default"` for classes not
    named; what is not named at all: for ever).
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    when_unwritable: str = "raise"
    journal_dir: str | None = None
    scrub: bool = True
    keep_days: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_seconds: float = 300.0
    encrypt_subjects: bool = False

    def __post_init__(self) -> None:
        if self.when_unwritable not in _WHEN_UNWRITABLE:
            given = self.when_unwritable
            raise OptionError(f"when_unwritable={given!r} is unknown. {nearest(given, _WHEN_UNWRITABLE)}")
        if self.when_unwritable == "journal" and not self.journal_dir:
            raise OptionError("when_unwritable='journal' needs journal_dir, a directory on a local disk.")
        if not self.checkpoint_seconds > 0:
            raise OptionError(f"checkpoint_seconds={self.checkpoint_seconds!r} must be more than 0.")
        RetentionPolicy(self.keep_days)
        if self.keys:
            self.key_ring()

    def key_ring(self) -> KeyRing:
        """Return the ring of `keys`; `OptionError` names what is wrong with one."""
        return KeyRing(self.keys)

"""Say what a journal holds and what it refused, for `health()`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JournalUsage"]


@dataclass(frozen=True, slots=True)
class JournalUsage:
    """What a journal holds and what it refused in this process, for `health()`."""

    files: int
    allocated_bytes: int
    unacknowledged_bytes: int
    appended: int
    refused: dict[str, int]
    failed_syncs: int
    last_error: str | None

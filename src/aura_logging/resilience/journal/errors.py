"""Say that there is no journal, and why, in a way a handler can go on without one."""

from __future__ import annotations

import enum
from pathlib import Path

__all__ = ["JournalUnavailable", "Refusal"]


class JournalUnavailable(OSError):  # noqa: N818 - a state, like the breaker's
    """A segment could not be made, allocated, locked or mapped; the handler goes on without and counts it."""

    @classmethod
    def because(cls, error: OSError, directory: Path) -> JournalUnavailable:
        """Wrap what the operating system said, with its `errno` and the directory."""
        return cls(error.errno or 0, error.strerror or str(error), str(directory))


class Refusal(enum.StrEnum):
    """Why a line was not appended; the words under which a handler counts it."""

    FULL = "journal_full"
    """`max_bytes` of lines wait for acknowledgement."""
    UNAVAILABLE = "journal_unavailable"
    """No segment can be made now (disk full, read-only, …), or the journal is closed; see `last_error`."""
    TOO_LARGE = "journal_line_too_large"
    """The line is longer than a segment has room for."""
    NESTED = "journal_nested"
    """A signal handler or a finaliser logged while this thread was inside `append`."""

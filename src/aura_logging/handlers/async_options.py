"""Check what an `AsyncBufferedHandler` is given, so that a mistake shows at start-up, named, with its fix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast, get_args

from aura_logging.handlers.option_checks import check_counts
from aura_logging.options import OptionError, nearest
from aura_logging.resilience.journal import Fsync, Journal
from aura_logging.resilience.ledger import WhenFull

__all__ = ["JournalOptions", "journal_name", "when_full_of"]

_SEGMENT_BYTES = 4 << 20
_MIN_JOURNAL_BYTES = 64 << 10
_MAX_JOURNAL_BYTES = 4 << 30
_MAX_SEGMENTS = 64
_DIRECTORY_BYTES = 1 << 30


class JournalOptions:
    """How to make a handler's journal, once the handler has its name."""

    def __init__(self, directory: object, max_bytes: int, fsync: str) -> None:
        if not isinstance(directory, str) and not hasattr(directory, "__fspath__"):
            raise OptionError(f'journal={directory!r} must be a directory, as in journal="/var/lib/app/journal".')
        if not str(directory):
            raise OptionError("journal='' names no directory; give one on a local disk, or None for no journal.")
        check_counts(journal_max_bytes=max_bytes)
        if not _MIN_JOURNAL_BYTES <= max_bytes <= _MAX_JOURNAL_BYTES:
            raise OptionError(f"journal_max_bytes={max_bytes!r} must be from 64 KiB (65536) to 4 GiB.")
        if fsync not in get_args(Fsync):
            raise OptionError(f"fsync={fsync!r} is unknown. {nearest(str(fsync), get_args(Fsync))}")
        self.directory = Path(cast(str, directory))  # a str or a path, as just seen
        self.max_bytes = max_bytes
        self._fsync = cast(Fsync, fsync)  # it is one of them, as just seen

    def open(self, handler_name: str | None) -> Journal:
        """Return the journal; nothing is on disk yet. Only an heir of the same handler's name will deliver it."""
        # Files of 4 MiB where the limit allows it; at least two, at most as many as a journal may have.
        segment_bytes = max(min(_SEGMENT_BYTES, self.max_bytes // 2), -(-self.max_bytes // _MAX_SEGMENTS))
        return Journal(
            self.directory,
            name=journal_name(handler_name),
            segment_bytes=segment_bytes,
            max_bytes=self.max_bytes,
            max_directory_bytes=max(_DIRECTORY_BYTES, self.max_bytes),
            fsync=self._fsync,
        )


def journal_name(handler_name: str | None) -> str:
    """Return what a handler's journal files are called after."""
    return re.sub(r"[^A-Za-z0-9_]", "_", handler_name or "")[:48] or "async"


def when_full_of(choice: str, *, has_journal: bool) -> WhenFull:
    """Return what is meant, or raise `OptionError`."""
    try:
        when_full = WhenFull(choice)
    except ValueError:
        raise OptionError(
            f"when_full={choice!r} is unknown. {nearest(str(choice), [known.value for known in WhenFull])}"
        ) from None
    if when_full is WhenFull.SPILL and not has_journal:
        raise OptionError('when_full="spill" needs a journal to spill to; give journal="some/directory".')
    return when_full

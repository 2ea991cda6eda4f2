"""Keep what could not be understood for a human, within limits, and sweep up files nobody finished."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aura_logging.resilience.journal.claim import Claim, Foreign, StreamAlive
from aura_logging.resilience.journal.names import ASIDE, UNFINISHED, SegmentName

__all__ = ["delete_unfinished", "set_aside", "trim_aside"]

MAX_FILES_ASIDE = 16
MAX_BYTES_ASIDE = 64 << 20


def set_aside(claim: Claim) -> None:
    """Rename the claimed file out of recovery's way; raises `OSError`."""
    claim.path.rename(claim.path.with_name(claim.path.name + ASIDE))


def delete_unfinished(directory: Path, found: list[SegmentName]) -> None:
    """Delete the files whose maker died between creating and naming them: they hold nothing."""
    for name in found:
        if name.fate == UNFINISHED:
            with contextlib.suppress(OSError, Foreign, StreamAlive):
                claim = Claim(directory / name.file_name())
                try:
                    claim.delete()
                finally:
                    claim.release()


def trim_aside(directory: Path, found: list[SegmentName]) -> int:
    """Delete the oldest `.corrupt` files until their number and bytes are within limits; returns how many."""
    aside: list[tuple[Path, int]] = []
    for name in found:
        if name.fate == ASIDE:
            path = directory / name.file_name()
            with contextlib.suppress(OSError):
                aside.append((path, path.lstat().st_size))
    deleted, held = 0, sum(size for _, size in aside)
    for path, size in aside:
        if len(aside) - deleted <= MAX_FILES_ASIDE and held <= MAX_BYTES_ASIDE:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        deleted += 1
        held -= size
    return deleted

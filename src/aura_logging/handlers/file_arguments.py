"""Refuse arguments for a log file that cannot be meant, and say what to write instead."""

from __future__ import annotations

import os
from pathlib import Path

from aura_logging.options import OptionError
from aura_logging.resilience.log_files.segment_names import COMPRESSED_SUFFIXES, PARTIAL_SUFFIX

__all__ = ["check_encoding", "check_limit", "check_mode", "checked_path"]


def checked_path(filename: str | os.PathLike[str]) -> Path:
    """Return the absolute path, so that a later change of the working directory moves no log."""
    if not isinstance(filename, (str, os.PathLike)) or not os.fspath(filename):
        raise OptionError(f"filename={filename!r} is not a path; give the log file's path, as in 'logs/app.jsonl'.")
    path = Path(filename).absolute()
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where we may not look, which is not ours to report
        raise OptionError(f"filename={str(filename)!r} is a directory; give the name of a file in it.")
    if path.name.endswith((*COMPRESSED_SUFFIXES, PARTIAL_SUFFIX)):
        raise OptionError(
            f"filename={str(filename)!r} ends like a compressed segment; leave the ending {path.suffix!r} off."
        )
    return path


def check_limit(name: str, value: float | None, meaning: str, *, whole: bool = True, optional: bool = True) -> None:
    """Accept a positive number, whole where `whole`, and `None` where `optional`."""
    if value is None and optional:
        return
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        positive = "a positive whole number" if whole else "a positive number"
        raise OptionError(f"{name}={value!r} is not {positive}; give {meaning}.")


def check_mode(mode: int) -> None:
    """Accept file modes that let the owner read and write, and nobody execute or everybody write."""
    if isinstance(mode, bool) or not isinstance(mode, int):
        raise OptionError(f"mode={mode!r} is not a file mode; write 0o640 or 0o600.")
    if mode & 0o600 != 0o600 or mode & ~0o664:
        raise OptionError(
            f"mode={mode:#o} must let the owner read and write and must not let everybody write, nor anybody "
            "execute; write 0o640 or 0o600."
        )


def check_encoding(encoding: str) -> None:
    """Accept UTF-8 in any spelling; the argument exists for configurations that say so."""
    if not isinstance(encoding, str) or encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise OptionError(f"encoding={encoding!r} is not possible: lines are UTF-8; leave the argument out.")

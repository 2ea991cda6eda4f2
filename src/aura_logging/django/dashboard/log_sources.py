"""Find the log files that are to be looked through."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from aura_logging.diagnostics.log_reader import LogFile, files_of
from aura_logging.diagnostics.topology import file_of, read_topology
from aura_logging.django.conf import options
from aura_logging.django.dashboard.options import DashboardOptions

__all__ = ["all_files", "places", "security_files"]

_SECURITY_LOGGER = "aura.security"


def all_files() -> list[LogFile]:
    """Return the log files and their segments, newest first; of a directory that may not be read, nothing.

    Those of `AURA["DASHBOARD"]["log_files"]`; else those that the root logger's handlers of this process write.
    """
    patterns = options(DashboardOptions).log_files
    return _files_of(_matching(patterns) if patterns else _written_from(""))


def places() -> list[str]:
    """Return where `all_files` looks, be there anything or not: paths, or the patterns of the setting."""
    return list(options(DashboardOptions).log_files) or [str(path) for path in _written_from("")]


def security_files() -> list[LogFile]:
    """Return the files in which security events lie closest together."""
    own = read_topology()
    ends = {
        file_of(end.handler)
        for node in own.handlers
        if any(logger.name == _SECURITY_LOGGER for logger in own.loggers_of(node))
        for end in own.chain(node)
    }
    found = _files_of([path for path in ends if path is not None])
    return found or all_files()


def _matching(patterns: Sequence[str]) -> list[Path]:
    return sorted({Path(path) for pattern in patterns for path in glob.glob(pattern)})  # noqa: PTH207  # absolute ones too


def _written_from(logger: str) -> list[Path]:
    topology = read_topology()
    ends = [end for node in topology.reached_from(logger) for end in topology.chain(node)]
    paths = dict.fromkeys(file_of(end.handler) for end in ends)
    return [path for path in paths if path is not None and not str(path).startswith("/dev/")]


def _files_of(logs: Sequence[Path]) -> list[LogFile]:
    found: list[LogFile] = []
    for log in logs:
        try:
            found += files_of(log)
        except OSError:  # the health page says which directory may not be read
            continue
    return sorted(found, key=lambda file: float("inf") if file.closed_at is None else file.closed_at, reverse=True)

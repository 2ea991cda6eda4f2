"""Write the one wide record of a piece of work, in the name of the code that did it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from aura_logging.performance.prototypes import Prototypes
from aura_logging.resilience.forks import notice_fork, tell_after_fork

__all__ = ["write"]


class _Writer:
    """Keeps the prototypes of this process."""

    def __init__(self) -> None:
        self.prototypes = Prototypes()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        self.prototypes.forget()


_writer = _Writer()
_record = _writer.prototypes.record


def write(
    log: logging.Logger, level: int, message: str, place: tuple[str, int, str], fields: Mapping[str, Any]
) -> None:
    """Have the logger's handlers write `message` with the fields; `place` is file, line and function.

    None of the fields may have the name of an attribute of `logging`'s own. Never raises: what a handler's filter
    raises is shown as `logging` shows a handler's errors.
    """
    # A logger of the fast lane may spare the record; that room lies above this one, so the logger is asked.
    write_without_record = getattr(log, "write_without_record", None)
    if write_without_record is not None and write_without_record(level, message, place, fields):
        return
    notice_fork()
    # Not log.log(): it would look for its caller, which is always this line, and nobody wants to know. Nor makeRecord,
    # which holds each extra against the record's own attributes.
    record = _record(log.name, level, place, message, fields)
    try:
        log.handle(record)
    except Exception:  # noqa: BLE001  # logging guards handlers, not filters; the work must go on all the same
        if logging.raiseExceptions:
            traceback.print_exc()

"""Log each query on `django.db.backends` when that logger wants DEBUG and Django would stay silent."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from types import CodeType
from typing import Any

from aura_logging.django.call_sites import awaiting_place, locate, site_of
from aura_logging.django.statement_text import text_of
from aura_logging.performance.fingerprints import fingerprint
from aura_logging.performance.queries import current

__all__ = ["are_wanted", "known_levels", "tell"]

log = logging.getLogger("django.db.backends")

are_wanted = log.isEnabledFor
"""Tell whether records of this level are wanted."""

known_levels: Mapping[int, bool] = getattr(log, "_cache", {})
"""What the logger would answer, as far as it has been asked since any level was set: for who asks before each query,
and cannot pay for the call. Where it is true, or nothing is known, ask `are_wanted`."""

# A handler that writes to a database makes queries of its own.
_telling: ContextVar[bool] = ContextVar("aura_logging_telling_sql", default=False)


def tell(sql: Any, connection: Any, seconds: float) -> None:
    """Log the statement with `?` for every value, its duration, alias and place; its caller counts the query.

    Django logs SQL itself with `DEBUG` or `force_debug_cursor`, parameters included; then this adds nothing. Queries
    that the logging of a query makes are not logged. The record's file, line and function are those that asked.
    """
    if connection.queries_logged or _telling.get():
        return
    token = _telling.set(True)
    try:
        alias = connection.alias
        written = text_of(sql, connection)
        file, line, function = _place(written)
        text = fingerprint(written)
        record = log.makeRecord(
            log.name, logging.DEBUG, file, line, "(%.3f) %s; alias=%s", (seconds, text, alias), None, function,
            {"duration": round(seconds, 6), "sql": text, "alias": alias},
        )  # fmt: skip
        log.handle(record)
    except Exception:  # noqa: BLE001  # a query must not fail because it is told of
        if logging.raiseExceptions:
            traceback.print_exc()
    finally:
        _telling.reset(token)


def _place(sql: str) -> tuple[str, int, str]:
    place = locate(sql, below=3)
    queries = current.get()
    if place.frame is None and queries is not None and queries.task is not None:
        place = awaiting_place(queries.task, place)
    if place.frame is not None and isinstance(place.owner, CodeType):
        return place.owner.co_filename, place.frame.f_lineno, place.owner.co_qualname
    site = site_of(place, None)
    return site.file, site.line, "(template)" if place.frame is not None else "(unknown function)"

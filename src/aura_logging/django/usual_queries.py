"""Know a query like one before, asked by the same line, by as few looks as that takes."""

from __future__ import annotations

from types import FrameType

from aura_logging.django import subjects
from aura_logging.django.call_sites import Place, routes
from aura_logging.performance.queries import Lazy, QueryGroup, QueryLog

__all__ = ["UnusualError", "other_usual", "remember"]


class UnusualError(Exception):
    """A query is not like the one it was taken for: it is to be looked at the long way."""


def remember(log: QueryLog, sql: str, place: Place, group: QueryGroup, vendor: str) -> None:
    """Have `log.usual` tell the group of a query like this one, if no more is to be found out of what it loads.

    A query is like it that has its text and database, was asked by the line in `owner` and `instruction`, `depth`
    frames outward from what counts it, and was loaded lazily by the same thing, if it was. `vendor` is the database's.
    """
    route = routes.get(sql)
    # A statement too long to have a route is not kept whole; the group of many others has no line.
    if route is None or place.frame is None or route[1] is not place.owner or group.owner is not place.owner:
        return
    if group.statement.kind == "read":
        if place.loader is not None:
            if group.loop is None or subjects.lazy_subject(place.loader) is not group.loop.subject:
                return
            values = place.loader.f_locals
            group.lazy = Lazy(route[2], place.loader.f_code, values["self"], type(values["instance"]), group.loop)
        elif group.wants_subject:
            return
        # sqlite3 has -1 for every SELECT.
        group.tells_rows = vendor != "sqlite"
    group.depth, group.instruction = route[0], place.instruction
    log.usual[sql] = group


def other_usual(log: QueryLog, sql: str, alias: str, frame: FrameType, depth: int) -> QueryGroup:
    """Return the group of a statement that another line asked last, or another database answered.

    `UnusualError` where that is not known to be as far away.
    """
    group = log.groups.get((sql, alias, id(frame.f_code), frame.f_lasti))
    if group is None or group.depth != depth:
        raise UnusualError
    log.usual[sql] = group
    return group

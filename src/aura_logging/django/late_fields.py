"""Put the route and the user on a request's records as soon as Django knows them."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from threading import get_ident
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest

from aura_logging import context
from aura_logging.django.users import NOBODY, loaded_users, user_fields

__all__ = ["LateFields"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})

# Which of a request's late fields this very context has: tasks and threads copied earlier have fewer.
_bound_here: ContextVar[Mapping[str, Any]] = ContextVar("aura_logging_late_fields", default=_NOTHING)


class LateFields:
    """Asked before each record of the request; binds what has become known since.

    It looks only at what is there and makes nothing load. A name that the application has bound itself is left as
    it is. The request is held weakly, so that a task that outlives it does not keep it. All the tasks and threads
    of a request may call it at once.
    """

    # On the class until they change: each that is set costs every request.
    # The users, whether there is a route, and the fields of both: replaced in one step, so that no thread sees the one
    # without the other.
    _learnt: tuple[tuple[Any, ...], bool, Mapping[str, Any]] = (NOBODY, False, _NOTHING)
    _asked_by: int | None = None
    _added: Mapping[str, Any] = _NOTHING
    _settled: Mapping[str, Any] | None = None

    def __init__(self, request: HttpRequest, fields: dict[str, Any]) -> None:
        """`fields` are those that the request begins with: what is learnt at the first asking is added to them."""
        self._request = weakref.ref(request)
        self._unseen: dict[str, Any] | None = fields

    def ask(self) -> None:
        """Look, and bind in the context of the caller, unless all is known there; never raises."""
        if context.bound_here() is self._settled:
            return
        try:
            self._learn()
        except Exception as error:  # noqa: BLE001  # whatever hangs on the request: a log call must not fail
            context.bind(context_error=type(error).__name__)

    def settle(self) -> Mapping[str, Any]:
        """Look for the last time, for no more is to become known; return the fields that are bound here."""
        self.ask()
        settled = self._settled = context.bound_here()
        return settled

    def _learn(self) -> None:
        request = self._request()
        users, has_route, known = self._learnt
        if request is not None:
            if not has_route and (match := request.resolver_match) is not None:
                # The home page's pattern is empty, and no line and no metric would tell it from a request without a
                # route.
                known = {**known, "route": match.route or "/"}
                self._learnt = (users, True, known)
            seen = loaded_users(request)
            if seen is not users:
                known = self._look_at(seen, request)
        unseen, self._unseen = self._unseen, None
        if unseen is not None and context.bound_here() is unseen:
            # Nobody has put others in their place, nor taken them as all there is: it spares making a copy.
            self._added = known
            unseen.update(known)
            return
        before = _bound_here.get()
        if before is not known:
            _bound_here.set(known)
            # What is bound here may be what was added to the first fields, in whatever context that was.
            context.bind_late(known, before, self._added)

    def _look_at(self, seen: tuple[Any, ...], request: HttpRequest) -> Mapping[str, Any]:
        users, has_route, known = self._learnt
        if len(seen) == len(users) and all(map(_is, seen, users)):
            return known
        me = get_ident()
        if self._asked_by == me:  # a property of the user's logs
            return known
        self._asked_by = me
        try:
            known = {**known, **user_fields(seen, request)}
        finally:
            self._asked_by = None
        self._learnt = (seen, has_route, known)
        return known


def _is(one: object, other: object) -> bool:
    return one is other

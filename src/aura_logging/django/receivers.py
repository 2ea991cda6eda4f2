"""Listen to Django's signals: where a request begins and ends, and what it failed with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.http import HttpRequest

from aura_logging import context, units
from aura_logging.performance import outgoing
from aura_logging.performance.probe import RequestProbe

__all__ = ["PROBE", "connect", "expect_leftovers", "when_finished"]

PROBE = "_aura_probe"
"""The attribute of a request that holds what measures it."""


_when_finished: list[Callable[[], None]] = []
_expects_leftovers: list[bool] = []

_START = "aura_logging.start"
_START_OF_ANY = "aura_logging.start of any"


def when_finished(release: Callable[[], None]) -> None:
    """Have `release` called at the end of each request, once: a receiver of its own would cost each of them 1 µs."""
    if release not in _when_finished:
        _when_finished.append(release)


def connect() -> None:
    """Connect every receiver; harmless to repeat, and better for it.

    Of `request_started` it is the first, so that what other receivers log carries no id of an earlier request;
    `request_finished` is connected anew each time, behind those that came since, so that they still log with the
    request's own.
    """
    # A WSGI server leaves nothing behind, mostly, and a receiver costs each request 2 µs; 1 µs if it is for others.
    # Not there, or not yet: another thread may be at importing it.
    handler = getattr(sys.modules.get("django.core.handlers.asgi"), "ASGIHandler", None)
    if handler is not None:
        _start_with_nothing(_START, handler)
    got_request_exception.connect(_note_exception, dispatch_uid="aura_logging.exception")
    request_finished.disconnect(dispatch_uid="aura_logging.finish")
    request_finished.connect(_finish, dispatch_uid="aura_logging.finish")


def expect_leftovers() -> None:
    """Release what another request has left in the context at the start of each, whatever class the handler is of."""
    if not _expects_leftovers:
        _expects_leftovers.append(True)
        _start_with_nothing(_START_OF_ANY, None)


def _start_with_nothing(uid: str, sender: type | None) -> None:
    request_started.connect(_release_leftovers, sender=sender, dispatch_uid=uid)
    with request_started.lock:
        # In front, for which Django has no word: those that came first would log with the other request's id. Not in
        # place: a list is empty while it is sorted, and another thread may be looking.
        request_started.receivers = sorted(
            request_started.receivers, key=lambda receiver: receiver[0][0] not in (_START, _START_OF_ANY)
        )


def _finish(sender: object = None, **_: Any) -> None:
    if sender is not WSGIHandler:  # Django's own for ASGI, too, where that was loaded after `connect`
        expect_leftovers()
    # At the end, and not when the middleware returns: Django's own lines about a 404, and a streaming body, come
    # after that.
    for release in _when_finished:
        release()
    context.release()
    if outgoing.current.get() is not None:
        outgoing.current.set(None)


def _release_leftovers(**_: Any) -> None:
    # An ASGI server may begin a request in what is left of another's context (a timer, a callback, a pipelined request
    # that the last one's task has started); any server may where one ended without `request_finished`. The other one
    # may be under way still, so nothing of it ends here.
    if units.current() is not None or context.bound_here():
        context.leave()
        if outgoing.current.get() is not None:
            outgoing.current.set(None)


def _note_exception(request: HttpRequest | None = None, **_: Any) -> None:
    probe = None if request is None else request.__dict__.get(PROBE)
    kind = sys.exc_info()[0]
    if isinstance(probe, RequestProbe) and kind is not None:
        probe.failed(kind)

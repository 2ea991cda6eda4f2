"""Listen to Django's signals: where a request begins and ends, and what it failed with."""

from __future__ import annotations

import sys
from typing import Any

from django.core.signals import got_request_exception, request_finished, request_started
from django.http import HttpRequest

from aura_logging import context, propagation
from aura_logging.performance.probe import RequestProbe

__all__ = ["PROBE", "connect"]

PROBE = "_aura_probe"
"""The attribute of a request that holds what measures it."""


def connect() -> None:
    """Connect every receiver; connecting again puts them behind those that came since.

    Behind, so that other receivers of `request_finished` log with the request's id.
    """
    for signal, receiver in (
        (request_started, _release),
        (request_finished, _release),
        (got_request_exception, _note_exception),
    ):
        signal.disconnect(receiver)
        signal.connect(receiver)


def _release(**_: Any) -> None:
    # At the end, and not when the middleware returns: Django's own lines about a 404, and a streaming body, come
    # after that. At the start too: an ASGI server may begin a request in what is left of another's context (a
    # timer, a callback, a pipelined request that the last one's task has started).
    context.release()
    propagation.release()


def _note_exception(request: HttpRequest | None = None, **_: Any) -> None:
    probe = None if request is None else request.__dict__.get(PROBE)
    kind = sys.exc_info()[0]
    if isinstance(probe, RequestProbe) and kind is not None:
        probe.failed(kind)

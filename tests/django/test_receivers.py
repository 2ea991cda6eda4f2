"""A request begins with nothing of another's, however that one ended, and ends nothing but itself."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from aura_logging import bind, context, fields
from aura_logging.django import receivers
from aura_logging.django.middleware import PerformanceMonitoringMiddleware


class OwnHandler(ASGIHandler):
    """What a project may serve itself with."""


@pytest.fixture
def seen() -> Iterator[list[dict[str, Any]]]:
    """What is bound when receivers are told that a request begins; ours expect as little as in a new process."""
    found: list[dict[str, Any]] = []

    def look(**_: Any) -> None:
        found.append(fields())

    request_started.disconnect(dispatch_uid="aura_logging.start of any")
    request_started.disconnect(sender=ASGIHandler, dispatch_uid="aura_logging.start")
    receivers._expects_leftovers.clear()
    receivers.connect()
    request_started.connect(look, dispatch_uid="test")
    yield found
    request_started.disconnect(dispatch_uid="test")


def serve(view: Callable[[HttpRequest], HttpResponse]) -> None:
    """Serve one request as a WSGI server does."""
    request_started.send(sender=object)
    PerformanceMonitoringMiddleware(view)(RequestFactory().get("/")).close()  # type: ignore[union-attr]  # it is sync


def answers(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def leaves(request: HttpRequest) -> HttpResponse:
    raise SystemExit


def test_a_request_that_ended_in_no_response_leaves_nothing_to_the_next(seen: list[dict[str, Any]]) -> None:
    with pytest.raises(SystemExit):
        serve(leaves)
    serve(answers)

    assert seen == [{}, {}]


def test_a_receiver_that_fails_whenever_a_request_ends_is_expected_from_then_on(seen: list[dict[str, Any]]) -> None:
    def fails(**_: Any) -> None:
        raise LookupError

    request_finished.connect(fails, dispatch_uid="test")
    try:
        for _ in range(4):
            with pytest.raises(LookupError):
                serve(answers)
            receivers.connect()  # as the next middleware to be made does; ours stays behind the one that fails
    finally:
        request_finished.disconnect(dispatch_uid="test")

    assert seen[2:] == [{}, {}]


def test_what_was_bound_outside_of_any_request_is_not_the_next_ones(seen: list[dict[str, Any]]) -> None:
    bind(job="earlier")

    request_started.send(sender=ASGIHandler)

    assert seen == [{}]


def test_ours_is_asked_before_receivers_that_came_first(seen: list[dict[str, Any]]) -> None:
    request_started.disconnect(sender=ASGIHandler, dispatch_uid="aura_logging.start")
    receivers.connect()
    bind(job="earlier")

    request_started.send(sender=ASGIHandler)

    assert seen == [{}]


def test_whoever_is_looking_at_the_receivers_meanwhile_sees_them_all() -> None:
    before = request_started.receivers
    there = len(before)

    receivers.connect()

    assert request_started.receivers is not before
    assert len(before) == there


def test_from_the_first_request_that_no_wsgi_handler_served_on_every_server_is_expected(
    seen: list[dict[str, Any]],
) -> None:
    request_started.disconnect(sender=ASGIHandler, dispatch_uid="aura_logging.start")  # loaded after `connect`
    bind(job="earlier")
    request_finished.send(sender=ASGIHandler)
    bind(job="of the first request")

    request_started.send(sender=ASGIHandler)

    assert seen == [{}]


def test_an_async_handler_of_ones_own_is_expected_before_its_first_request(seen: list[dict[str, Any]]) -> None:
    async def answers_async(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    PerformanceMonitoringMiddleware(answers_async)
    context.start({"correlation_id": "another's"})
    request_started.send(sender=OwnHandler)

    assert seen == [{}]


def test_a_request_that_begins_within_another_does_not_end_it(seen: list[dict[str, Any]]) -> None:
    unit = context.start({"correlation_id": "outer"})

    contextvars.copy_context().run(request_started.send, sender=ASGIHandler)

    assert seen == [{}]
    assert unit.failed is None
    assert fields() == {"correlation_id": "outer"}

"""A request's records have its route and its user as soon as Django knows them."""

from __future__ import annotations

import contextvars
import threading
from types import SimpleNamespace

import pytest
from django.http import HttpRequest
from django.urls import ResolverMatch

from aura_logging import context
from aura_logging.django.late_fields import LateFields

NOBODY = SimpleNamespace(is_authenticated=False)
ADA = SimpleNamespace(is_authenticated=True, is_staff=True, pk=7)


@pytest.fixture
def request_of_nobody() -> HttpRequest:
    request = HttpRequest()
    request.user = NOBODY  # type: ignore[attr-defined]  # as a middleware sets it
    return request


def begin(request: HttpRequest) -> None:
    """Begin a request as the middleware does."""
    fields = {"correlation_id": "one"}
    context.start(fields, LateFields(request, fields))


@pytest.mark.parametrize(("pattern", "route"), [("books/<int:pk>/", "books/<int:pk>/"), ("", "/")])
def test_the_route_is_the_pattern_that_matched_and_the_home_page_has_one_too(pattern: str, route: str) -> None:
    request = HttpRequest()
    request.resolver_match = ResolverMatch(lambda request: None, (), {}, route=pattern)

    with context.bound():
        LateFields(request, {}).ask()

        assert context.current()["route"] == route


@pytest.mark.parametrize("lines_before", [1, 2])
def test_who_logs_in_after_a_line_is_the_user_from_then_on(request_of_nobody: HttpRequest, lines_before: int) -> None:
    begin(request_of_nobody)
    before = [context.current()["user_type"] for _ in range(lines_before)]

    request_of_nobody.user = ADA  # type: ignore[attr-defined]  # as above

    assert before == ["anonymous"] * lines_before
    assert (context.current()["user_type"], context.current()["user_id"]) == ("staff", "7")


def test_who_logs_in_is_the_user_in_a_task_that_was_begun_before_the_first_line(request_of_nobody: HttpRequest) -> None:
    begin(request_of_nobody)
    task = contextvars.copy_context()
    assert context.current()["user_type"] == "anonymous"

    request_of_nobody.user = ADA  # type: ignore[attr-defined]  # as above

    assert task.run(context.current)["user_type"] == "staff"
    assert context.current()["user_type"] == "staff"


def test_what_an_earlier_request_of_the_thread_has_learnt_changes_nothing(request_of_nobody: HttpRequest) -> None:
    for _ in range(2):
        request_of_nobody.user = NOBODY  # type: ignore[attr-defined]  # as above
        begin(request_of_nobody)
        assert context.current()["user_type"] == "anonymous"
        request_of_nobody.user = ADA  # type: ignore[attr-defined]  # as above

        assert context.current()["user_type"] == "staff"


def test_what_the_application_has_bound_stays_whoever_logs_in(request_of_nobody: HttpRequest) -> None:
    begin(request_of_nobody)
    context.current()
    context.bind(user_type="robot")

    request_of_nobody.user = ADA  # type: ignore[attr-defined]  # as above

    assert (context.current()["user_type"], context.current()["user_id"]) == ("robot", "7")


def test_what_cannot_be_learnt_breaks_no_log_call_and_shows(request_of_nobody: HttpRequest) -> None:
    request_of_nobody.resolver_match = object()  # type: ignore[assignment]  # the point of it
    begin(request_of_nobody)

    assert dict(context.current()) == {"correlation_id": "one", "context_error": "AttributeError"}


def test_a_line_has_the_user_though_another_thread_is_just_looking_at_it(request_of_nobody: HttpRequest) -> None:
    seen: list[dict[str, str]] = []

    class Slow:
        is_authenticated = True
        is_staff = True

        @property
        def pk(self) -> int:
            if not seen:
                seen.append({})
                other = threading.Thread(target=context.run_in_context(lambda: seen.append(context.fields())))
                other.start()
                other.join()
            return 7

    request_of_nobody.user = Slow()  # type: ignore[attr-defined]  # as above
    begin(request_of_nobody)
    context.current()

    assert seen[1]["user_id"] == "7"


def test_a_user_that_logs_when_asked_is_asked_once(request_of_nobody: HttpRequest) -> None:
    asked: list[str] = []

    class Loud:
        @property
        def is_authenticated(self) -> bool:
            asked.append(context.current()["correlation_id"])
            return False

    request_of_nobody.user = Loud()  # type: ignore[attr-defined]  # as above
    begin(request_of_nobody)

    assert context.current()["user_type"] == "anonymous"
    assert asked == ["one"]

"""A request's records have its route as soon as Django knows it."""

from __future__ import annotations

import pytest
from django.http import HttpRequest
from django.urls import ResolverMatch

from aura_logging import context
from aura_logging.django.late_fields import LateFields


@pytest.mark.parametrize(("pattern", "route"), [("books/<int:pk>/", "books/<int:pk>/"), ("", "/")])
def test_the_route_is_the_pattern_that_matched_and_the_home_page_has_one_too(pattern: str, route: str) -> None:
    request = HttpRequest()
    request.resolver_match = ResolverMatch(lambda request: None, (), {}, route=pattern)

    with context.bound():
        LateFields(request, {}).ask()

        assert context.current()["route"] == route

"""Machines that watch the site read its numbers without a login; nobody else does, whatever they write in headers."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from aura_logging.django import conf
from aura_logging.django.access import is_monitoring, monitoring_only

PROXIED = {"CONTEXT": {"trusted_proxies": ["10.0.0.0/8", "127.0.0.1"]}}
NEAR = {**PROXIED, "METRICS": {"allowed_networks": ["192.0.2.0/24", "2001:db8::/32"]}}
TOKEN = {"METRICS": {"token": "open-sesame-1f2e", "allowed_networks": []}}


def request(remote: str = "203.0.113.5", **headers: str) -> HttpRequest:
    return RequestFactory().get("/aura/metrics", REMOTE_ADDR=remote, headers=headers)


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_host_is_let_in_by_default(remote: str) -> None:
    with override_settings(AURA={}):
        assert is_monitoring(request(remote))


@pytest.mark.parametrize(
    ("remote", "headers"),
    [
        ("203.0.113.5", {}),
        ("", {}),
        ("203.0.113.5", {"X-Forwarded-For": "127.0.0.1"}),
        ("203.0.113.5", {"X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"}),
        # Proxies on this host that the site was not told of: everybody would be 127.0.0.1.
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.5"}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"X-Forwarded-For": ""}),
        ("127.0.0.1", {"X-Forwarded-For": "6" * 3_000}),
        ("127.0.0.1", {"X-Real-IP": "203.0.113.5"}),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.5"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
    ],
)
def test_the_world_is_not(remote: str, headers: dict[str, str]) -> None:
    with override_settings(AURA={}):
        assert not is_monitoring(request(remote, **headers))


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "is_let_in"),
    [
        ("192.0.2.9", "", True),
        ("2001:db8::7", "", True),
        ("10.0.0.1", "192.0.2.9", True),
        ("127.0.0.1", "203.0.113.5, 192.0.2.9, 10.0.0.7", True),
        ("127.0.0.1", "", False),
        ("10.0.0.1", "192.0.2.9, 203.0.113.5", False),
        ("10.0.0.1", "192.0.2.9, unknown", False),
        ("203.0.113.5", "192.0.2.9", False),
    ],
)
def test_an_address_is_what_trusted_proxies_say(remote: str, forwarded_for: str, is_let_in: bool) -> None:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    with override_settings(AURA=NEAR):
        assert is_monitoring(request(remote, **headers)) is is_let_in


@pytest.mark.parametrize(
    ("authorization", "is_let_in"),
    [
        ("Bearer open-sesame-1f2e", True),
        ("bearer  open-sesame-1f2e", True),
        ("Bearer open-sesame-1f2", False),
        ("Bearer open-sesame-1f2e3", False),
        ("Basic open-sesame-1f2e", False),
        ("Bearer", False),
        ("Bearer \xff\xfe", False),
        ("", False),
    ],
)
def test_a_token_opens_from_anywhere(authorization: str, is_let_in: bool) -> None:
    with override_settings(AURA=TOKEN):
        assert is_monitoring(request(Authorization=authorization)) is is_let_in


def test_without_a_token_in_the_settings_none_opens() -> None:
    with override_settings(AURA={}):
        assert not is_monitoring(request(Authorization="Bearer "))
        assert not is_monitoring(request(Authorization="Bearer None"))


@monitoring_only
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the numbers")


@override_settings(AURA={})
def test_a_view_answers_who_is_let_in_and_refuses_the_rest() -> None:
    let_in, refused = page(request("127.0.0.1")), page(request())
    posted = page(RequestFactory().post("/aura/metrics", REMOTE_ADDR="127.0.0.1"))
    posted_from_afar = page(RequestFactory().post("/aura/metrics", REMOTE_ADDR="203.0.113.5"))

    assert (let_in.status_code, refused.status_code) == (200, 403)
    assert (posted.status_code, posted_from_afar.status_code) == (405, 403)
    assert b"the numbers" not in refused.content
    assert let_in["Cache-Control"] == refused["Cache-Control"] == "no-store"
    assert page.login_required is False, "LoginRequiredMiddleware would redirect the scraper"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"allowed_networks": ["10.0.0.0/8", "office"]}, "allowed_networks has 'office'"),
        ({"allowed_networks": "10.0.0.0/8"}, "must be a list"),
        ({"token": ""}, "token is empty"),
        ({"token": "two\nlines"}, "token is empty, or cannot be sent"),
        ({"token": "spaced "}, "ends with a space"),
        ({"store": "redsi://here"}, "Did you mean 'redis'?"),
        ({"tokens": "x"}, "Did you mean 'token'?"),
    ],
)
def test_a_setting_that_cannot_be_is_named(section: dict[str, Any], said: str) -> None:
    with override_settings(AURA={"METRICS": section}), pytest.raises(ImproperlyConfigured) as error:
        conf.check_all()

    assert said in str(error.value)
    assert 'AURA["METRICS"]' in str(error.value)


def test_the_token_is_not_in_the_options_text() -> None:
    from aura_logging.django.metrics_store import MetricsOptions

    assert "sesame" not in repr(MetricsOptions(token="open-sesame-1f2e"))

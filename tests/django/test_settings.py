"""A bad setting stops the start with an error that names it and offers the right one; tests may change settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from aura_logging.django import conf

Manage = Callable[..., Any]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SLOW_REQUEST_THRESHOLD": "2s"}, "SLOW_REQUEST_THRESHOLD='2s' is not a number"),
        ({"SLOW_REQUEST_THRESHOLD": "-1"}, "(SLOW_REQUEST_THRESHOLD) is -1.0; it must be a number of seconds above 0"),
        ({"SLOW_REQUEST_THRESHOLD": "nan"}, "SLOW_REQUEST_THRESHOLD='nan' is not a number"),
        ({"DB_QUERY_THRESHOLD": "many"}, "DB_QUERY_THRESHOLD='many' is not a whole number"),
        ({"DB_QUERY_THRESHOLD": "0"}, "(DB_QUERY_THRESHOLD) is 0; it must be 1 or more"),
        (
            {"PERFORMANCE_MONITORING_ENABLED": "perhaps"},
            "PERFORMANCE_MONITORING_ENABLED='perhaps' is not true or false",
        ),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    with override_settings(AURA={}), pytest.raises(ImproperlyConfigured) as error:
        conf.check_all()

    assert said in str(error.value)


def test_a_bad_variable_stops_the_start(manage: Manage) -> None:
    done = manage("check", SLOW_REQUEST_THRESHOLD="2s")

    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line.startswith("django.core.exceptions.ImproperlyConfigured: SLOW_REQUEST_THRESHOLD='2s' is not a num")


def test_a_bad_section_stops_the_start_too(manage: Manage) -> None:
    done = manage("check", SITE_AURA=json.dumps({"CONTEXTS": {}}))

    assert done.returncode == 1
    assert "AURA has the unknown section 'CONTEXTS'. Did you mean 'CONTEXT'?" in done.stderr


def test_good_variables_are_no_problem(manage: Manage) -> None:
    done = manage("check", SLOW_REQUEST_THRESHOLD="0.5", DB_QUERY_THRESHOLD="7", PERFORMANCE_MONITORING_ENABLED="off")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("aura", "said"),
    [
        ({"PERFORMENCE": {}}, "AURA has the unknown section 'PERFORMENCE'. Did you mean 'PERFORMANCE'?"),
        ({"CONTEXT": {"trusted_proxy": []}}, "unknown key 'trusted_proxy'. Did you mean 'trusted_proxies'?"),
        ({"CONTEXT": {"trusted_proxies": "10.0.0.0/8"}}, "['trusted_proxies'] is '10.0.0.0/8'; it must be a list"),
        ({"CONTEXT": {"trusted_proxies": ["10.0.0.0/99"]}}, "trusted_proxies has '10.0.0.0/99'"),
        ({"CONTEXT": {"trusted_proxies": [5]}}, "['trusted_proxies'] has 5 in it; each item must be a string"),
        ({"CONTEXT": {"response_header": "X-Id\r\nSet-Cookie"}}, "cannot be the name of a header"),
        ({"CONTEXT": {"request_id_headers": ["X Request"]}}, "'X Request' cannot be the name of a header"),
        ({"PERFORMANCE": {"slow_request_seconds": "2"}}, "['slow_request_seconds'] is '2'; it must be a number"),
        ({"PERFORMANCE": {"enabled": 1}}, "['enabled'] is 1; it must be true or false"),
        ({"PERFORMANCE": ["enabled"]}, "AURA[\"PERFORMANCE\"] is ['enabled']; it must be a dict of options"),
        ([], None),
        (["CONTEXT"], "AURA is ['CONTEXT']; it must be a dict of sections"),
    ],
)  # fmt: skip
def test_an_error_names_the_setting_and_what_is_nearest(aura: Any, said: str | None) -> None:
    with override_settings(AURA=aura):
        if said is None:
            conf.check_all()
            return
        with pytest.raises(ImproperlyConfigured) as error:
            conf.check_all()

    assert said in str(error.value)


def test_options_that_fill_no_section_are_a_mistake_of_ours() -> None:
    @dataclass(frozen=True)
    class Undeclared:
        pass

    with pytest.raises(LookupError, match="Undeclared fills no section of AURA"):
        conf.options(Undeclared)


def test_settings_changed_in_a_test_hold_for_a_client_that_is_there_already(lines: Any, database: Any) -> None:
    client = Client()
    client.get("/plain")

    with override_settings(AURA={"CONTEXT": {"response_header": "X-Trace", "trusted_proxies": ["127.0.0.1"]}}):
        response = client.get("/early", headers={"x-forwarded-for": "203.0.113.7"})
    after = client.get("/redirect")

    assert response.headers.keys() & {"X-Trace", "X-Request-ID"} == {"X-Trace"}
    assert lines.request(path="/early")["client_ip"] == "203.0.113.7"
    assert after.headers.keys() & {"X-Trace", "X-Request-ID"} == {"X-Request-ID"}


def test_a_request_is_slow_from_the_threshold_on(lines: Any, database: Any) -> None:
    with override_settings(AURA={"PERFORMANCE": {"slow_request_seconds": 0.01}}):
        Client().get("/slow?seconds=0.02")

    line = lines.request()
    assert (line["slow"], line["level"]) == (True, "WARNING")


@pytest.mark.parametrize("path", ["/plain", "/async/plain", "/stream", "/boom"])
def test_switched_off_the_ids_stay_and_nothing_is_measured(lines: Any, database: Any, path: str) -> None:
    with override_settings(AURA={"PERFORMANCE": {"enabled": False}}):
        response = Client(raise_request_exception=False).get(path)
        if response.streaming:
            assert b"".join(response) == b"part" * 4

    assert lines.of("aura.request") == []
    assert not hasattr(response.wsgi_request, "_aura_probe")
    logged = lines.of("site.views") + lines.of("django.request")
    assert logged
    assert {one["correlation_id"] for one in logged} == {response["X-Request-ID"]}
    assert lines.of("site.signals", message="request finished signal")[0]["correlation_id"] == response["X-Request-ID"]

"""Log lines of anybody become security events when they tell of one."""

from __future__ import annotations

import logging

import pytest

from aura_logging.encoding import encode
from aura_logging.threats.log_lines import LOG_LINE_KINDS, annotate, threat_type_of


def record(name: str, message: str, *args: object, level: int = logging.WARNING, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, args, None)
    made.__dict__.update(fields)
    return made


@pytest.mark.parametrize(
    ("logger", "kind"),
    [
        ("django.security.csrf", "csrf_failure"),
        ("django.security.DisallowedHost", "disallowed_host"),
        ("django.security.SuspiciousFileOperation", "path_traversal"),
        ("django.security.RequestDataTooBig", "oversized_request"),
        ("django.security.SomethingOfYourOwn", "suspicious_operation"),
    ],
)
def test_what_django_calls_suspicious_is_a_security_event(logger: str, kind: str) -> None:
    line = record(logger, "Invalid HTTP_HOST header: %r.", "x")
    assert annotate(line) == kind
    assert (line.security_event, line.threat_type) == (True, kind)
    assert b'"security_event":true' in encode(line)
    assert kind in LOG_LINE_KINDS


@pytest.mark.parametrize(
    "message",
    [
        "Login failed for %s",
        "Failed login attempt from %s",
        "authentication failure; user=%s",
        "Failed password for root from %s",
        "Invalid credentials for %s",
        "Too many login attempts from %s",
        "Account locked: %s",
        "could not authenticate: wrong password",
    ],
)
def test_a_failed_login_is_a_security_event_whoever_logs_it(message: str) -> None:
    assert annotate(record("shop.accounts", message)) == "authentication_failure"


@pytest.mark.parametrize(
    "message",
    [
        "SELECT * FROM users took 2 s",
        "union select committee met",
        "the SQL query ' or 1=1 is in the documentation",
        "login page rendered",
        "password changed",
        "user logged in",
        "signed contract failed validation",
        "token bucket is empty",
        "design failed review",
        "",
    ],
)
def test_prose_is_none(message: str) -> None:
    line = record("shop.reports", message)
    assert annotate(line) is None
    assert not hasattr(line, "security_event")


def test_an_attack_in_the_arguments_of_a_line_makes_it_none() -> None:
    assert annotate(record("shop.search", "searched for %s", "login failed' or 1=1--")) is None


def test_unauthorised_requests_are_failed_authentication_and_other_bad_ones_are_not() -> None:
    assert threat_type_of("django.request", logging.WARNING, "Unauthorized: %s", 401) == "authentication_failure"
    assert threat_type_of("django.request", logging.WARNING, "Not Found: %s", 404) is None


def test_what_a_record_says_of_itself_stays() -> None:
    line = record("django.security.csrf", "x", security_event=True, threat_type="mine")
    assert annotate(line) == "mine"
    assert annotate(record("a", "login failed", threat_type="mine")) == "authentication_failure"


def test_debug_lines_and_objects_are_passed_over() -> None:
    assert annotate(record("a", "login failed", level=logging.DEBUG)) is None
    assert threat_type_of("a", logging.ERROR, ValueError("login failed")) is None

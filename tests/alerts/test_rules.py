"""The standard rules measure what the contract says, over all processes."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aura_logging.alerts import AlertOptions, Reading, Rule, standard_rules
from aura_logging.metrics.extraction import Extraction
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.window import read_window
from aura_logging.options import OptionError, fill
from aura_logging.testing import ManualClock

NOW = 1_800_000_003.0


def measure(rule_name: str, *requests: dict[str, Any], options: AlertOptions | None = None) -> Reading | None:
    (rule,) = (each for each in standard_rules(options) if each.name == rule_name)
    clock = ManualClock(NOW)
    store, registry = MemoryStore(clock), Registry(clock)
    extract = Extraction(registry)
    for fields in requests:
        name = fields.pop("logger", "aura.request")
        record = logging.LogRecord(name, logging.INFO, "", 0, "", (), None)
        record.__dict__.update({"route": "shop/", "method": "GET", "status_code": 200} | fields)
        extract(record)
    store.add(registry.drain())
    return rule.measure(read_window(store, rule.window_seconds, rule.metrics, clock))


def test_slow_requests_are_those_above_two_seconds() -> None:
    reading = measure(
        "slow_requests",
        {"request_duration": 2.0},
        {"request_duration": 2.01, "route": "slow/"},
        {"request_duration": 60.0, "route": "slow/"},
    )
    assert reading == Reading(2, {"of_requests": 3, "routes": ["slow/"]})


def test_many_queries_are_more_than_twenty() -> None:
    reading = measure("many_queries", {"db_queries": 20}, {"db_queries": 21, "route": "n+1/"})
    assert reading == Reading(1, {"of_requests": 2, "routes": ["n+1/"]})


def test_the_error_rate_needs_some_requests_to_speak_of() -> None:
    failed, fine = {"status_code": 500, "route": "broken/"}, {"status_code": 404}
    assert measure("error_rate", dict(failed)) is None
    reading = measure("error_rate", *(dict(fine) for _ in range(18)), dict(failed), dict(failed))
    assert reading == Reading(0.1, {"failed": 2, "of_requests": 20, "routes": ["broken/"]})


def test_memory_is_the_systems_as_last_seen() -> None:
    assert measure("memory", {"memory_percent": 50.0}, {"memory_percent": 81.5}) == Reading(81.5)
    assert measure("memory", {}) is None


def test_a_threat_that_is_on_two_records_is_one() -> None:
    reading = measure(
        "threats",
        {"security_event": True, "threat_type": "sqli"},
        {"security_event": True, "threat_type": "sqli", "logger": "aura.security"},
        {"security_event": True, "threat_type": "brute_force", "logger": "aura.security"},
    )
    assert reading == Reading(2, {"threat_types": ["brute_force", "sqli"]})
    assert measure("threats", {"security_event": False}) is None


def test_a_mistyped_password_is_no_alert_and_many_in_a_minute_are() -> None:
    failure = {"security_event": True, "threat_type": "authentication_failure", "logger": "aura.security"}
    assert measure("threats", *(dict(failure) for _ in range(5))) is None
    reading = measure("threats", *(dict(failure) for _ in range(6)))
    assert reading == Reading(6, {"threat_types": ["authentication_failure"]})
    attack = {"security_event": True, "threat_type": "brute_force"}
    assert measure("threats", dict(failure), attack) == Reading(1, {"threat_types": ["brute_force"]})
    assert measure("threats", dict(failure), options=AlertOptions(max_login_failures=0)) is not None


def test_thresholds_come_from_options_and_rules_can_be_disabled() -> None:
    options = AlertOptions(max_queries=50, disabled=("memory", "threats"))
    assert [rule.name for rule in standard_rules(options)] == ["slow_requests", "many_queries", "error_rate"]
    assert measure("many_queries", {"db_queries": 30}, options=options) == Reading(0, {"of_requests": 1, "routes": []})


def test_thresholds_are_read_from_the_environment() -> None:
    options = fill(AlertOptions, where="ALERTS", environ={"SLOW_REQUEST_THRESHOLD": "4", "DB_QUERY_THRESHOLD": "50"})
    assert (options.slow_request_seconds, options.max_queries) == (4.0, 50)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"max_error_rate": 5.0}, "max_error_rate=5.0"),
        ({"disabled": ["memroy"]}, "names no standard rule"),
        ({"max_errors": 1}, "unknown key 'max_errors'"),
    ],
)
def test_wrong_options_are_refused(section: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        fill(AlertOptions, section, where="ALERTS")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"metrics": ()}, "metrics="), ({"for_seconds": -1}, "for_seconds=-1"), ({"severity": "bad"}, "severity='bad'")],
)
def test_a_rule_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"metrics": ("shop_orders_total",)} | options
    with pytest.raises(ValueError, match=words):
        Rule("few_orders", "few orders", lambda window: None, 0.0, **given)

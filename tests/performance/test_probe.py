"""A probe measures one request and says what it came to."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aura_logging.options import OptionError, fill
from aura_logging.performance.probe import PerformanceOptions, RequestProbe
from aura_logging.testing import ManualClock


def a_probe(**options: Any) -> tuple[RequestProbe, ManualClock]:
    clock = ManualClock(100.0)
    return RequestProbe(2.0, **{"clock": clock, "memory": lambda: None, **options}), clock


def test_a_request_takes_as_long_as_its_clock_says() -> None:
    probe, clock = a_probe()
    clock.advance(0.25)

    assert probe.summary(200).fields() == {"status_code": 200, "request_duration": 0.25, "security_event": False}


def test_the_first_byte_and_the_bytes_of_a_body_are_noted() -> None:
    probe, clock = a_probe()
    clock.advance(0.5)
    probe.sent(100)
    clock.advance(1)
    probe.sent(0)
    probe.sent(50)

    fields = probe.summary(200).fields()

    assert (fields["time_to_first_byte"], fields["request_duration"], fields["response_bytes"]) == (0.5, 1.5, 150)


def test_processor_time_is_told_where_there_is_a_clock_for_it() -> None:
    cpu = ManualClock(7.0)
    probe, _ = a_probe(cpu_clock=cpu)
    cpu.advance(0.125)

    assert probe.summary(200).fields()["cpu_time"] == 0.125


@pytest.mark.parametrize(
    ("before", "after", "grown"), [(100, 350, 250), (350, 100, -250), (None, 100, None), (100, None, None)]
)
def test_memory_is_told_where_it_is_known_at_both_ends(before: Any, after: Any, grown: Any) -> None:
    probe, _ = a_probe(memory=iter([before, after]).__next__)

    assert probe.summary(200).fields().get("memory_delta") == grown


def test_by_default_probes_share_one_reader_of_memory() -> None:
    assert RequestProbe(2.0).memory is RequestProbe(2.0).memory
    assert RequestProbe(2.0).summary(200).memory_delta is not None


@pytest.mark.parametrize(
    ("status", "seconds", "exception", "level"),
    [
        (200, 0.1, None, logging.INFO),
        (200, 2.0, None, logging.INFO),
        (200, 2.001, None, logging.WARNING),
        (302, 0.1, None, logging.INFO),
        (404, 0.1, None, logging.WARNING),
        (499, 0.1, None, logging.WARNING),
        (500, 0.1, None, logging.ERROR),
        (503, 9.9, None, logging.ERROR),
        (200, 0.1, "KeyError", logging.ERROR),
    ],
)
def test_the_level_says_how_it_went(status: int, seconds: float, exception: str | None, level: int) -> None:
    probe, clock = a_probe()
    probe.exception_type = exception
    clock.advance(seconds)

    summary = probe.summary(status)

    assert summary.level == level
    assert summary.is_slow is (seconds > 2)
    assert summary.fields().get("slow") is (True if seconds > 2 else None)


def test_how_it_ended_is_told_only_where_it_ended_badly() -> None:
    probe, _ = a_probe()
    probe.is_disconnected = True
    probe.exception_type = "KeyError"
    fields = probe.summary(499).fields()

    assert (fields["disconnected"], fields["exception_type"]) == (True, "KeyError")
    assert fields["security_event"] is False


def options(section: Any = None, **environ: str) -> PerformanceOptions:
    return fill(PerformanceOptions, section, where='AURA["PERFORMANCE"]', environ=environ)


def test_thresholds_come_from_the_environment_that_operators_know() -> None:
    assert options() == PerformanceOptions(enabled=True, slow_request_seconds=2.0, max_queries=20)
    assert options(
        SLOW_REQUEST_THRESHOLD="0.5", DB_QUERY_THRESHOLD="5", PERFORMANCE_MONITORING_ENABLED="false"
    ) == PerformanceOptions(enabled=False, slow_request_seconds=0.5, max_queries=5)


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SLOW_REQUEST_THRESHOLD", "slow"), ("SLOW_REQUEST_THRESHOLD", "0"), ("SLOW_REQUEST_THRESHOLD", "nan"),
     ("DB_QUERY_THRESHOLD", "2.5"), ("DB_QUERY_THRESHOLD", "0"), ("PERFORMANCE_MONITORING_ENABLED", "perhaps")],
)  # fmt: skip
def test_a_threshold_that_cannot_be_names_its_variable(variable: str, text: str) -> None:
    with pytest.raises(OptionError, match=variable):
        options(**{variable: text})


@pytest.mark.parametrize("section", [{"slow_request_seconds": 0}, {"max_queries": 0}, {"slow_requests_seconds": 1}])
def test_a_threshold_that_cannot_be_names_its_section(section: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="PERFORMANCE"):
        options(section)

"""A probe measures one request, in units that its fields name, and leaves out what it cannot know."""

from __future__ import annotations

import logging
import math
import threading

import pytest

from aura_logging.performance.probe import PerformanceOptions, RequestProbe
from aura_logging.testing import ManualClock


def _probe(clock: ManualClock, **options: object) -> RequestProbe:
    return RequestProbe(2.0, clock=clock, memory=lambda now: None, **options)  # type: ignore[arg-type]  # only known fields


def test_seconds_run_from_its_making_to_the_summary() -> None:
    clock = ManualClock(100.0)
    probe = _probe(clock)

    clock.advance(0.25)
    probe.sent(7)
    clock.advance(0.5)
    probe.sent(5)
    _, fields = probe.summary(200)

    assert (fields["request_duration"], fields["time_to_first_byte"], fields["response_bytes"]) == (0.75, 0.25, 12)


@pytest.mark.parametrize(("seconds", "is_slow"), [(1.99, False), (2.0, False), (2.01, True)])
def test_a_request_is_slow_above_the_threshold_and_not_at_it(seconds: float, is_slow: bool) -> None:
    clock = ManualClock()
    probe = _probe(clock)

    clock.advance(seconds)

    assert probe.summary(200)[1].get("slow", False) is is_slow


@pytest.mark.parametrize(
    ("status", "seconds", "error", "level"),
    [
        (200, 0, None, logging.INFO),
        (399, 0, None, logging.INFO),
        (400, 0, None, logging.WARNING),
        (499, 0, None, logging.WARNING),
        (200, 3, None, logging.WARNING),
        (500, 0, None, logging.ERROR),
        (200, 0, OSError, logging.ERROR),
    ],
)
def test_the_level_tells_how_bad_it_was(status: int, seconds: float, error: type[Exception] | None, level: int) -> None:
    clock = ManualClock()
    probe = _probe(clock)
    if error is not None:
        probe.failed(error)
    clock.advance(seconds)

    assert probe.summary(status)[0] == level


def test_what_was_not_measured_is_left_out() -> None:
    _, fields = _probe(ManualClock()).summary(204)

    assert fields == {"status_code": 204, "request_duration": 0.0, "security_event": False}


def test_everything_that_can_be_known_is_there_under_its_name() -> None:
    clock, cpu, memory = ManualClock(), ManualClock(), [5_000, 13_192]
    probe = RequestProbe(2.0, clock=clock, cpu_clock=cpu, memory=lambda now: memory.pop(0))
    clock.advance(3)
    cpu.advance(0.125)
    probe.sent(10)
    probe.is_disconnected = True
    probe.failed(TimeoutError)

    assert probe.summary(200)[1] == {
        "status_code": 200, "request_duration": 3.0, "security_event": False, "time_to_first_byte": 3.0,
        "cpu_time": 0.125, "memory_delta": 8_192, "response_bytes": 10, "slow": True, "disconnected": True,
        "exception_type": "TimeoutError",
    }  # fmt: skip


def test_an_exception_of_a_package_is_named_with_its_module() -> None:
    probe = _probe(ManualClock())

    probe.failed(threading.BrokenBarrierError)

    assert probe.exception_type == "threading.BrokenBarrierError"


def test_processor_time_is_unknown_when_the_request_ends_on_another_thread() -> None:
    cpu = ManualClock(50.0)
    probe = _probe(ManualClock(), cpu_clock=cpu)
    ended: list[object] = []

    thread = threading.Thread(target=lambda: ended.append(probe.summary(200)[1].get("cpu_time")))
    thread.start()
    thread.join()

    assert ended == [None]
    assert probe.summary(200)[1]["cpu_time"] == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_threshold_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"slow_request_seconds \(SLOW_REQUEST_THRESHOLD\) is .*above 0"):
        PerformanceOptions(slow_request_seconds=seconds)


def test_an_infinite_threshold_means_that_nothing_is_slow() -> None:
    assert PerformanceOptions(slow_request_seconds=math.inf).slow_request_seconds == math.inf

"""What is wrong is told with what helps against it, and not against something else."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from aura_logging.diagnostics.recommendations import Evidence, advise
from aura_logging.diagnostics.report import Condition, FilterState, Metrics, System, Worker
from aura_logging.filters import SamplingFilter
from aura_logging.health import Health, Status
from aura_logging.testing import ManualClock


def a_busy_host() -> Health:
    clock = ManualClock(10.0)
    sampling = SamplingFilter(clock=clock, cpu_percent=lambda: 99.9)
    for _ in range(20):
        clock.advance(1.0)
        sampling.policy.tick()
    return sampling.health()


def a_logger_that_runs_wild() -> Health:
    clock = ManualClock(10.0)
    sampling = SamplingFilter({}, clock=clock, cpu_percent=lambda: 0.0, circuit_records_per_second=1.0)
    for _ in range(2_000):
        sampling.filter(logging.LogRecord("shop", logging.INFO, "views.py", 1, "x", (), None))
    clock.advance(1.0)
    sampling.policy.tick()
    return sampling.health()


def an_object_that_raises() -> Health:
    return Health(Status.DEGRADED, "1 records could not be scrubbed and were blanked")


@pytest.mark.parametrize(
    ("trouble", "cure"),
    [
        (a_busy_host, "shed_at_cpu_percent"),
        (a_logger_that_runs_wild, "circuit_records_per_second"),
        (an_object_that_raises, "Log plain data"),
    ],
)
def test_a_filter_in_trouble_is_told_with_what_helps(trouble: Callable[[], Health], cure: str) -> None:
    health = trouble()
    state = FilterState("SamplingFilter", "async_file", health.status, health.detail, facts=health.facts)
    worker = Worker("w", "vm", 7, "gunicorn", Condition.ALIVE, 1.0, 60.0, Status.DEGRADED, filters=(state,))

    told = advise(Evidence((), (worker,), Metrics("memory", 60.0), System("vm", None, None, None, ()), (), (), ()))

    (about_it,) = [each for each in told if each.code == "filter_unwell"]
    assert cure in about_it.advice

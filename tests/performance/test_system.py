"""The host's state is read at most once in a while, rightly from any thread, and never fails a log call."""

from __future__ import annotations

import os
import threading
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from aura_logging.performance.system import HostMetrics
from aura_logging.testing import ManualClock

Times = namedtuple("Times", "user system idle iowait guest")


def cpu_times_of(*readings: Times) -> Callable[[], Any]:
    return iter(readings).__next__


def test_a_reading_is_handed_out_until_it_is_old() -> None:
    clock = ManualClock(100.0)
    host = HostMetrics(every_seconds=1.0, clock=clock)

    first = host.fields()
    clock.advance(0.999)
    assert host.is_fresh()
    assert host.fields() is first
    clock.advance(0.001)
    assert not host.is_fresh()

    assert host.fields() is not first
    assert host.is_fresh()


def test_memory_and_load_are_those_of_the_system() -> None:
    fields = HostMetrics().fields()

    assert 0 < fields["memory_percent"] <= 100
    assert fields["system_load"] == pytest.approx(os.getloadavg()[0], abs=2)
    assert "cpu_percent" not in fields


def test_the_fields_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        HostMetrics().fields()["memory_percent"] = 0  # type: ignore[index]


def test_processors_are_measured_between_readings_and_not_in_the_first() -> None:
    clock = ManualClock()
    host = HostMetrics(clock=clock, cpu_times=cpu_times_of(
        Times(10, 10, 80, 0, 0), Times(40, 20, 130, 10, 5), Times(40, 20, 230, 10, 5), Times(40, 20, 230, 10, 5),
    ))  # fmt: skip
    seen = []
    for _ in range(4):
        seen.append(host.fields().get("cpu_percent"))
        clock.advance(1)

    # 40 busy of 100 (a guest's time is counted in `user`, too); then idle; then no time has passed.
    assert seen == [None, 40.0, 0.0, None]


def test_readings_by_one_thread_after_the_other_are_one_measurement() -> None:
    clock, seen = ManualClock(), []
    host = HostMetrics(clock=clock, cpu_times=cpu_times_of(*(Times(50 * n, 0, 50 * n, 0, 0) for n in range(1, 6))))
    for _ in range(5):
        thread = threading.Thread(target=lambda: seen.append(host.fields().get("cpu_percent")))
        thread.start()
        thread.join(10)
        clock.advance(1)

    assert seen == [None, 50.0, 50.0, 50.0, 50.0]


def test_counters_that_run_backwards_make_no_nonsense() -> None:
    clock = ManualClock()
    host = HostMetrics(clock=clock, cpu_times=cpu_times_of(Times(50, 0, 50, 0, 0), Times(10, 0, 100, 0, 0)))
    host.fields()
    clock.advance(1)

    assert host.fields()["cpu_percent"] == 0.0


def test_threads_that_come_together_read_once() -> None:
    readings: list[int] = []
    entered, go = threading.Event(), threading.Event()

    def slow() -> Any:
        readings.append(1)
        entered.set()
        go.wait(10)
        return Times(1, 1, 1, 1, 0)

    host = HostMetrics(clock=ManualClock(), cpu_times=slow)
    reader = threading.Thread(target=host.fields)
    reader.start()
    entered.wait(10)

    assert host.fields() == {}  # the last reading, and no waiting for the new one
    go.set()
    reader.join(10)
    assert "memory_percent" in host.fields()
    assert readings == [1]


@pytest.mark.parametrize(
    "error", [OSError, RuntimeError, KeyError, psutil.AccessDenied, NotImplementedError, AttributeError]
)
def test_what_cannot_be_read_is_left_out_and_the_rest_is_not(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise error

    assert HostMetrics(cpu_times=fail).fields().keys() == {"memory_percent", "system_load"}

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert HostMetrics().fields().keys() == {"system_load"}
    monkeypatch.setattr(os, "getloadavg", fail)
    assert HostMetrics().fields() == {}


def test_a_child_that_was_forked_while_its_parent_read_can_read() -> None:
    held, go = threading.Event(), threading.Event()

    def slow() -> Any:
        if not go.is_set():
            held.set()
            go.wait(10)
        return Times(1, 1, 1, 1, 0)

    host = HostMetrics(cpu_times=slow)
    reader = threading.Thread(target=host.fields)
    reader.start()
    held.wait(10)
    pid = os.fork()
    if pid == 0:
        go.set()
        os._exit(0 if "memory_percent" in host.fields() else 1)
    go.set()
    reader.join(10)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

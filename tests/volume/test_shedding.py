"""DEBUG goes first, then INFO, and both come back one at a time."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.volume.shedding import Shedding, ShedOptions


def a_shedding() -> Shedding:
    return Shedding(ShedOptions(cpu_percent=90, info_cpu_percent=95, buffer_fill=0.8, patience_seconds=3))


def looks(shedding: Shedding, cpu: float | None, fill: float, seconds: int, start: float = 0.0) -> list[int]:
    below = []
    for second in range(seconds):
        shedding.look(cpu, fill, start + second)
        below.append(shedding.below)
    return below


def test_busy_processors_shed_debug_after_a_while_and_info_after_as_long_again() -> None:
    assert (
        looks(a_shedding(), 95, 0.0, 8) == [0, 0, 0, logging.INFO, logging.INFO, logging.INFO] + [logging.WARNING] * 2
    )


def test_unless_it_is_asked_for_info_is_written_however_busy_the_processors_are() -> None:
    shedding = Shedding(ShedOptions())
    assert looks(shedding, 100, 0.0, 600)[-1] == logging.INFO
    looks(shedding, 100, 0.9, 1, 600.0)
    assert shedding.below == logging.WARNING
    assert looks(shedding, 100, 0.1, 10, 700.0)[-1] == logging.INFO


def test_a_full_buffer_sheds_at_once() -> None:
    shedding = a_shedding()
    assert looks(shedding, None, 0.85, 3) == [logging.INFO, logging.WARNING, logging.WARNING]
    assert shedding.levels == "DEBUG and INFO"
    assert shedding.reason == "the buffer is 85% full"


def test_a_peak_of_a_second_sheds_nothing() -> None:
    shedding = a_shedding()
    for second in range(100):
        shedding.look(100.0 if second % 3 == 0 else 10.0, 0.0, float(second))
        assert shedding.below == 0


def test_what_was_shed_comes_back_step_by_step_once_it_is_calm() -> None:
    shedding = a_shedding()
    looks(shedding, 95, 0.9, 2)

    assert looks(shedding, 85, 0.1, 5, 10.0) == [logging.WARNING] * 5  # neither short nor calm
    assert looks(shedding, 20, 0.1, 8, 20.0) == [logging.WARNING] * 3 + [logging.INFO] * 3 + [0] * 2


def test_a_reason_can_be_switched_off() -> None:
    shedding = Shedding(ShedOptions(cpu_percent=None, info_cpu_percent=None, buffer_fill=None))
    assert looks(shedding, 100, 1.0, 30) == [0] * 30


@given(st.lists(st.tuples(st.none() | st.floats(0, 100), st.floats(0, 1)), max_size=100))
def test_warnings_are_never_shed_and_calm_brings_everything_back(history: list[tuple[float | None, float]]) -> None:
    shedding = a_shedding()
    for second, (cpu, fill) in enumerate(history):
        before = shedding.below
        changed = shedding.look(cpu, fill, float(second))
        assert shedding.below in (0, logging.INFO, logging.WARNING)
        assert changed == (shedding.below != before)

    assert looks(shedding, 1.0, 0.0, 20, 1_000.0)[-1] == 0

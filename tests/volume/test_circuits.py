"""A logger that runs wild is silenced, tried for a second, and let speak again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.testing import ManualClock
from aura_logging.volume.circuits import CircuitOptions, LoggerCircuit


def a_circuit(clock: ManualClock, records: float | None = 100, errors: float | None = 10) -> LoggerCircuit:
    return LoggerCircuit(CircuitOptions(records, errors, cooldown_seconds=10), clock)


def test_it_opens_as_soon_as_there_are_too_many_and_says_why() -> None:
    clock = ManualClock()
    circuit = a_circuit(clock)
    circuit.note(64, 0, clock())
    assert circuit.is_closed

    circuit.note(64, 0, clock())

    assert circuit.is_open(clock())
    assert circuit.reason == "more than 100 records a second"


def test_errors_have_a_limit_of_their_own() -> None:
    clock = ManualClock()
    circuit = a_circuit(clock, records=None)
    circuit.note(1_000_000, 10, clock())
    assert circuit.is_closed

    circuit.note(1, 1, clock())

    assert circuit.is_open(clock())
    assert circuit.reason == "more than 10 errors a second"


def test_what_comes_slowly_never_opens_it() -> None:
    clock = ManualClock()
    circuit = a_circuit(clock)
    for _ in range(1_000):
        clock.advance(0.5)
        circuit.note(50, 5, clock())
        assert circuit.is_closed


def test_after_the_cooldown_a_quiet_second_closes_it() -> None:
    clock = ManualClock()
    circuit = a_circuit(clock)
    circuit.note(101, 0, clock())
    clock.advance(9.9)
    assert circuit.is_open(clock())

    clock.advance(0.1)
    assert not circuit.is_open(clock())
    assert not circuit.is_closed
    circuit.note(50, 0, clock())
    clock.advance(1.0)
    circuit.note(10, 0, clock())

    assert circuit.is_closed


def test_a_trial_that_is_wild_opens_it_again_for_longer() -> None:
    clock = ManualClock()
    circuit = a_circuit(clock)
    circuit.note(101, 0, clock())
    clock.advance(10.0)
    assert not circuit.is_open(clock())

    circuit.note(101, 0, clock())

    assert circuit.is_open(clock())
    clock.advance(10.0)
    assert circuit.is_open(clock())
    clock.advance(10.0)
    assert not circuit.is_open(clock())
    assert circuit.times_opened == 1


@given(st.lists(st.tuples(st.floats(0, 15), st.integers(0, 300), st.integers(0, 20)), max_size=80))
def test_it_is_open_only_after_too_many_and_never_for_ever(history: list[tuple[float, int, int]]) -> None:
    clock = ManualClock()
    circuit = a_circuit(clock)
    for wait, records, errors in history:
        clock.advance(wait)
        was_silent = circuit.is_open(clock())
        was_closed = circuit.is_closed
        circuit.note(records + errors, errors, clock())
        if was_closed and circuit.is_open(clock()):
            assert circuit.reason
        if was_silent:
            assert circuit.is_open(clock())  # what it says while it is silent changes nothing

    for _ in range(200):
        clock.advance(1.0)
        circuit.is_open(clock())
        circuit.note(1, 0, clock())
    assert circuit.is_closed

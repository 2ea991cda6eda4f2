"""The breaker: what it refuses, whom it lets probe, and how it comes back."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aura_logging.options import OptionError
from aura_logging.resilience.breaker import BreakerState, CircuitBreaker
from aura_logging.testing import ManualClock


def opened(clock: ManualClock, **options: Any) -> CircuitBreaker:
    breaker = CircuitBreaker(failure_threshold=2, cooldown_seconds=30, clock=clock, **options)
    breaker.record_failure()
    breaker.record_failure()
    return breaker


def test_a_closed_breaker_lets_everything_through() -> None:
    breaker = CircuitBreaker(clock=ManualClock())

    assert all(breaker.allow() for _ in range(10))
    assert breaker.state is BreakerState.CLOSED
    assert not breaker.is_open
    assert breaker.retry_after_seconds == 0.0


def test_failures_in_a_row_open_it() -> None:
    breaker = CircuitBreaker(failure_threshold=3, clock=ManualClock())

    for _ in range(2):
        breaker.record_failure()
    assert breaker.allow()
    breaker.record_failure()

    assert not breaker.allow()
    assert breaker.is_open
    assert breaker.state is BreakerState.OPEN
    assert breaker.times_opened == 1


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = CircuitBreaker(failure_threshold=2, clock=ManualClock())

    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()

    assert breaker.allow()


def test_an_open_breaker_lets_one_probe_through_after_the_cooldown() -> None:
    clock = ManualClock()
    breaker = opened(clock)

    clock.advance(29.9)
    assert not breaker.allow()
    assert breaker.retry_after_seconds == pytest.approx(0.1)
    clock.advance(0.2)

    assert breaker.state is BreakerState.HALF_OPEN
    assert [breaker.allow() for _ in range(3)] == [True, False, False]


def test_a_probe_that_works_closes_it() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.allow()

    breaker.record_success()

    assert breaker.state is BreakerState.CLOSED
    assert all(breaker.allow() for _ in range(3))


def test_a_probe_that_fails_starts_another_cooldown() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.allow()

    breaker.record_failure()

    assert not breaker.allow()
    assert breaker.retry_after_seconds == 30
    assert (breaker.times_opened, breaker.failed_probes) == (1, 1)


def test_a_probe_that_is_never_reported_is_forgotten_after_one_more_cooldown() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.allow()

    clock.advance(29)
    assert not breaker.allow()
    clock.advance(1)

    assert breaker.allow()


def test_late_reports_of_calls_begun_before_it_opened_change_nothing() -> None:
    clock = ManualClock()
    breaker = opened(clock)

    breaker.record_success()
    clock.advance(10)
    breaker.record_failure()

    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_after_seconds == 20


def test_the_cooldown_doubles_to_its_cap_only_when_asked_and_starts_small_again() -> None:
    clock = ManualClock()
    breaker = opened(clock, max_cooldown_seconds=100)
    waits = []
    for _ in range(3):
        clock.advance(breaker.retry_after_seconds)
        assert breaker.allow()
        breaker.record_failure()
        waits.append(breaker.retry_after_seconds)
    clock.advance(breaker.retry_after_seconds)
    assert breaker.allow()
    breaker.record_success()

    breaker.record_failure()
    breaker.record_failure()

    assert waits == [60, 100, 100]
    assert breaker.retry_after_seconds == 30


def test_jitter_only_lengthens_the_cooldown() -> None:
    breaker = opened(ManualClock(), jitter=0.5, random=lambda: 0.5)

    assert breaker.retry_after_seconds == pytest.approx(37.5)


@pytest.mark.parametrize(
    "options",
    [
        {"failure_threshold": 0},
        {"cooldown_seconds": 0},
        {"cooldown_seconds": float("nan")},
        {"jitter": 1.5},
        {"max_cooldown_seconds": 1.0},
    ],
)
def test_options_that_make_no_sense_name_themselves(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        CircuitBreaker(**options)


def test_threads_that_ask_at_once_get_one_probe_between_them() -> None:
    clock = ManualClock()
    granted = []
    for _ in range(50):
        breaker = opened(clock)
        clock.advance(30)
        together = threading.Barrier(8)

        def ask(breaker: CircuitBreaker = breaker, together: threading.Barrier = together) -> None:
            together.wait()
            if breaker.allow():
                granted.append(breaker)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(granted) == 50
    assert len(set(map(id, granted))) == len({id(b) for b in granted})


def test_a_child_does_not_wait_for_its_parents_probe_nor_for_its_lock() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.allow()

    with breaker._lock:  # as if another thread were inside when this one forks
        child = os.fork()
        if child == 0:
            answers = [breaker.allow(), breaker.allow()]
            os._exit(0 if answers == [True, False] else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert not breaker.allow()


class BreakerAgainstItsModel(RuleBasedStateMachine):
    """Compares with the plainest description of a breaker: failures in a row, a time, one probe."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(1000.0)
        self.breaker = CircuitBreaker(3, 10.0, self.clock, max_cooldown_seconds=40.0)
        self.failures = 0
        self.cooldown = 10.0
        self.opened_until: float | None = None
        self.probe_lost_at: float | None = None

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 10.0, 25.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def ask(self) -> None:
        now = self.clock()
        if self.opened_until is None:
            expected = True
        else:
            expected = now >= (self.probe_lost_at if self.probe_lost_at is not None else self.opened_until)
            if expected:
                self.probe_lost_at = now + self.cooldown
        assert self.breaker.allow() is expected

    @rule()
    def report_success(self) -> None:
        self.breaker.record_success()
        if self.opened_until is None:
            self.failures = 0
        elif self.probe_lost_at is not None:
            self.failures, self.cooldown = 0, 10.0
            self.opened_until = self.probe_lost_at = None

    @rule()
    def report_failure(self) -> None:
        self.breaker.record_failure()
        if self.opened_until is None:
            self.failures += 1
            if self.failures == 3:
                self.opened_until = self.clock() + self.cooldown
        elif self.probe_lost_at is not None:
            self.cooldown = min(self.cooldown * 2, 40.0)
            self.probe_lost_at = None
            self.opened_until = self.clock() + self.cooldown

    @precondition(lambda self: self.probe_lost_at is not None)
    @rule()
    def fork(self) -> None:
        self.breaker.after_fork_in_child()
        self.probe_lost_at = None
        self.opened_until = self.clock()

    @invariant()
    def it_tells_the_truth_about_itself(self) -> None:
        assert self.breaker.is_open is (self.opened_until is not None)
        assert 0.0 <= self.breaker.retry_after_seconds <= 40.0
        if self.breaker.state is BreakerState.OPEN:
            assert self.breaker.retry_after_seconds > 0


TestBreakerAgainstItsModel = BreakerAgainstItsModel.TestCase
TestBreakerAgainstItsModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

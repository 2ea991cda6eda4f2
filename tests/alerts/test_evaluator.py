"""An alert fires once and is resolved once, whatever processes come and go."""

from __future__ import annotations

import itertools
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.alerts import Alert, AlertEvaluator, Reading, Rule
from aura_logging.alerts.states import AlertState, step
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.metrics.window import Window
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock

ERRORS = Series("shop_errors_total", "counter")


def errors(window: Window) -> Reading | None:
    total = window.total(ERRORS.name)
    return Reading(total, {"shop": "books"}) if total else None


RULE = Rule(
    "errors", "too many errors", errors, 5.0, (ERRORS.name,), 60.0, resolve_seconds=30.0, cooldown_seconds=300.0
)


class Fleet:
    """A store, a clock, and processes that evaluate in it."""

    def __init__(self, store: MetricsStore, clock: ManualClock, *rules: Rule) -> None:
        self.store, self.clock, self.rules = store, clock, rules or (RULE,)
        self.told: list[tuple[str, str, str]] = []

    def process(self, name: str) -> AlertEvaluator:
        def tell(alert: Alert) -> None:
            self.told.append((name, alert.rule, alert.phase))

        return AlertEvaluator(self.store, self.rules, tell, clock=self.clock)

    def fail(self, times: int) -> None:
        self.store.add([Sample(ERRORS, int(self.clock() // 10 * 10), Amount(sum=times))])


@pytest.fixture
def fleet() -> Fleet:
    clock = ManualClock(1_800_000_003.0)
    return Fleet(MemoryStore(clock), clock)


def test_it_fires_once_and_is_resolved_once_for_all_processes(fleet: Fleet) -> None:
    first, second = fleet.process("first"), fleet.process("second")
    fleet.fail(6)
    for _ in range(40):
        first.evaluate()
        second.evaluate()
        fleet.clock.advance(5)
    assert fleet.told == [("first", "errors", "firing"), ("first", "errors", "resolved")]


def test_another_process_goes_on_where_a_dead_one_was(fleet: Fleet) -> None:
    first, second = fleet.process("first"), fleet.process("second")
    fleet.fail(6)
    first.evaluate()
    for _ in range(40):
        second.evaluate()
        fleet.clock.advance(5)
    assert fleet.told == [("first", "errors", "firing"), ("second", "errors", "resolved")]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_clock_that_is_put_back_silences_no_alert(tmp_path: Path, kind: str) -> None:
    clock = ManualClock(1_800_000_003.0)
    store = MemoryStore(clock) if kind == "memory" else SqliteStore(tmp_path / "m.db", clock=clock)
    fleet = Fleet(store, clock)
    first, second = fleet.process("one"), fleet.process("two")
    first.evaluate()

    clock.advance(-3_600.0)
    fleet.fail(times=6)
    second.evaluate()  # the first has died, and its lease would last for an hour
    assert fleet.told == [("two", "errors", "firing")]

    clock.advance(-3_600.0)
    for _ in range(10):
        clock.advance(10.0)
        second.evaluate()
    assert fleet.told == [("two", "errors", "firing"), ("two", "errors", "resolved")]

    clock.advance(300.0)
    fleet.fail(times=6)
    second.evaluate()
    assert fleet.told[2:] == [("two", "errors", "firing")]


def test_what_a_process_noted_and_could_not_tell_is_told_by_the_next(fleet: Fleet) -> None:
    def die(alert: Alert) -> None:
        raise SystemExit

    dying = AlertEvaluator(fleet.store, fleet.rules, die, clock=fleet.clock)
    fleet.fail(6)
    with pytest.raises(SystemExit):
        dying.evaluate()
    fleet.clock.advance(31)
    fleet.process("second").evaluate()
    assert fleet.told == [("second", "errors", "firing")]


def test_a_process_that_lost_its_turn_while_it_was_slow_tells_nothing(fleet: Fleet) -> None:
    second = fleet.process("second")

    def slowly(window: Window) -> Reading | None:
        if not fleet.told:
            fleet.clock.advance(31)
            second.evaluate()
        return errors(window)

    slow_rule = Rule("errors", "too many errors", slowly, 5.0, (ERRORS.name,), 60.0)
    first = AlertEvaluator(
        fleet.store, [slow_rule], lambda alert: fleet.told.append(("first", "", "")), clock=fleet.clock
    )
    fleet.fail(6)
    assert first.evaluate() == []
    assert fleet.told == [("second", "errors", "firing")]


def test_a_rule_that_raises_does_not_stop_the_others() -> None:
    def broken(window: Window) -> Reading | None:
        raise ZeroDivisionError

    clock = ManualClock(1_800_000_003.0)
    fleet = Fleet(MemoryStore(clock), clock, Rule("broken", "broken", broken, 0.0, (ERRORS.name,)), RULE)
    fleet.fail(6)
    process = fleet.process("first")
    process.evaluate()
    assert fleet.told == [("first", "errors", "firing")]
    assert process.failures == {"broken": 1}


def test_notes_of_another_release_are_begun_again(fleet: Fleet) -> None:
    fleet.store.swap("alerts", None, '{"states": {"errors": {"stage": 7}}}')
    fleet.fail(6)
    fleet.process("first").evaluate()
    assert fleet.told == [("first", "errors", "firing")]


def test_processes_of_a_real_fleet_tell_an_alert_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    told = tmp_path / "told"
    clock = ManualClock(1_800_000_003.0)
    SqliteStore(path).add([Sample(ERRORS, 1_800_000_000, Amount(sum=6))])

    def tell(alert: Alert) -> None:
        with told.open("a") as file:
            file.write(f"{alert.rule} {alert.phase}\n")

    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                evaluator = AlertEvaluator(SqliteStore(path, clock=clock), [RULE], tell, clock=clock)
                for _ in range(5):
                    evaluator.evaluate()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert told.read_text() == "errors firing\n"


def test_an_alert_is_a_record_on_aura_alerts(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    handler = MetricsHandler(store=store, flush_interval=60, alerts={"error_rate_min_requests": 1})
    logger = logging.getLogger("aura.request")
    for _ in range(2):
        handler.handle(logger.makeRecord("aura.request", 20, "", 0, "", (), None, extra={"status_code": 500}))
    handler._counting.recorder.tick()
    handler._counting.recorder.tick()
    (record,) = (each for each in caplog.records if each.name == "aura.alerts")
    assert record.levelno == logging.CRITICAL
    assert record.getMessage() == "alert fired: more than 5 % of all requests failed"
    assert record.__dict__["alert"] == "error_rate"
    assert (record.__dict__["alert_value"], record.__dict__["alert_of_requests"]) == (1.0, 2)
    handler.close()


@pytest.mark.parametrize("alerts", ["yes", [1], 3])
def test_alerts_that_are_no_rules_are_refused(alerts: object) -> None:
    with pytest.raises(OptionError, match="give True, a dict of thresholds, or a list of Rule"):
        MetricsHandler(store=MemoryStore(), alerts=alerts)  # type: ignore[arg-type]


def test_rules_are_known_by_their_names() -> None:
    with pytest.raises(ValueError, match="one name twice"):
        AlertEvaluator(MemoryStore(), [RULE, RULE])


def test_it_fires_when_it_has_been_too_much_for_as_long_as_the_rule_says() -> None:
    rule = Rule("errors", "", errors, 5.0, ("x",), for_seconds=20.0)
    state, told = step(rule, AlertState(), 6.0, 100.0)
    assert (state.phase, told) == ("pending", None)
    state, told = step(rule, state, 6.0, 119.0)
    assert (state.phase, told) == ("pending", None)
    assert step(rule, state, 1.0, 119.5)[0].phase == "quiet"
    state, told = step(rule, state, 6.0, 120.0)
    assert (state.phase, told) == ("firing", "firing")


def test_it_does_not_fire_again_while_it_cools_down() -> None:
    state = AlertState("quiet", 150.0, fired_at=100.0)
    state, told = step(RULE, state, 6.0, 200.0)
    assert (state.phase, told) == ("pending", None)
    state, told = step(RULE, state, 6.0, 400.0)
    assert (state.phase, told) == ("firing", "firing")


@given(st.lists(st.tuples(st.floats(1, 100), st.none() | st.floats(0, 10)), max_size=60))
def test_firing_and_resolved_alternate_and_firing_keeps_its_distance(steps: list[tuple[float, float | None]]) -> None:
    state, now = AlertState(), 1_000.0
    told: list[tuple[str, float]] = []
    for seconds, value in steps:
        now += seconds
        state, phase = step(RULE, state, value, now)
        if phase is not None:
            told.append((phase, now))
    assert [phase for phase, _ in told] == ["firing", "resolved"] * (len(told) // 2) + ["firing"] * (len(told) % 2)
    fired = [at for phase, at in told if phase == "firing"]
    assert all(later - earlier >= RULE.cooldown_seconds for earlier, later in itertools.pairwise(fired))


def test_a_rule_that_fails_is_named_in_the_handlers_health() -> None:
    def broken(window: Window) -> Reading | None:
        raise ZeroDivisionError

    handler = MetricsHandler(
        store=MemoryStore(), flush_interval=60, alerts=[Rule("broken", "never told", broken, 1.0, (ERRORS.name,))]
    )

    handler._counting.recorder.tick()

    assert handler.health().facts["alert_failures"] == {"broken": 1}
    handler.close()

"""Everything that may be said against a record, in its order, and every drop in the books."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging import bound
from aura_logging.testing import ManualClock
from aura_logging.volume.lane_book import KEPT_NAMES
from aura_logging.volume.options import SamplingOptions
from aura_logging.volume.overrides import Override, set_overrides
from aura_logging.volume.policy import Policy

OFF: dict[str, Any] = {
    "limit_per_second": None,
    "fold_after": None,
    "circuit_records_per_second": None,
    "circuit_errors_per_second": None,
    "shed_at_cpu_percent": None,
    "shed_at_buffer_fill": None,
}


class Situation:
    """A policy on clocks that stand still, under a pressure that is given."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock(1_000.0)
        self.wall_clock = ManualClock(1_795_325_573.0)
        self.cpu: float | None = None
        self.fill = 0.0
        self.stirred = 0
        self.policy = Policy(
            SamplingOptions(**{**OFF, **options}),
            clock=self.clock,
            wall_clock=self.wall_clock,
            pressure=lambda: (self.cpu, self.fill),
        )
        self.policy.on_activity = self._stir
        self.numbers = 0

    def _stir(self) -> None:
        self.stirred += 1

    def decide(
        self, level: int = logging.INFO, logger: str = "shop", template: object = "hello", **fields: Any
    ) -> float:
        return self.policy.decide(level, logger, template, fields)

    def log(self, count: int, level: int = logging.INFO, logger: str = "shop", **fields: Any) -> list[float]:
        """Return the shares of those that were kept, of so many records of as many requests."""
        shares = []
        for _ in range(count):
            self.numbers += 1
            shares.append(self.decide(level, logger, **{"correlation_id": f"request-{self.numbers}", **fields}))
        return [share for share in shares if share]

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.wall_clock.advance(1.0)
            self.policy.tick()

    def said(self) -> list[str]:
        return [notice.record().getMessage() for notice in self.policy.take_notices()]


@pytest.fixture(autouse=True)
def _no_overrides() -> Any:
    yield
    set_overrides(())


def test_totals_estimated_from_what_was_kept_are_within_five_percent_of_a_million() -> None:
    situation = Situation()
    decide = situation.policy.decide
    estimated = {logging.DEBUG: 0.0, logging.INFO: 0.0, logging.WARNING: 0.0}
    fields: dict[str, Any] = {}

    for request in range(50_000):
        fields["correlation_id"] = f"{request:032x}"
        for level, records in ((logging.DEBUG, 12), (logging.INFO, 7), (logging.WARNING, 1)):
            for _ in range(records):
                share = decide(level, "shop", "hello", fields)
                if share:
                    estimated[level] += 1 / share

    assert estimated[logging.DEBUG] == pytest.approx(600_000, rel=0.05)
    assert estimated[logging.INFO] == pytest.approx(350_000, rel=0.05)
    assert estimated[logging.WARNING] == 50_000


def test_a_limit_lets_a_burst_pass_and_then_so_many_a_second() -> None:
    situation = Situation(rates={}, limit_per_second=100, burst=50)
    assert len(situation.log(1_000)) == 50

    situation.clock.advance(1.0)

    assert len(situation.log(1_000)) == 50  # no more than the burst at once
    assert situation.policy.dropped() == {"rate_limited": 1_900}


def test_what_a_limit_held_back_the_next_line_stands_for() -> None:
    situation = Situation(rates={}, limit_per_second=10, burst=10)
    shares = situation.log(1_000)
    assert shares == [1.0] * 10

    situation.clock.advance(0.1)

    assert situation.log(1) == [pytest.approx(1 / 991)]


def test_what_a_limit_held_back_is_said_when_nothing_more_comes() -> None:
    situation = Situation(rates={}, limit_per_second=10, burst=10)
    situation.log(1_000)
    assert situation.stirred

    situation.pass_by(4)
    assert situation.said() == []
    situation.pass_by(3)

    assert situation.said() == ["suppressed 990 INFO records of shop: rate limited"]
    assert not situation.policy.tick()
    assert situation.log(1) == [1.0]


@settings(max_examples=60)
@given(
    per_second=st.integers(1, 200),
    burst=st.integers(1, 200),
    steps=st.lists(st.tuples(st.integers(1, 150), st.floats(0, 3)), min_size=1, max_size=30),
)
def test_lines_and_what_they_stand_for_are_exactly_what_was_offered_and_no_burst_is_too_long(
    per_second: int, burst: int, steps: list[tuple[int, float]]
) -> None:
    situation = Situation(rates={}, limit_per_second=per_second, burst=burst)
    told = offered = 0.0
    lines: list[tuple[float, int]] = []
    for count, wait in steps:
        offered += count
        kept = situation.log(count)
        lines.append((situation.clock(), len(kept)))
        told += sum(1 / share for share in kept)
        situation.clock.advance(wait)
    situation.policy.finish()
    told += sum(notice.fields["suppressed"] for notice in situation.policy.take_notices())

    assert told == pytest.approx(offered)
    for first in range(len(lines)):
        passed = sum(count for _, count in lines[first:])
        assert passed <= burst + per_second * (lines[-1][0] - lines[first][0]) + 1e-6


def test_a_logger_and_level_has_a_limit_of_its_own() -> None:
    situation = Situation(rates={}, limit_per_second=1, burst=20)
    assert len(situation.log(100, logger="shop")) == 20
    assert len(situation.log(100, logger="shop.cart")) == 20
    assert len(situation.log(100, level=logging.WARNING)) == 20


def test_a_target_lowers_the_rate_under_a_flood_and_raises_it_again() -> None:
    situation = Situation(rates={"INFO": 0.5}, target_per_second=50)
    for _ in range(20):
        kept = situation.log(5_000)
        situation.pass_by(1)
    assert len(kept) == pytest.approx(50, rel=0.5)
    assert situation.policy.facts()["lowered_rates"] == {"shop INFO": pytest.approx(0.01, rel=0.1)}
    assert situation.policy.tick()

    situation.pass_by(60)

    assert situation.policy.facts()["lowered_rates"] == {}
    assert not situation.policy.tick()
    assert set(situation.log(20)) == {0.5}


def test_a_target_notices_a_flood_within_the_second() -> None:
    situation = Situation(rates={}, target_per_second=100)
    for _ in range(100):
        situation.log(100)
        situation.clock.advance(0.01)
    assert situation.policy.dropped()["sampled_info"] > 5_000


def test_a_wild_logger_is_silenced_says_so_once_and_speaks_again() -> None:
    situation = Situation(rates={}, circuit_records_per_second=1_000, circuit_seconds=10)

    kept = situation.log(50_000)
    assert 1_000 <= len(kept) <= 1_000 + 2 * 64
    for _ in range(5):
        situation.log(100)
        situation.pass_by(1)
    assert situation.said() == [
        "circuit of logger shop opened: more than 1,000 records a second; it is silent below ERROR"
    ]
    assert situation.policy.open_circuits() == ["shop"]
    assert len(situation.log(10, logger="other")) == 10

    situation.pass_by(10)

    assert "circuit of logger shop closed: its records are written again" in situation.said()
    assert situation.policy.open_circuits() == []
    assert len(situation.log(10)) == 10


def test_a_logger_of_too_many_errors_is_silent_below_error_only() -> None:
    situation = Situation(rates={}, circuit_errors_per_second=100)
    assert len(situation.log(1_000, logging.ERROR)) == 1_000

    assert situation.log(10, logging.WARNING) == []
    assert len(situation.log(10, logging.ERROR)) == 10
    assert situation.policy.dropped() == {"circuit_open": 10}


def test_under_pressure_debug_goes_first_then_info_and_both_are_said() -> None:
    situation = Situation(rates={}, shed_at_buffer_fill=0.8)
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)

    def passing() -> list[int]:
        return [level for level in levels for _ in situation.log(1, level)]

    assert passing() == list(levels)
    situation.fill = 0.9
    situation.pass_by(1)
    assert passing() == [logging.INFO, logging.WARNING, logging.ERROR]
    situation.pass_by(1)
    assert passing() == [logging.WARNING, logging.ERROR]
    situation.fill = 0.0
    situation.pass_by(20)
    assert passing() == list(levels)

    said = [line for line in situation.said() if line.startswith("shedding")]
    assert said == [
        "shedding DEBUG records, before: nothing (the buffer is 90% full)",
        "shedding DEBUG and INFO records, before: DEBUG (the buffer is 90% full)",
        "shedding DEBUG records, before: DEBUG and INFO (the buffer is 90% full)",
        "shedding nothing records, before: DEBUG (the buffer is 90% full)",
    ]
    assert situation.policy.dropped()["shed"] == 3


def test_a_wild_logger_is_silent_at_once_on_every_level_and_no_other_logger_is() -> None:
    situation = Situation(rates={}, circuit_records_per_second=1_000, limit_per_second=100, burst=5_000)
    for level in (logging.DEBUG, logging.WARNING):
        situation.log(1, level)
    situation.log(1, logger="shop.cart")

    written = len(situation.log(2_000, logging.INFO))

    assert situation.log(10, logging.DEBUG) == situation.log(10, logging.WARNING) == []
    assert len(situation.log(10, logger="shop.cart")) == 10
    assert situation.policy.dropped() == {"circuit_open": 2_020 - written}


EVERYTHING_AGAINST_IT: dict[str, Any] = {
    "rates": {"DEBUG": 0, "INFO": 0, "WARNING": 0},
    "limit_per_second": 0.001,
    "burst": 1,
    "fold_after": 1,
    "circuit_records_per_second": 1,
    "shed_at_buffer_fill": 0.1,
}


@pytest.mark.parametrize("name", [*KEPT_NAMES, "aura.audit.chain", "django.security.DisallowedHost"])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.CRITICAL])
def test_nothing_is_said_against_a_record_that_is_for_the_record(name: str, level: int) -> None:
    situation = Situation(**EVERYTHING_AGAINST_IT)
    situation.fill = 1.0
    set_overrides([Override(rate=0.0)])

    assert situation.log(300, level, name) == [1.0] * 300


@pytest.mark.parametrize("level", [logging.ERROR, 45, logging.CRITICAL])
def test_nothing_but_its_own_repetition_is_said_against_an_error(level: int) -> None:
    situation = Situation(**EVERYTHING_AGAINST_IT)
    situation.fill = 1.0
    set_overrides([Override(rate=0.0)])

    kept = [situation.decide(level, template=f"error {number}") for number in range(300)]

    assert kept == [1.0] * 300


def test_a_name_that_only_begins_alike_is_an_ordinary_one() -> None:
    assert Situation(rates={"INFO": 0}).log(10, logger="aura.auditorium") == []


def test_identical_errors_are_folded_with_an_exact_number_and_requests_never_are() -> None:
    situation = Situation(fold_after=10, fold_every=100)

    assert len(situation.log(1_000, logging.ERROR)) == 10 + 9
    assert len(situation.log(1_000, logging.ERROR, "aura.request")) == 1_000
    situation.policy.finish()

    assert situation.said() == ["suppressed 981 like this: hello"]
    assert situation.policy.dropped() == {"folded": 981}


def test_the_first_rule_that_is_about_a_record_holds_for_it() -> None:
    rules = (
        {"logger": "django.db", "level": "DEBUG", "rate": 0},
        {"route": "health*", "rate": 0},
        {"logger": "django", "rate": 1},
        {"logger": "noisy", "limit_per_second": 1, "burst": 3},
    )
    situation = Situation(rates={"DEBUG": 0, "INFO": 0}, rules=rules)

    assert situation.log(5, logging.DEBUG, "django.db.backends") == []
    assert len(situation.log(5, logging.INFO, "django.db.backends")) == 5
    assert situation.log(5, logging.INFO, "django.db", route="health/live") == []
    assert len(situation.log(5, logging.INFO, "django.db", route="orders/<int:pk>/")) == 5
    assert len(situation.log(5, logging.INFO, "django", route=None)) == 5
    assert situation.log(5, logging.INFO, "djangoish") == []
    assert situation.log(5, logging.WARNING, "noisy") == [1.0] * 3


def test_a_route_that_is_bound_counts_as_the_records_own() -> None:
    situation = Situation(rates={}, rules=({"route": "health", "rate": 0},))
    with bound(route="health"):
        assert situation.log(3) == []
    assert len(situation.log(3)) == 3


def test_routes_without_number_take_no_memory_without_number() -> None:
    situation = Situation(rules=({"route": "a*", "rate": 1},), rates={"INFO": 0})
    for number in range(5_000):
        assert bool(situation.log(1, route=f"{'ab'[number % 2]}-{number}")) == (number % 2 == 0)
    junction = situation.policy.lanes[logging.INFO]["shop"].junction
    assert junction is not None
    assert len(junction._routes) <= 1_000


def test_loggers_without_number_share_what_is_known_of_them() -> None:
    situation = Situation(rates={"INFO": 0})
    for number in range(4_000):
        situation.decide(logger=f"connection.{number}")
        assert situation.decide(logging.DEBUG, f"aura.audit.{number % 10}") == 1.0
    assert len(situation.policy._book.all_lanes()) <= 2_100
    assert situation.policy.dropped() == {"sampled_info": 4_000}


def test_an_override_keeps_what_somebody_asks_for_of_one_user_until_it_expires() -> None:
    situation = Situation(rates={"DEBUG": 0})
    assert situation.log(5, logging.DEBUG, "django.db.backends", user_id=42) == []
    until = situation.wall_clock() + 600

    set_overrides([Override(logger="django.db", user_id="42", expires_at=until)])

    assert situation.log(5, logging.DEBUG, "django.db.backends", user_id=42) == [1.0] * 5
    assert situation.log(5, logging.DEBUG, "django.db", user_id="42") == [1.0] * 5
    assert situation.log(5, logging.DEBUG, "django.db", user_id=43) == []
    assert situation.log(5, logging.DEBUG, "shop", user_id=42) == []
    situation.wall_clock.advance(600)
    assert situation.log(5, logging.DEBUG, "django.db", user_id=42) == []


def test_health_tells_the_overrides_that_are_in_force() -> None:
    situation = Situation()
    assert "overrides" not in situation.policy.facts()
    now = situation.wall_clock()
    set_overrides([
        Override(logger="shop", user_id="42", rate=0.5, expires_at=now + 60),
        Override(level=logging.INFO),
        Override(logger="gone", expires_at=now),
    ])  # fmt: skip
    assert situation.policy.facts()["overrides"] == [
        {"logger": "shop", "level": "DEBUG", "seconds_left": 60, "user_id": "42", "rate": 0.5},
        {"logger": "root", "level": "INFO", "seconds_left": None},
    ]


def test_an_override_can_keep_less_and_what_it_drops_is_counted_as_such() -> None:
    situation = Situation(rates={})
    set_overrides([Override(logger="noisy", rate=0.25)])

    kept = situation.log(2_000, logger="noisy.child")

    assert set(kept) == {0.25}
    assert situation.policy.dropped() == {"override": 2_000 - len(kept)}
    set_overrides([])
    assert situation.log(5, logger="noisy.child") == [1.0] * 5


def test_what_is_logged_only_for_the_sake_of_one_route_is_dropped_elsewhere() -> None:
    situation = Situation(rates={})
    set_overrides([Override(logger="shop", level=logging.DEBUG, route="pay/", ordinary_level=logging.INFO)])

    assert len(situation.log(3, logging.DEBUG, route="pay/")) == 3
    assert situation.log(3, logging.DEBUG, route="cart/") == []
    assert len(situation.log(3, logging.INFO, route="cart/")) == 3


def test_four_threads_lose_no_count() -> None:
    situation = Situation(rates={"INFO": 0.5}, limit_per_second=1_000, burst=1_000, fold_after=100, fold_every=10)
    kept: list[int] = []

    def log(thread: int) -> None:
        count = 0
        for number in range(8_000):
            fields = {"correlation_id": f"{thread}-{number}"}
            count += situation.policy.decide(logging.INFO, "shop", "hello", fields) > 0
            count += situation.policy.decide(logging.ERROR, "shop", "broken", fields) > 0
        kept.append(count)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(kept) + sum(situation.policy.dropped().values()) == 64_000


def test_a_decision_needs_no_record_and_no_field() -> None:
    situation = Situation(rates={"INFO": 0.5})

    kept = [situation.policy.decide(logging.INFO, "shop", f"message {number}", {}) for number in range(2_000)]

    assert sum(map(bool, kept)) / 2_000 == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("level", [0, 7, 25, 10_000, -1])
def test_a_level_nobody_has_heard_of_is_kept(level: int) -> None:
    assert Situation().log(3, level) == [1.0] * 3

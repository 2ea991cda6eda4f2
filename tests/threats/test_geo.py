"""Journeys are judged by the way and the time they took."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aura_logging.testing import ManualClock
from aura_logging.threats.geo import JourneyWatch, Place, Visit, great_circle_km
from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.visits import VISIT_SECONDS, SharedVisits
from aura_logging.threats.windows import MemoryWindows

BERLIN = Place("DE", "Berlin", 52.52, 13.405)
POTSDAM = Place("DE", "Potsdam", 52.39, 13.065)
NEW_YORK = Place("US", "New York", 40.7128, -74.006)
NOWHERE = Place("FR")
BY_ADDRESS = {"192.0.2.1": BERLIN, "192.0.2.2": NEW_YORK, "192.0.2.3": POTSDAM, "192.0.2.4": NOWHERE}


def watch(clock: ManualClock, **options) -> JourneyWatch:
    return JourneyWatch(BY_ADDRESS.get, clock=clock, **options)


def kinds(journeys) -> list[str]:
    return [journey.threat_type for journey in journeys]


def test_the_way_is_measured_along_the_great_circle() -> None:
    assert great_circle_km(BERLIN, NEW_YORK) == pytest.approx(6_385, abs=5)
    assert great_circle_km(BERLIN, BERLIN) == 0
    assert great_circle_km(Place("", "", 0, 0), Place("", "", 0, 180)) == pytest.approx(math.pi * 6_371.0088)
    assert great_circle_km(BERLIN, NOWHERE) == 0


def test_nobody_flies_to_new_york_in_an_hour() -> None:
    clock = ManualClock(0.0)
    journeys = watch(clock)
    assert journeys.seen("7", "192.0.2.1") == []
    clock.advance(3_600.0)
    travel, country = journeys.seen("7", "192.0.2.2")
    assert (travel.threat_type, country.threat_type) == ("impossible_travel", "new_country")
    assert travel.km_per_hour == pytest.approx(6_385, abs=5)
    assert (travel.place, travel.before) == (NEW_YORK, BERLIN)


def test_a_flight_is_possible_and_the_country_new_only_once() -> None:
    clock = ManualClock(0.0)
    journeys = watch(clock)
    journeys.seen("7", "192.0.2.1")
    clock.advance(9 * 3_600.0)
    assert kinds(journeys.seen("7", "192.0.2.2")) == ["new_country"]
    clock.advance(9 * 3_600.0)
    assert journeys.seen("7", "192.0.2.1") == []
    assert journeys.seen("8", "192.0.2.2") == []


def test_two_places_at_once_are_impossible_and_neighbours_are_one_place() -> None:
    clock = ManualClock(0.0)
    journeys = watch(clock)
    journeys.seen("7", "192.0.2.1")
    assert journeys.seen("7", "192.0.2.3") == []
    assert journeys.seen("7", "192.0.2.2")[0].km_per_hour == math.inf


def test_unknown_addresses_and_proxies_are_passed_over() -> None:
    clock = ManualClock(0.0)
    journeys = watch(clock, proxies=["192.0.2.2/31"])
    journeys.seen("7", "192.0.2.1")
    for address in ("192.0.2.2", "198.51.100.1", "nonsense", "", "2001:db8::1"):
        assert journeys.seen("7", address) == []


def test_a_country_without_coordinates_is_new_and_not_impossible() -> None:
    clock = ManualClock(0.0)
    journeys = watch(clock)
    journeys.seen("7", "192.0.2.1")
    assert kinds(journeys.seen("7", "192.0.2.4")) == ["new_country"]


def test_only_so_many_users_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_logging.threats.geo.USERS_AT_MOST", 2)
    journeys = watch(ManualClock(0.0))
    for user in "abc":
        journeys.seen(user, "192.0.2.1")
    assert journeys.seen("a", "192.0.2.2") == []
    assert kinds(journeys.seen("c", "192.0.2.2")) == ["impossible_travel", "new_country"]


def test_processes_that_share_windows_notice_a_journey_between_them(tmp_path: Path) -> None:
    places = {"192.0.2.1": Place("DE", "Berlin", 52.5, 13.4), "192.0.2.2": Place("US", "New York", 40.7, -74.0)}
    clock = ManualClock(1_000.0)
    watches = [
        JourneyWatch(places.get, memory=SharedVisits(SqliteWindows(tmp_path / "w.db"), clock), clock=clock)
        for _ in range(2)
    ]
    assert watches[0].seen("julia", "192.0.2.1") == []
    clock.advance(60.0)
    assert [one.threat_type for one in watches[1].seen("julia", "192.0.2.2")] == ["impossible_travel", "new_country"]
    clock.advance(VISIT_SECONDS)
    assert watches[0].seen("julia", "192.0.2.1") == []


def test_what_another_release_noted_of_a_visit_is_forgotten() -> None:
    windows = MemoryWindows()
    visits = SharedVisits(windows, ManualClock(1_000.0))
    for note in ("no json", "{}", '{"place": {"planet": "Mars"}, "at": 1, "countries": []}'):
        windows.remember("visit:julia", note, 1_000.0, 10.0)
        assert visits.get("julia") is None
    visits["julia"] = Visit(Place("DE"), 1.0, ("DE",))
    assert visits["julia"] == Visit(Place("DE"), 1.0, ("DE",))
    del visits["julia"]
    assert "julia" not in visits

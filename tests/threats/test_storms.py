"""A storm is told in a few records that account for all of it, in bounded memory."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.testing import ManualClock
from aura_logging.threats.storms import Storms


def test_ten_thousand_events_are_a_handful_of_records_with_their_count() -> None:
    clock = ManualClock(0.0)
    storms = Storms(clock=clock)
    told = [storm for _ in range(10_000) if (storm := storms.seen("192.0.2.1", "sqli")) is not None]
    assert [storm.count for storm in told] == [1, 2, 3, 4, 5, 10, 100, 1_000, 10_000]
    assert sum(storm.untold for storm in told) == 10_000
    assert storms.folded == 10_000 - len(told)


def test_what_was_left_untold_is_told_when_it_is_over_and_only_then() -> None:
    clock = ManualClock(0.0)
    storms = Storms(clock=clock, quiet_seconds=60.0)
    for _ in range(8):
        storms.seen("192.0.2.1", "sqli")
        clock.advance(1.0)
    clock.advance(58.9)
    assert storms.ended() == []
    clock.advance(0.1)
    (end,) = storms.ended()
    assert (end.source, end.kind, end.count, end.untold, end.seconds) == ("192.0.2.1", "sqli", 8, 3, 7.0)
    assert storms.ended() == []


def test_after_a_pause_it_is_another_storm() -> None:
    clock = ManualClock(0.0)
    storms = Storms(clock=clock)
    for _ in range(6):
        storms.seen("a", "sqli")
    clock.advance(60.0)
    again = storms.seen("a", "sqli")
    assert again is not None
    assert again.count == 1


def test_a_storm_that_goes_on_slowly_is_told_of_every_ten_minutes() -> None:
    clock = ManualClock(0.0)
    storms = Storms(clock=clock)
    told = []
    for _ in range(60):
        told.append(storms.seen("a", "sqli"))
        clock.advance(50.0)
    assert [number for number, storm in enumerate(told, 1) if storm is not None] == [1, 2, 3, 4, 5, 10, 22, 34, 46, 58]


def test_sources_and_kinds_are_apart() -> None:
    storms = Storms(tell_first=1, clock=ManualClock(0.0))
    seen = [("a", "sqli"), ("b", "sqli"), ("a", "xss"), ("a", "sqli")]
    assert [storms.seen(*each) is not None for each in seen] == [True, True, True, False]


def test_memory_is_bounded_and_nothing_is_lost_of_the_count() -> None:
    storms = Storms(storms_at_most=100, clock=ManualClock(0.0))
    for round_ in range(7):
        for source in range(100):
            storms.seen(str(source), "sqli")
        assert round_ >= 0
    for source in range(100, 300):
        storms.seen(str(source), "sqli")
    assert len(storms._courses) == 100
    ended = storms.ended()
    assert (len(ended), sum(storm.untold for storm in ended)) == (100, 200)


def test_at_the_end_of_the_process_every_storm_is_over() -> None:
    storms = Storms(tell_first=1, clock=ManualClock(0.0))
    for source in "aab":
        storms.seen(source, "sqli")
    storms.end_all()
    assert [(storm.source, storm.untold) for storm in storms.ended()] == [("a", 1)]


def test_a_forked_child_tells_nothing_of_its_parents_storms() -> None:
    storms = Storms(tell_first=1, clock=ManualClock(0.0))
    storms.seen("a", "sqli")
    child = os.fork()
    if child == 0:
        os._exit(0 if storms.seen("a", "sqli") is not None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert storms.seen("a", "sqli") is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 90)), max_size=80))
def test_of_any_history_every_event_is_accounted_for_once(events: list[tuple[str, int]]) -> None:
    clock = ManualClock(0.0)
    storms = Storms(clock=clock, storms_at_most=1)
    accounted = 0
    for source, pause in events:
        clock.advance(float(pause))
        storm = storms.seen(source, "sqli")
        accounted += storm.untold if storm is not None else 0
        accounted += sum(each.untold for each in storms.ended())
    clock.advance(60.0)
    assert accounted + sum(each.untold for each in storms.ended()) == len(events)

"""Guessing, stuffing, spraying and floods cross their thresholds once, over all processes together."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.health import Status
from aura_logging.testing import ManualClock
from aura_logging.threats.login_guard import LoginGuard, LoginGuardOptions
from aura_logging.threats.shared_windows import open_windows
from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.windows import MemoryWindows

OFF = dict.fromkeys(
    (
        "failures_per_account",
        "failures_per_address",
        "failures_per_pair",
        "accounts_per_address",
        "accounts_sprayed",
        "requests_per_address",
    ),
    0,
)


def guard(clock: ManualClock | None = None, **options: float) -> LoginGuard:
    return LoginGuard(MemoryWindows(), LoginGuardOptions(**{**OFF, **options}), clock or ManualClock(1_000.0))


def told(found) -> list[tuple[str, str]]:
    return [(threat.threat_type, threat.scope) for threat in found]


def test_guessing_at_an_account_is_told_once_at_its_threshold() -> None:
    watch = guard(failures_per_account=3)
    found = [told(watch.failed("Julia ", f"192.0.2.{n}")) for n in range(6)]
    assert found == [[], [], [("brute_force", "account")], [], [], []]


def test_the_account_is_the_same_however_it_is_typed() -> None:
    watch = guard(failures_per_account=2)
    assert watch.failed("julia", "") == []
    (threat,) = watch.failed(" JULIA", "192.0.2.1")
    assert (threat.account, threat.address, threat.count) == ("julia", "192.0.2.1", 2)


def test_guessing_from_one_address_is_told() -> None:
    watch = guard(failures_per_address=3)
    assert [told(watch.failed(f"user{n}", "192.0.2.1")) for n in range(3)][-1] == [("brute_force", "address")]


def test_a_success_forgets_the_pair_and_nothing_else() -> None:
    watch = guard(failures_per_pair=2, failures_per_account=3)
    watch.failed("julia", "192.0.2.1")
    watch.succeeded("julia", "192.0.2.1")
    assert watch.failed("julia", "192.0.2.1") == []
    assert told(watch.failed("julia", "192.0.2.1")) == [("brute_force", "account"), ("brute_force", "pair")]


def test_failures_older_than_the_window_do_not_count() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, failures_per_account=2, failure_seconds=60.0)
    watch.failed("julia", "")
    clock.advance(60.0)
    assert watch.failed("julia", "") == []
    clock.advance(59.0)
    assert told(watch.failed("julia", "")) == [("brute_force", "account")]


def test_a_case_that_goes_on_is_told_again_after_a_while() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, failures_per_account=1, tell_again_seconds=100.0)
    assert len(watch.failed("julia", "")) == 1
    clock.advance(99.0)
    assert watch.failed("julia", "") == []
    clock.advance(1.0)
    assert len(watch.failed("julia", "")) == 1


def test_many_accounts_from_one_address_are_stuffing() -> None:
    watch = guard(accounts_per_address=3)
    for _ in range(5):
        assert watch.failed("julia", "192.0.2.1") == []
    watch.failed("romeo", "192.0.2.1")
    assert told(watch.failed("tybalt", "192.0.2.1")) == [("credential_stuffing", "address")]


def test_many_accounts_slowly_from_one_network_are_spraying() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, accounts_sprayed=4, spraying_seconds=10_000.0)
    found = []
    for n in range(4):
        found += watch.failed(f"user{n}", f"192.0.2.{n}")
        clock.advance(2_000.0)
    assert told(found) == [("password_spraying", "network")]


def test_one_password_on_many_accounts_is_spraying_from_wherever_it_comes() -> None:
    watch = guard(accounts_sprayed=3)
    found = [told(watch.failed(f"user{n}", f"2001:db8:{n}::1", pattern="f00")) for n in range(3)]
    assert found == [[], [], [("password_spraying", "pattern")]]


def test_a_flood_is_told_once() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, requests_per_address=100)
    floods = [watch.requested("192.0.2.1") for _ in range(500)]
    assert [flood.count for flood in floods if flood] == [100]
    slow = guard(clock, requests_per_address=100, request_seconds=60.0)
    for _ in range(500):
        assert slow.requested("192.0.2.1") is None
        clock.advance(1.0)


def test_a_flood_that_goes_on_is_told_again_when_it_is_time_and_asks_no_store_before() -> None:
    clock = ManualClock(1_000.0)
    asked = []

    class Watched(MemoryWindows):
        def note(self, *arguments, **options):
            asked.append(clock())
            return super().note(*arguments, **options)

    thresholds = {**OFF, "requests_per_address": 100, "request_seconds": 60.0, "tell_again_seconds": 900.0}
    watch = LoginGuard(Watched(), LoginGuardOptions(**thresholds), clock)

    told_at = []
    for _ in range(20_000):
        if watch.requested("192.0.2.1"):
            told_at.append(clock() - 1_000.0)
        clock.advance(0.1)

    assert [round(seconds) // 60 for seconds in told_at] == [0, 15, 30]
    assert not [at for at in asked if 1_010.0 < at < 1_849.0]


def test_an_address_waits_for_one_judgement_at_a_time_which_is_told_of_all_its_requests() -> None:
    watch = guard(requests_per_address=100)

    asked = [watch.count_request("192.0.2.1") for _ in range(3_000)]
    flood = watch.judge_requests("192.0.2.1")

    assert asked.index(True) == 4
    assert asked.count(True) == 1
    assert flood is not None
    assert flood.count == 3_000


def test_what_could_not_be_judged_is_asked_for_again_and_counts() -> None:
    watch = guard(requests_per_address=100)
    assert [watch.count_request("2001:db8::1") for _ in range(5)][-1]

    watch.put_off("2001:db8::2")  # of the same network

    assert [watch.count_request("2001:db8::3") for _ in range(5)] == [False] * 4 + [True]
    assert watch.judge_requests("2001:db8::3") is None
    assert [watch.count_request("2001:db8::1") for _ in range(90)].count(True) == 1
    flood = watch.judge_requests("2001:db8::1")
    assert flood is not None
    assert flood.count == 100


def test_who_should_judge_and_never_does_is_not_waited_for_longer_than_a_window() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, requests_per_address=100, request_seconds=60.0)
    assert [watch.count_request("192.0.2.1") for _ in range(50)].count(True) == 1

    clock.advance(60.0)

    assert [watch.count_request("192.0.2.1") for _ in range(50)].count(True) == 1
    assert watch.judge_requests("192.0.2.1") is not None


def test_what_was_counted_long_ago_makes_no_flood_today() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, requests_per_address=100, request_seconds=60.0)
    for _ in range(60):
        for _ in range(30):
            if watch.count_request("192.0.2.1"):
                watch.put_off("192.0.2.1")
        clock.advance(60.0)
    clock.advance(86_400.0)

    watch.count_request("192.0.2.1")

    assert watch.judge_requests("192.0.2.1") is None  # 5 of 1,801: one batch
    assert [watch.requested("192.0.2.1") for _ in range(94)] == [None] * 94
    assert watch.requested("192.0.2.1") is not None


def test_a_flood_over_many_processes_none_of_which_sees_a_batch_in_a_window_is_told() -> None:
    clock, windows = ManualClock(1_000.0), MemoryWindows()
    thresholds = LoginGuardOptions(requests_per_address=1_200, request_seconds=60.0)
    fleet = [LoginGuard(windows, thresholds, clock) for _ in range(26)]

    floods = []
    for _ in range(200):  # 50 requests a minute from each, 1,300 from all
        for each in fleet:
            floods.append(each.requested("192.0.2.1"))
            clock.advance(1.2 / 26)

    assert [flood.threat_type for flood in floods if flood] == ["request_flood"]


def test_requests_long_ago_hide_no_burst() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, requests_per_address=100, request_seconds=60.0)
    assert not any(watch.count_request("192.0.2.1") for _ in range(4))
    clock.advance(3_600.0)
    assert watch.count_request("192.0.2.1")

    assert not any(watch.count_request("192.0.2.1") for _ in range(100))

    assert watch.judge_requests("192.0.2.1") is not None


def test_a_judgement_with_nothing_to_judge_asks_no_store() -> None:
    asked: list[str] = []

    class Watched(MemoryWindows):
        def note(self, key: str, *arguments: Any, **options: Any) -> int:
            asked.append(key)
            return super().note(key, *arguments, **options)

    watch = LoginGuard(Watched(), LoginGuardOptions(requests_per_address=100))
    assert [watch.count_request("192.0.2.1") for _ in range(5)][-1]

    watch.judge_requests("192.0.2.1")
    watch.judge_requests("192.0.2.1")

    assert len(asked) == 1


def test_what_waits_to_be_judged_outlives_ten_thousand_other_addresses() -> None:
    watch = guard(requests_per_address=100)
    assert [watch.count_request("192.0.2.1") for _ in range(500)].count(True) == 1

    for number in range(30_000):
        watch.count_request(f"198.51.{number >> 8}.{number & 255}")

    flood = watch.judge_requests("192.0.2.1")
    assert flood is not None
    assert flood.count == 500
    assert len(watch._requests) <= 10_000


def test_a_forked_child_counts_none_of_its_parent_s_requests() -> None:
    windows = MemoryWindows()
    parent = LoginGuard(windows, LoginGuardOptions(requests_per_address=100))
    child = LoginGuard(windows, LoginGuardOptions(requests_per_address=100))
    for each in (parent, child):  # what a fork copies
        assert [each.count_request("192.0.2.1") for _ in range(60)].count(True) == 1

    child.after_fork_in_child()

    assert [child.count_request("192.0.2.1") for _ in range(5)][-1]
    assert child.judge_requests("192.0.2.1") is None
    assert parent.judge_requests("192.0.2.1") is None  # 65, not 125


def test_a_flood_from_many_addresses_of_one_network_rests_as_one() -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, requests_per_address=100, request_seconds=60.0, tell_again_seconds=900.0)
    floods = [watch.requested(f"2001:db8::{n:x}") for n in range(1, 201)]
    assert [flood.count for flood in floods if flood] == [100]

    assert not any(watch.count_request(f"2001:db8::{n:x}") for n in range(1, 2_000))


def test_nothing_that_is_empty_is_counted() -> None:
    watch = guard(failures_per_account=1, failures_per_address=1, failures_per_pair=1, accounts_per_address=1)
    assert watch.failed("", "") == []
    assert watch.requested("") is None


def test_while_the_store_fails_a_process_counts_alone_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = LoginGuardOptions(**{**OFF, "failures_per_account": 2})
    watch = LoginGuard(SqliteWindows(tmp_path / "file" / "w.db"), options, ManualClock(1_000.0))
    assert watch.failed("julia", "") == []
    assert len(watch.failed("julia", "")) == 1
    assert watch.health().status is Status.DEGRADED


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="failures_per_pair=-1"):
        LoginGuardOptions(failures_per_pair=-1)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_four_processes_count_as_one_and_tell_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = str(tmp_path / "logins.db") if kind == "sqlite" else request.getfixturevalue("redis_url")
    options = LoginGuardOptions(
        failures_per_account=20,
        failures_per_address=40,
        failures_per_pair=15,
        accounts_per_address=3,
        accounts_sprayed=0,
    )
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            watch = LoginGuard(open_windows(store), options, ManualClock(1_000.0))
            found = [t for n in range(15) for t in watch.failed(f"user{n % 3}", "192.0.2.1")]
            text = json.dumps([[t.threat_type, t.scope, t.account] for t in found])
            (tmp_path / f"{number}.json").write_text(text)
            os._exit(0 if watch.health().status is Status.HEALTHY else 1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    found = sorted(tuple(t) for n in range(4) for t in json.loads((tmp_path / f"{n}.json").read_text()))
    kinds = [(kind, scope) for kind, scope, _ in found]
    # 60 attempts: 20 on each of three accounts, all from one address.
    assert kinds.count(("credential_stuffing", "address")) == 1
    assert kinds.count(("brute_force", "address")) == 1
    assert kinds.count(("brute_force", "account")) == 3
    assert kinds.count(("brute_force", "pair")) == 3


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 6))
def test_a_threshold_is_crossed_exactly_when_so_many_lie_in_the_window(gaps: list[int], threshold: int) -> None:
    clock = ManualClock(1_000.0)
    watch = guard(clock, failures_per_account=threshold, failure_seconds=50.0, tell_again_seconds=0.0)
    times: list[float] = []
    for gap in gaps:
        clock.advance(float(gap))
        times.append(clock.now)
        expected = sum(at > clock.now - 50.0 for at in times) >= threshold
        assert bool(watch.failed("julia", "")) is expected


def test_a_store_that_fails_is_asked_again_after_five_seconds_and_not_before() -> None:
    class Failing(MemoryWindows):
        asked = 0

        def note(self, *arguments: object) -> int:
            self.asked += 1
            raise OSError("busy")

    clock, windows = ManualClock(1_000.0), Failing()
    watch = LoginGuard(windows, LoginGuardOptions(**{**OFF, "failures_per_account": 9}), clock)
    for _ in range(3):
        watch.failed("julia", "")
    assert windows.asked == 1
    clock.advance(5.0)
    watch.failed("julia", "")
    assert windows.asked == 2


def test_a_whole_64_of_ipv6_is_one_address_however_it_is_written() -> None:
    guard = LoginGuard(clock=ManualClock(1e9))
    told = [threat for n in range(10) for threat in guard.failed(f"user{n}", f"2001:db8:0:1:{n:x}::7")]
    assert [(threat.threat_type, threat.scope) for threat in told] == [("credential_stuffing", "address")]
    guard = LoginGuard(clock=ManualClock(1e9))
    spellings = ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201"] * 2
    told = [threat for address in spellings for threat in guard.failed("ada", address)]
    assert [(threat.threat_type, threat.scope) for threat in told] == [("brute_force", "pair")]


def test_an_account_is_one_in_all_letters_that_look_alike_to_django() -> None:
    guard = LoginGuard(clock=ManualClock(1e9))
    told = [t for n in range(10) for t in guard.failed(["ada", "\uff21da", "ADA\xa0", " Ada"][n % 4], f"192.0.2.{n}")]
    assert [(threat.scope, threat.count) for threat in told] == [("account", 10)]


@pytest.mark.parametrize("name", ["\ud800", "\x00", "a" * 100_000, "'; drop table member; --", "\u202e"])
def test_no_name_is_too_odd_to_be_counted(name: str, tmp_path: Path) -> None:
    guard = LoginGuard(SqliteWindows(tmp_path / "logins.db"), clock=ManualClock(1e9))
    told = [threat for n in range(10) for threat in guard.failed(name, f"192.0.2.{n}")]
    assert [threat.scope for threat in told] == ["account"]

"""A sliding window counts exactly what lies in it, in memory and in a file alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.windows import MemoryWindows, Windows


@pytest.fixture(params=["memory", "sqlite"])
def windows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Windows]:
    if request.param == "memory":
        yield MemoryWindows()
        return
    made = SqliteWindows(tmp_path / "state" / "windows.db")
    yield made
    made.close()


def test_what_is_older_than_the_window_no_longer_counts(windows: Windows) -> None:
    assert windows.note("k", "a", 100.0, 10.0, 5) == 1
    assert windows.note("k", "b", 105.0, 10.0, 5) == 2
    assert windows.note("k", "c", 110.0, 10.0, 5) == 2
    assert windows.note("k", "d", 130.0, 10.0, 5) == 1


def test_a_member_counts_once_and_keys_are_apart(windows: Windows) -> None:
    assert windows.note("k", "a", 1.0, 10.0, 5) == 1
    assert windows.note("k", "a", 2.0, 10.0, 5) == 1
    assert windows.note("other", "a", 2.0, 10.0, 5) == 1


def test_no_more_members_are_kept_than_are_asked_for(windows: Windows) -> None:
    assert [windows.note("k", str(n), float(n), 100.0, 3) for n in range(6)] == [1, 2, 3, 3, 3, 3]


def test_weights_add_up(windows: Windows) -> None:
    assert [windows.note("k", str(n), float(n), 2.5, 10, weight=5) for n in range(4)] == [5, 10, 15, 15]


def test_a_claim_holds_until_its_time_is_over(windows: Windows) -> None:
    assert windows.claim("k", 100.0, 10.0)
    assert not windows.claim("k", 109.9, 10.0)
    assert windows.claim("other", 109.9, 10.0)
    assert windows.claim("k", 110.0, 10.0)


def test_forgetting_begins_anew(windows: Windows) -> None:
    windows.note("k", "a", 1.0, 10.0, 5)
    windows.forget("k")
    assert windows.note("k", "b", 1.0, 10.0, 5) == 1


def test_memory_is_bounded_by_keys() -> None:
    windows = MemoryWindows(keys_at_most=3)
    for n in range(10):
        windows.note(f"k{n}", "a", float(n), 100.0, 5)
        windows.claim(f"k{n}", float(n), 100.0)
    assert len(windows) == 3
    assert windows.note("k9", "b", 10.0, 100.0, 5) == 2
    assert windows.note("k0", "b", 10.0, 100.0, 5) == 1


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("vwxyz"), st.integers(0, 4)), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, at_most=st.integers(1, 6))
@pytest.mark.parametrize("make", [lambda path: MemoryWindows(), SqliteWindows], ids=["memory", "sqlite"])
def test_any_history_counts_the_distinct_members_of_its_window(
    make: Callable[[Path], Windows], events: list[tuple[str, str, int]], at_most: int, tmp_path_factory
) -> None:
    windows = make(tmp_path_factory.mktemp("windows") / "w.db")
    now, seen = 0.0, []
    for key, member, seconds in events:
        now += seconds
        seen.append((key, member, now))
        inside = {m for k, m, at in seen if k == key and at > now - 5.0}
        assert windows.note(key, member, now, 5.0, at_most) == min(len(inside), at_most)


def test_a_file_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    windows = SqliteWindows(tmp_path / "file" / "w.db")
    with pytest.raises(OSError):
        windows.note("k", "a", 1.0, 10.0, 5)


def test_a_forked_child_shares_the_file_and_not_the_connection(tmp_path: Path) -> None:
    windows = SqliteWindows(tmp_path / "w.db")
    windows.note("k", "parent", 1.0, 10.0, 5)
    child = os.fork()
    if child == 0:
        os._exit(windows.note("k", "child", 2.0, 10.0, 5))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert windows.note("k", "again", 3.0, 10.0, 5) == 3
    windows.close()

"""A sliding window counts exactly what lies in it, in memory, in a file and in Redis alike."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_logging.options import OptionError
from aura_logging.threats.redis_windows import RedisWindows
from aura_logging.threats.shared_windows import open_windows
from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.windows import MemoryWindows, Windows


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    return "memory" if request.param == "memory" else str(tmp_path / "state" / "windows.db")


@pytest.fixture
def windows(url: str) -> Iterator[Windows]:
    made = open_windows(url)
    yield made
    if not isinstance(made, MemoryWindows):
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


def test_a_note_is_kept_until_its_time_is_over_or_another_takes_its_place(windows: Windows) -> None:
    assert windows.recall("k", 100.0) is None
    windows.remember("k", "a b", 100.0, 10.0)
    windows.remember("other", "x", 100.0, 20.0)
    assert windows.recall("k", 109.9) == "a b"
    assert windows.recall("k", 110.0) is None
    windows.remember("k", "c", 110.0, 10.0)
    assert (windows.recall("k", 111.0), windows.recall("other", 111.0)) == ("c", "x")


def test_a_claim_for_no_time_is_everybodys(windows: Windows) -> None:
    assert windows.claim("k", 100.0, 0.0)
    assert windows.claim("k", 100.0, 0.0)


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
def test_any_history_counts_the_distinct_members_of_its_window(
    windows: Windows, events: list[tuple[str, str, int]], at_most: int
) -> None:
    for key in "abc":
        windows.forget(key)
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


def test_windows_that_nobody_holds_any_more_leave_no_connection_open(tmp_path: Path) -> None:
    windows = SqliteWindows(tmp_path / "w.db")
    windows.note("k", "a", 1.0, 10.0, 5)
    connection = windows._connection
    assert connection is not None

    del windows
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_forked_child_shares_the_file_and_not_the_connection(tmp_path: Path) -> None:
    windows = SqliteWindows(tmp_path / "w.db")
    windows.note("k", "parent", 1.0, 10.0, 5)
    child = os.fork()
    if child == 0:
        os._exit(windows.note("k", "child", 2.0, 10.0, 5))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert windows.note("k", "again", 3.0, 10.0, 5) == 3
    windows.close()


def test_a_server_that_does_not_answer_is_an_oserror(free_port) -> None:
    windows = RedisWindows(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(OSError, match="Redis"):
        windows.note("k", "a", 1.0, 10.0, 5)


def test_nothing_stays_in_redis_and_no_name_is_readable_there(redis_url: str) -> None:
    redis = pytest.importorskip("redis").Redis.from_url(redis_url, decode_responses=True)
    windows = RedisWindows(redis_url)
    windows.note("account:brute_force:julia", "1", 1.0, 10.0, 5, weight=3)
    windows.claim("account:brute_force:julia", 1.0, 10.0)
    keys = list(redis.scan_iter("*"))
    assert len(keys) == 3
    assert not any("julia" in key for key in keys)
    assert all(0 < redis.pttl(key) <= 70_000 for key in keys)
    redis.close()
    windows.close()


@pytest.mark.parametrize(
    "url",
    [
        "redi://127.0.0.1",
        "sqlite:///",
        "sqlite://x.db",
        " ",
        "redis://user:hunter2@127.0.0.1:no/0",
        "redis://u:a/hunter2@h:no/0",
    ],
)
def test_a_url_that_names_no_windows_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(OptionError, match="login_store=") as refused:
        open_windows(url)
    assert "hunter2" not in str(refused.value)


def test_a_file_is_bounded_by_members_and_the_newest_stay(tmp_path: Path) -> None:
    windows = SqliteWindows(tmp_path / "logins.db", members_at_most=100)
    for number in range(1_000):
        windows.note(f"key {number}", "member", 1e9 + number, 3_600.0, 10)
    with contextlib.closing(sqlite3.connect(tmp_path / "logins.db")) as file:
        (kept,) = file.execute("SELECT count(*) FROM member").fetchone()
    assert kept == 101  # and the one that had the others swept
    assert windows.note("key 999", "another", 1e9 + 1_000, 3_600.0, 10) == 2
    windows.close()

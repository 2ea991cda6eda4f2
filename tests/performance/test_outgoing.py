"""Calls and tasks are summed up in bounded memory, and no address, path or argument is kept."""

from __future__ import annotations

import threading

import pytest

from aura_logging.performance import outgoing
from aura_logging.performance.outgoing import OutgoingLog, TimedCall, host_of
from aura_logging.testing import ManualClock


def test_nothing_done_is_nothing_said() -> None:
    assert OutgoingLog().fields() == {}


def test_calls_are_summed_up_and_told_by_host_the_slowest_first() -> None:
    log = OutgoingLog()

    log.add_call("fast", 0.1, is_error=False)
    log.add_call("slow", 0.75, is_error=True)
    log.add_call("fast", 0.15, is_error=False)

    assert log.fields() == {
        "http_calls": 3, "http_time": 1.0, "http_errors": 1,
        "http_hosts": [
            {"host": "slow", "calls": 1, "errors": 1, "seconds": 0.75},
            {"host": "fast", "calls": 2, "errors": 0, "seconds": 0.25},
        ],
    }  # fmt: skip


def test_tasks_are_counted_by_name() -> None:
    log = OutgoingLog()

    for name in ("mail", "ship", "mail"):
        log.add_task(name)

    assert log.fields() == {
        "tasks_enqueued": 3,
        "enqueued_tasks": [{"task": "mail", "count": 2}, {"task": "ship", "count": 1}],
    }


def test_however_many_hosts_and_tasks_there_are_few_are_kept() -> None:
    log = OutgoingLog()

    for number in range(1_000):
        log.add_call(f"host-{number}", 0.001, is_error=False)
        log.add_task(f"task-{number}")

    fields = log.fields()
    assert (fields["http_calls"], fields["tasks_enqueued"]) == (1_000, 1_000)
    assert len(log.hosts) <= 21
    assert len(log.tasks) <= 21
    assert len(fields["http_hosts"]) == len(fields["enqueued_tasks"]) == 5


def test_threads_may_add_at_once() -> None:
    log = OutgoingLog()
    threads = [
        threading.Thread(target=lambda: [log.add_call("one", 0.001, is_error=False) for _ in range(2_000)])
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert log.fields()["http_calls"] == 8_000


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:secret@API.example.com:8443/v1/users/7?key=secret", "api.example.com"),
        ("http://[::1]:80/", "::1"),
        ("http://[broken/", "unknown"),
        ("no url", "unknown"),
    ],
)
def test_of_a_url_the_host_is_kept_and_nothing_else(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_block_is_timed_to_its_end_and_its_error_goes_on() -> None:
    clock, log = ManualClock(), OutgoingLog()
    token = outgoing.current.set(log)

    with pytest.raises(OSError), TimedCall("one", clock):
        clock.advance(0.5)
        raise OSError

    outgoing.current.reset(token)
    assert log.fields()["http_hosts"] == [{"host": "one", "calls": 1, "errors": 1, "seconds": 0.5}]

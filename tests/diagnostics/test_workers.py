"""Who is alive, who hangs and who was killed is told apart, and ledgers add up over those that are there."""

from __future__ import annotations

import os
import socket
from typing import Any

import orjson
import pytest

from aura_logging.diagnostics.report import Condition, HandlerState, Worker
from aura_logging.diagnostics.workers import parse, read_workers, this_process, totals
from aura_logging.handlers.self_report import FORMAT, pid_namespace
from aura_logging.health import Status
from aura_logging.metrics.stores.memory import MemoryStore

NOW = 1_000.0


def told(**changes: Any) -> str:
    known = {
        "format": FORMAT, "host": socket.gethostname(), "pid": 4711, "namespace": pid_namespace(),
        "program": "gunicorn", "started_at": 900.0, "told_at": NOW - 5, "every_seconds": 10.0,
        "handlers": [], "filters": [],
    }  # fmt: skip
    return orjson.dumps(known | changes).decode()


@pytest.mark.parametrize(
    ("changes", "is_running", "condition"),
    [
        ({}, True, Condition.ALIVE),
        ({}, False, Condition.GONE),
        ({"told_at": NOW - 60}, True, Condition.SILENT),
        ({"told_at": NOW - 60}, False, Condition.GONE),
        ({"pid": os.getpid()}, True, Condition.SELF),
        ({"host": "elsewhere"}, False, Condition.ALIVE),
        ({"host": "elsewhere", "told_at": NOW - 60}, True, Condition.GONE),
        ({"namespace": "pid:[1]"}, False, Condition.ALIVE),
        ({"host": "elsewhere", "every_seconds": 300.0, "told_at": NOW - 600}, True, Condition.ALIVE),
    ],
)
def test_a_process_is_alive_while_it_talks(changes: dict[str, Any], is_running: bool, condition: Condition) -> None:
    worker = parse("one", told(**changes), NOW, lambda pid: is_running)

    assert worker is not None
    assert worker.condition is condition
    assert worker.status is (Status.DEGRADED if condition in ("gone", "silent") else Status.HEALTHY)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", told(format=99), told(handlers=[{"name": "x"}]), "synthetic"]
)
def test_what_another_release_wrote_is_left_out(text: str) -> None:
    store = MemoryStore()
    store.publish("other", text, 60)
    store.publish("one", told(), 60)

    assert [each.worker for each in read_workers(store, NOW, lambda pid: True)] == ["one"]


def test_this_process_tells_of_itself() -> None:
    mine = this_process(NOW)

    assert (mine.pid, mine.condition) == (os.getpid(), Condition.SELF)


def worker(condition: Condition, *handlers: HandlerState) -> Worker:
    return Worker("w", "host", 1, "gunicorn", condition, 0.0, 0.0, Status.HEALTHY, handlers)


def test_ledgers_add_up_and_the_worst_state_is_told_with_how_many_have_it() -> None:
    well = HandlerState("file", "F", "", Status.HEALTHY, "", 10, 9, {"buffer_full": 1}, 0)
    lost = {"buffer_full": 2, "shutdown": 1}
    ill = HandlerState("file", "F", "", Status.UNHEALTHY, "the disk is full", 5, 0, lost, 2, circuit_open=True)
    unused, order = HandlerState("mail", "M"), (HandlerState("mail", "M"), HandlerState("file", "F"))

    mail, file = totals(
        [worker(Condition.ALIVE, well, unused), worker(Condition.SILENT, ill), worker(Condition.GONE, ill, ill)], order
    )

    assert (mail.name, mail.status, mail.workers, mail.accepted, mail.circuit_open) == ("mail", None, 1, None, False)
    assert (file.status, file.detail, file.workers, file.affected) == (Status.UNHEALTHY, "the disk is full", 2, 1)
    assert (file.accepted, file.delivered, file.queued) == (15, 9, 2)
    assert file.dropped == {"buffer_full": 3, "shutdown": 1}
    assert (file.circuit_open, file.circuits_open) == (True, 1)

"""What `/aura/metrics` shows is what was served, whichever workers came and went, and whether the store was there."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

Serve = Callable[..., Any]

WAIT_SECONDS = 30.0


class Load:
    """Three clients that ask for `/plain` until they are stopped, and count what they were answered."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answered = 0
        self.failed = 0
        self._clients = [threading.Thread(target=self._ask) for _ in range(3)]
        for client in self._clients:
            client.start()

    def wait_for(self, more: int) -> None:
        goal, deadline = self.answered + more, time.monotonic() + WAIT_SECONDS
        while self.answered < goal:
            assert time.monotonic() < deadline, self._server.output
            time.sleep(0.005)

    def stop(self) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            status, _ = get(self._server, "/plain")
            with self._lock:
                self.answered += status == 200
                self.failed += status != 200


def get(server: Any, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def shown(server: Any) -> float:
    """Return the requests for `/plain` that a worker shows; -1 while none answers."""
    status, text = get(server, "/aura/metrics")
    if status != 200:
        return -1
    requests = {family.name: family for family in text_string_to_metric_families(text)}.get("aura_requests")
    samples = [] if requests is None else requests.samples
    return sum(each.value for each in samples if each.name == "aura_requests_total" and each.labels["route"] == "plain")


def wait_until_shown(server: Any, count: int) -> float:
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := shown(server)) < count:
        assert time.monotonic() < deadline, f"{found} of {count} are shown"
        time.sleep(0.05)
    return found


def kill_a_worker(server: Any) -> None:
    found = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=True)
    for line in found.stdout.split():
        with contextlib.suppress(ProcessLookupError):  # it was leaving by itself
            os.kill(int(line), signal.SIGKILL)
            return


@pytest.fixture
def four_workers(serve: Serve) -> Iterator[Callable[..., Any]]:
    """Start the site with four workers that are recycled, and load it; both are stopped at the end."""
    started: list[tuple[Any, Load]] = []

    def start(**environment: str) -> tuple[Any, Load]:
        options = ("--workers=4", "--max-requests=60", "--max-requests-jitter=20")
        server = serve("gunicorn", *options, SITE_METRICS_INTERVAL="0.2", **environment)
        started.append((server, Load(server)))
        return started[-1]

    yield start
    for server, load in started:
        load.stop()
        server.stop()


def test_workers_that_are_killed_and_recycled_under_load_leave_totals_as_the_clients_counted(
    four_workers: Callable[..., Any],
) -> None:
    server, load = four_workers()
    for _ in range(2):
        load.wait_for(100)
        kill_a_worker(server)
    load.wait_for(100)
    load.stop()

    total = wait_until_shown(server, load.answered)

    # What was being answered when its worker was killed was counted or was not.
    assert load.answered <= total <= load.answered + load.failed


def test_redis_stopped_and_started_under_load_costs_neither_a_request_nor_a_count(
    four_workers: Callable[..., Any], redis_server: Any
) -> None:
    server, load = four_workers(SITE_AURA=json.dumps({"METRICS": {"store": f"{redis_server.url[:-1]}7"}}))
    load.wait_for(100)
    redis_server.stop()
    try:
        load.wait_for(120)
        while_down, why = get(server, "/aura/metrics")
    finally:
        redis_server.start()
    load.wait_for(100)
    load.stop()

    assert wait_until_shown(server, load.answered) == load.answered
    assert load.failed == 0
    assert while_down == 503
    assert why.startswith("The store of metrics does not answer: ")

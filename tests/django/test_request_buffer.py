"""Debug lines of exactly the requests that failed, behind real servers; a killed worker's too."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

SERVERS = {"gunicorn": ("gunicorn", "--workers=2", "--threads=4"), "uvicorn": ("uvicorn",)}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, serve: Callable[..., Any]) -> Iterator[Any]:
    started = serve(*SERVERS[request.param], SITE_REQUEST_BUFFER="1")
    yield started
    assert started.stop() in (0, -signal.SIGTERM), started.output


@pytest.fixture(params=["/debugged", "/async/debugged"])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(server: Any, path: str, end: str) -> str:
    response = httpx.get(f"{server.url}{path}?end={end}", timeout=20)
    return response.headers["X-Request-ID"]


@pytest.mark.parametrize("end", ["boom", "503"])
def test_a_request_that_failed_has_its_debug_lines_in_front_of_its_end(server: Any, path: str, end: str) -> None:
    failed = ask(server, path, end)
    server.lines.wait("aura.request", correlation_id=failed)
    of_it = [(line["logger"], line["level"]) for line in server.lines.about(failed)]
    assert of_it[0] == ("site.views", "DEBUG")
    last_debug = max(place for place, (_, level) in enumerate(of_it) if level == "DEBUG")
    assert last_debug < of_it.index(("aura.request", "ERROR"))
    assert {line["message"] for line in server.lines.about(failed) if line.get("released")} >= {
        "looking",
        "looking elsewhere",
    }


def test_healthy_requests_have_none(server: Any, path: str) -> None:
    healthy = [ask(server, path, end) for end in ("200", "404", "200")]
    for correlation_id in healthy:
        server.lines.wait("aura.request", correlation_id=correlation_id)
        assert [line for line in server.lines.about(correlation_id) if line["level"] == "DEBUG"] == []


def test_a_killed_worker_leaves_what_its_request_had_been_doing(serve: Callable[..., Any]) -> None:
    server = serve("gunicorn", "--workers=1", SITE_REQUEST_BUFFER="1")
    try:
        healthy = ask(server, "/debugged", "200")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{server.url}/debugged?end=kill", headers={"X-Request-ID": "killed"}, timeout=20)
        ask(server, "/debugged", "200")  # a new worker's first record has it look for what the old one left
        found = server.lines.wait("site.views", 2, correlation_id="killed")
    finally:
        server.stop()
    assert [(line["message"], line["level"], line["recovered"]) for line in found] == [
        ("looking", "DEBUG", True),
        ("looking elsewhere", "DEBUG", True),
    ]
    assert [line for line in server.lines.about(healthy) if line["level"] == "DEBUG"] == []

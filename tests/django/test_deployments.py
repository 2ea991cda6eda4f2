"""What differs between deployments: proxies, Unix sockets, preloading, switches, commands, and how a server stops."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

Serve = Callable[..., Any]


@contextmanager
def _stopping(server: Any) -> Iterator[Any]:
    try:
        yield server
    finally:
        server.stop()


BEHIND_PROXIES = json.dumps({"CONTEXT": {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8", "unix"]}})

FORWARDED = [
    ("203.0.113.7", "203.0.113.7"),
    # The left part is the stranger's own invention.
    ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
    ("6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
    ("203.0.113.7:5123", "203.0.113.7"),
    ('"[2001:db8::1]:443"', "2001:db8::1"),
    ("unknown, 10.9.9.9", "10.9.9.9"),
    ("evil'; drop table", "127.0.0.1"),
    ("6.6.6.6, " * 400 + "203.0.113.7", "203.0.113.7"),
    # Too many hops: what remains of "203.0.113.7" behind the cut would read as another address.
    ("203.0.113.7, " + ", ".join(["10.0.0.1"] * 102), "10.0.0.1"),
]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _ask_through(path: Path, forwarded_for: str) -> str:
    """Ask through a Unix socket; return the answer's request id."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/plain", headers={"X-Forwarded-For": forwarded_for})
        return connection.getresponse().headers["X-Request-ID"]
    finally:
        connection.close()


def test_behind_proxies_the_client_is_the_last_hop_that_is_not_ours(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = serve("gunicorn", f"--bind=unix:{path}", ready=path.exists, SITE_AURA=BEHIND_PROXIES)
    with _stopping(server), httpx.Client(base_url=server.url) as client:
        for header, expected in FORWARDED:
            response = client.get("/plain", headers={"X-Forwarded-For": header})

            (line,) = server.lines.wait("aura.request", correlation_id=response.headers["X-Request-ID"])
            assert line["client_ip"] == expected, header
        (line,) = server.lines.wait("aura.request", correlation_id=_ask_through(path, "203.0.113.9"))
    assert line["client_ip"] == "203.0.113.9"


def test_behind_proxies_on_a_unix_socket_of_uvicorn_too(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with _stopping(serve("uvicorn", f"--uds={path}", ready=path.exists, SITE_AURA=BEHIND_PROXIES)) as server:
        for header, expected in FORWARDED:
            (line,) = server.lines.wait("aura.request", correlation_id=_ask_through(path, header))
            # A socket has no address to fall back on.
            assert line.get("client_ip") == (expected if expected != "127.0.0.1" else None), header


def test_a_preloading_master_forks_without_threads_and_a_stop_under_load_loses_no_line(serve: Serve) -> None:
    server = serve("gunicorn", "--workers=2", "--threads=4", SITE_FLUSH_INTERVAL="60")

    def ask(number: int) -> str | None:
        if number == 200:
            server.process.terminate()
        try:
            return client.get("/plain").headers["X-Request-ID"]
        except httpx.TransportError:
            return None  # not answered any more

    with _stopping(server), httpx.Client(base_url=server.url) as client, ThreadPoolExecutor(8) as executor:
        answered = {one for one in executor.map(ask, range(300)) if one is not None}
        assert server.stop() == 0

    assert len(answered) >= 190
    written = [one["correlation_id"] for one in server.lines.of("aura.request")]
    assert answered <= set(written)
    assert len(set(written)) == len(written)
    assert len(json.loads((server.state / "threads.json").read_text())) == 1


def test_what_a_stopped_uvicorn_still_held_is_written_by_the_next(serve: Serve) -> None:
    # uvicorn ends by raising the signal again, and Python leaves without running what was to run at exit.
    server = serve("uvicorn", SITE_FLUSH_INTERVAL="60")
    with _stopping(server), httpx.Client(base_url=server.url) as client:
        answers = [client.get("/async/plain").headers["X-Request-ID"] for _ in range(100)]

    with _stopping(serve("uvicorn", state=server.state)) as later:
        later.lines.wait("aura.request", 100)

    assert [one["correlation_id"] for one in later.lines.of("aura.request")] == answers


def test_the_request_that_cost_a_worker_its_life_has_its_line(serve: Serve) -> None:
    with _stopping(serve("gunicorn", "--timeout=1")) as server:
        httpx.get(server.url + "/slow?seconds=30", timeout=20)

        (line,) = server.lines.wait("aura.request", path="/slow")
    assert (line["status_code"], line["exception_type"], line["level"]) == (500, "SystemExit", "ERROR")


def test_switched_off_by_the_environment_the_ids_stay(serve: Serve) -> None:
    with _stopping(serve("gunicorn", PERFORMANCE_MONITORING_ENABLED="false")) as server:
        response = httpx.get(server.url + "/plain", headers={"X-Request-ID": "mine"})

        server.lines.wait("site.views", correlation_id="mine")
        server.lines.wait("site.outside", message="after the request")
    assert response.headers["X-Request-ID"] == "mine"
    assert server.lines.of("aura.request") == []


def test_a_command_has_ids_in_the_two_ways_there_are(manage: Callable[..., Any], tmp_path: Path) -> None:
    done = manage("send_invoices", SITE_PRESET="production", SITE_STATE_DIR=str(tmp_path))

    with_trace, with_id, outside = json.loads(done.stdout)
    lines = {one["message"]: one for one in map(json.loads, (tmp_path / "app.jsonl").read_text().splitlines())}
    first = lines["sending invoices"]
    assert with_trace["X-Request-ID"] == first["correlation_id"] == first["trace_id"]
    assert with_trace["traceparent"] == f"00-{first['trace_id']}-{first['span_id']}-00"
    assert first["command"] == "send_invoices"
    assert lines["sending reminders"]["correlation_id"] == "job-7"
    assert with_id == {"X-Request-ID": "job-7"}
    assert (lines["done"]["correlation_id"], outside) == (None, {})

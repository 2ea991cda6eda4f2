"""What a client asks of others is counted, timed and told by host, its failures and redirects too."""

from __future__ import annotations

import asyncio
import copy
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import requests

from aura_logging.integrations.httpx import AsyncCountedTransport, CountedTransport
from aura_logging.integrations.requests import observe as observe_session
from aura_logging.integrations.urllib import CountedHTTPHandler, CountedHTTPSHandler
from aura_logging.integrations.urllib import observe as observe_urllib
from aura_logging.performance import outgoing


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def log() -> Iterator[outgoing.OutgoingLog]:
    log = outgoing.OutgoingLog()
    token = outgoing.current.set(log)
    yield log
    outgoing.current.reset(token)


def by_requests(url: str) -> None:
    with observe_session(observe_session(requests.Session())) as session:
        session.get(url, timeout=5)


def by_httpx(url: str) -> None:
    with httpx.Client(transport=CountedTransport(), follow_redirects=True) as client:
        client.get(url)


def by_async_httpx(url: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(transport=AsyncCountedTransport(), follow_redirects=True) as client:
            await client.get(url)

    asyncio.run(get())


def by_urllib(url: str) -> None:
    opener = urllib.request.build_opener(CountedHTTPHandler(), CountedHTTPSHandler())
    try:
        opener.open(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()


every_client = pytest.mark.parametrize("get", [by_requests, by_httpx, by_async_httpx, by_urllib])


@every_client
@pytest.mark.parametrize(("path", "calls", "errors"), [("/200", 1, 0), ("/404", 1, 0), ("/503", 1, 1), ("/302", 2, 0)])
def test_each_attempt_counts_and_a_server_error_is_an_error(
    get: Callable[[str], None], path: str, calls: int, errors: int, server: str, log: outgoing.OutgoingLog
) -> None:
    get(f"{server}{path}")

    fields = log.fields()
    assert (fields["http_calls"], fields.get("http_errors", 0)) == (calls, errors)
    assert fields["http_time"] > 0
    assert [host["host"] for host in fields["http_hosts"]] == ["127.0.0.1"]


@every_client
def test_a_call_that_fails_is_counted_and_raises_as_ever(
    get: Callable[[str], None], free_port: Callable[[], int], log: outgoing.OutgoingLog
) -> None:
    with pytest.raises((requests.ConnectionError, httpx.ConnectError, urllib.error.URLError)):
        get(f"http://127.0.0.1:{free_port()}/200")

    assert (log.fields()["http_calls"], log.fields()["http_errors"]) == (1, 1)


@every_client
def test_outside_any_work_a_call_is_only_made(get: Callable[[str], None], server: str) -> None:
    assert outgoing.current.get() is None

    get(f"{server}/200")


def test_an_observed_adapter_is_still_what_was_mounted() -> None:
    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=7))

    adapter = observe_session(session).get_adapter("https://example.com")

    assert adapter.max_retries.total == 7
    assert copy.copy(adapter).max_retries.total == 7


def test_urlopen_itself_can_be_observed(
    server: str, log: outgoing.OutgoingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "_opener", None)
    observe_urllib()

    urllib.request.urlopen(f"{server}/200", timeout=5).close()

    assert log.fields()["http_calls"] == 1

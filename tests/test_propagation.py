"""Ids join the lines of all services of a request, and no id that a stranger made up comes through raw."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from aura_logging import bind, bound, context, outgoing_headers, run_in_context
from aura_logging.encoding import encode
from aura_logging.filters import RequestContextFilter
from aura_logging.propagation import Trace, accept, emit, is_valid_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    context.release()
    yield
    context.release()


def mint(count: int) -> str:
    return "ab" * count


def accepted(**headers: str) -> Trace:
    by_name = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return accept(lambda name: by_name.get(name.lower()), mint=mint)


MINTED = Trace("ab" * 16, "ab" * 16, "ab" * 8)


def test_a_traceparent_is_taken_over_with_a_span_of_our_own() -> None:
    trace = accepted(traceparent=GOOD, tracestate="vendor=1", x_request_id="ignored")

    assert trace == Trace(TRACE, TRACE, "ab" * 8, SPAN, "01", "vendor=1")
    assert trace.fields() == {
        "correlation_id": TRACE, "trace_id": TRACE, "span_id": "ab" * 8, "parent_span_id": SPAN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (GOOD, "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f" {GOOD}\t", "01"),
        (f"00-{TRACE}-{SPAN}-ff", "01"),  # of the flags only "sampled" is known
        (f"00-{TRACE}-{SPAN}-02", "00"),
        (f"01-{TRACE}-{SPAN}-01", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", "01"),
        (f"fe-{TRACE}-{SPAN}-01-", "01"),
        (f"00-{'0' * 31}1-{'0' * 15}1-01", "01"),
    ],
)
def test_a_valid_traceparent_of_any_version(traceparent: str, flags: str) -> None:
    trace = accepted(traceparent=traceparent)

    assert trace.correlation_id == trace.trace_id == traceparent.split("-")[1]
    assert trace.flags == flags
    assert emit(trace)["traceparent"] == f"00-{trace.trace_id}-{'ab' * 8}-{flags}"


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "-",
        GOOD.upper(),
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0F",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01.",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-more\nSet-Cookie: a=b",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}é-{SPAN}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
        f"00 -{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"{GOOD},{GOOD}",
        f"{GOOD}\n{GOOD}",
        "0" * 100_000,
    ],
)
def test_a_malformed_traceparent_is_as_good_as_none(traceparent: str) -> None:
    assert accepted(traceparent=traceparent, tracestate="vendor=1") == MINTED


@pytest.mark.parametrize("good", ["a", "A-1_b.C", "x" * 128, "7", TRACE])
def test_a_well_formed_request_id_is_taken_over(good: str) -> None:
    assert is_valid_id(good)
    assert accepted(x_request_id=good) == Trace(good, "ab" * 16, "ab" * 8)
    assert accepted(x_correlation_id=good) == Trace(good, "ab" * 16, "ab" * 8)


BAD_IDS = ["", " ", "x" * 129, "a b", "a\n", "\na", "a\r\nSet-Cookie: x=y", "a;b", "<script>", "${jndi:ldap://x}", "é",
           "٣", "a\x00", "a\u2028b", "\ud800", "../../etc", "a,b"]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_malformed_request_id_is_replaced_and_stands_nowhere(bad: str) -> None:
    trace = accepted(x_request_id=bad, x_correlation_id="second")

    assert not is_valid_id(bad)
    assert trace.correlation_id == "second"
    assert accepted(x_request_id=bad, x_correlation_id=bad) == MINTED


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_a_caller_sends_only_well_formed_ids_come_of_it(parent: str, state: str, one: str, two: str) -> None:
    trace = accepted(traceparent=parent, tracestate=state, x_request_id=one, x_correlation_id=two)
    headers = emit(trace)

    assert is_valid_id(trace.correlation_id)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", headers["traceparent"])
    assert all("\n" not in value and "\r" not in value and value.isascii() for value in headers.values())


@pytest.mark.parametrize("state", ["a=1\r\nSet-Cookie: x=y", "é=1", "x" * 513, "\x00", "\x7f"])
def test_a_hostile_tracestate_is_left_out(state: str) -> None:
    assert "tracestate" not in emit(accepted(traceparent=GOOD, tracestate=state))


def test_a_tracestate_goes_on_as_it_came() -> None:
    state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"

    assert emit(accepted(traceparent=GOOD, tracestate=state))["tracestate"] == state


def test_the_first_valid_header_wins_in_the_order_that_was_asked_for() -> None:
    headers = {"X-Amzn-Id": "amzn", "X-Request-ID": "mine"}

    trace = accept(headers.get, request_id_headers=("X-Amzn-Id", "X-Request-ID"), mint=mint)

    assert trace.correlation_id == "amzn"


def test_minted_ids_are_random() -> None:
    traces = [accept({}.get) for _ in range(50)]

    assert len({trace.trace_id for trace in traces}) == len({trace.span_id for trace in traces}) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", trace.trace_id) for trace in traces)


# Outgoing ------------------------------------------------------------------------------------------------------------


def begin(trace: Trace) -> None:
    context.start(trace.fields(), trace=trace)


def test_outside_a_request_nothing_is_added_but_a_bound_id() -> None:
    assert outgoing_headers() == {}
    assert outgoing_headers({"Accept": "*/*"}) == {"Accept": "*/*"}
    with bound(correlation_id="job-7"):
        assert outgoing_headers() == {"X-Request-ID": "job-7"}


def test_inside_a_request_its_trace_is_added() -> None:
    begin(accepted(x_request_id="abc"))

    assert outgoing_headers() == {
        "traceparent": f"00-{'ab' * 16}-{'ab' * 8}-00", "tracestate": "aura=abc", "X-Request-ID": "abc",
    }  # fmt: skip
    with bound(correlation_id="another"):
        assert outgoing_headers()["X-Request-ID"] == "another"
        assert outgoing_headers()["tracestate"] == "aura=another"


@pytest.mark.parametrize(
    ("came", "correlation_id", "goes"),
    [
        ("aura=edge-7", "edge-7", "aura=edge-7"),
        ("rojo=1,aura=edge-7,congo=2", "edge-7", "aura=edge-7,rojo=1,congo=2"),
        ("rojo=1, aura=edge-7", "edge-7", "aura=edge-7,rojo=1"),
        ("aura=a b,rojo=1", TRACE, "rojo=1"),
        ("aura=,rojo=1", TRACE, "rojo=1"),
        (f"aura={'x' * 129}", TRACE, None),
        ("laura=edge-7", TRACE, "laura=edge-7"),
    ],
)
def test_an_id_that_is_not_the_trace_id_reaches_services_behind_a_traceparent(
    came: str, correlation_id: str, goes: str | None
) -> None:
    trace = accepted(traceparent=GOOD, tracestate=came)

    assert trace.correlation_id == correlation_id
    assert emit(trace).get("tracestate") == goes


@pytest.mark.parametrize("bad", [*BAD_IDS, 7.5e300, object(), None])
def test_a_hostile_bound_id_is_never_sent(bad: object) -> None:
    with bound(correlation_id=bad):
        assert set(outgoing_headers()) <= {"X-Request-ID"}
        assert all(is_valid_id(value) for value in outgoing_headers().values())
    begin(accepted(x_request_id="abc"))
    bind(correlation_id=bad if isinstance(bad, str) else "a b")
    assert outgoing_headers()["X-Request-ID"] == "abc"


@pytest.mark.parametrize("given_name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_a_header_that_is_given_wins_however_it_is_spelt(given_name: str) -> None:
    begin(accepted(x_request_id="abc"))

    headers = outgoing_headers({given_name: "given"})

    assert headers[given_name] == "given"
    assert len([name for name in headers if name.lower() == "x-request-id"]) == 1


def test_the_mapping_that_was_given_is_left_alone() -> None:
    begin(accepted(x_request_id="abc"))
    headers = {"Accept": "*/*"}

    assert outgoing_headers(headers) is not headers
    assert headers == {"Accept": "*/*"}
    assert outgoing_headers(httpx.Headers({"Accept": "*/*"}))["accept"] == "*/*"


def test_the_trace_ends_with_the_unit_of_work() -> None:
    begin(accepted(x_request_id="abc"))

    context.release()

    assert outgoing_headers() == {}


def test_the_trace_goes_along_into_tasks_and_wrapped_threads() -> None:
    begin(accepted(x_request_id="abc"))
    expected = outgoing_headers()

    async def main() -> list[dict[str, str]]:
        loop = asyncio.get_running_loop()
        return [
            *await asyncio.gather(asyncio.to_thread(outgoing_headers)),
            await loop.run_in_executor(None, run_in_context(outgoing_headers)),
        ]

    assert asyncio.run(main()) == [expected, expected]


# A second service -----------------------------------------------------------------------------------------------------

SERVICE = """
import http.server, logging, sys
from aura_logging import context, propagation
from aura_logging.filters import RequestContextFilter
from aura_logging.formatters import JsonFormatter

handler = logging.StreamHandler(sys.stderr)
handler.setFormatter(JsonFormatter())
handler.addFilter(RequestContextFilter(service_name="stock", host_metrics=False))
logging.basicConfig(level="INFO", handlers=[handler])


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        trace = propagation.accept(self.headers.get)
        context.start(trace.fields(), trace=trace)
        logging.getLogger("stock").info("asked for %s", self.path)
        self.send_response(200)
        self.send_header("X-Request-ID", trace.correlation_id)
        self.end_headers()
        context.release()

    def log_message(self, *args): pass


server = http.server.HTTPServer(("127.0.0.1", 0), Service)
print(server.server_port, flush=True)
for _ in range(int(sys.argv[1])):
    server.handle_request()
"""


def by_requests(url: str, headers: Mapping[str, str]) -> str | None:
    return requests.get(url, headers=dict(headers), timeout=10).headers.get("X-Request-ID")


def by_httpx(url: str, headers: Mapping[str, str]) -> str | None:
    return httpx.get(url, headers=headers, timeout=10, trust_env=False).headers.get("X-Request-ID")


def by_urllib(url: str, headers: Mapping[str, str]) -> str | None:
    request = urllib.request.Request(url, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.headers["X-Request-ID"])


CLIENTS: dict[str, Callable[[str, Mapping[str, str]], str | None]] = {
    "requests": by_requests,
    "httpx": by_httpx,
    "urllib": by_urllib,
}


def test_another_service_logs_the_same_id_whatever_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    incoming = [accept({}.get), accepted(traceparent=GOOD), accepted(x_request_id="from-the-edge")]
    ours: list[dict[str, Any]] = []
    add_context = RequestContextFilter(service_name="shop", host_metrics=False)
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(len(CLIENTS) * len(incoming))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as service:  # fmt: skip
        assert service.stdout is not None
        url = f"http://127.0.0.1:{int(service.stdout.readline())}/stock"
        try:
            for trace in incoming:
                for name, call in CLIENTS.items():
                    begin(trace)
                    record = logging.LogRecord("shop", 20, "", 0, "asking by %s", (name,), None)
                    add_context.filter(record)
                    ours.append(json.loads(encode(record)))

                    answered = call(url, outgoing_headers({"Accept": "text/plain"}))

                    assert answered == trace.correlation_id
            _, said = service.communicate(timeout=20)
        finally:
            service.kill()
    theirs = [json.loads(line) for line in said.splitlines()]

    assert [line["service_name"] for line in theirs] == ["stock"] * 9
    assert [line["trace_id"] for line in theirs] == [line["trace_id"] for line in ours]
    assert [line["parent_span_id"] for line in theirs] == [line["span_id"] for line in ours]
    assert [line["correlation_id"] for line in theirs] == [line["correlation_id"] for line in ours]

"""The real SDK sends to a local endpoint, and no canary arrives there in clear."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from aura_logging import integrations
from aura_logging.integrations.sentry import SentryHooks, init_from_env
from aura_logging.options import OptionError
from aura_logging.privacy import Scrubber
from aura_logging.privacy.stand_ins import stand_in

SCENARIO = Path(__file__).with_name("sentry_scenario.py")
SOURCE = Path(integrations.__file__).parents[2]
CANARIES = (
    "4111 1111",
    "4111111111111111",
    "4111+1111",
    "canary@",
    "canary%40",
    "canary-hunter2",
    "jane-canary-id",
    "192.0.2.77",
)


class Envelopes(http.server.BaseHTTPRequestHandler):
    """Keep every envelope that arrives."""

    received: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def envelopes() -> list[bytes]:
    handler = type("Handler", (Envelopes,), {"received": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        environ = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "SENTRY_DSN": f"http://public@127.0.0.1:{server.server_port}/1",
            "SENTRY_ENVIRONMENT": "testing",
            "SENTRY_TRACES_SAMPLE_RATE": "1.0",
        }
        done = subprocess.run([sys.executable, SCENARIO], env=environ, capture_output=True, text=True, timeout=60)
        server.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    for canary in CANARIES:
        assert canary not in done.stderr
    return handler.received


@pytest.fixture(scope="module")
def items(envelopes: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for envelope in envelopes:
        lines = envelope.split(b"\n")
        for header, payload in zip(lines[1::2], lines[2::2], strict=False):
            if header and payload:
                found.append({"item": json.loads(header)["type"], **json.loads(payload)})
    return found


def of_type(items: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in items if item["item"] == kind]


@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_arrives_in_clear(envelopes: list[bytes], canary: str) -> None:
    assert envelopes
    assert all(canary.encode() not in envelope for envelope in envelopes)


def test_every_kind_of_item_was_sent(items: list[dict[str, Any]]) -> None:
    assert {item["item"] for item in items} >= {"event", "transaction", "log", "trace_metric"}


def test_an_error_arrives_with_frames_locals_breadcrumbs_and_request_scrubbed(items: list[dict[str, Any]]) -> None:
    event = next(event for event in of_type(items, "event") if "pay" in event.get("transaction", ""))

    error = event["exception"]["values"][-1]
    assert error["type"] == "RuntimeError"
    assert error["value"] == "no money on [REDACTED:credit_card]"
    variables = error["stacktrace"]["frames"][-1]["vars"]
    assert variables["local_card"] == "'[REDACTED:credit_card]'"
    assert event["breadcrumbs"]["values"]
    assert event["request"]["data"]["card"] == "[REDACTED:credit_card]"
    assert event["environment"] == "testing"


def test_the_correlation_id_is_a_tag_and_the_user_a_pseudonym(items: list[dict[str, Any]]) -> None:
    events = of_type(items, "event")

    assert {event["tags"]["correlation_id"] for event in events} == {"request-7"}
    users = [event["user"] for event in events if "user" in event]
    assert {user["id"] for user in users} == {users[0]["id"]}
    assert users[0]["id"].startswith("user:")
    assert users[0]["plan"] == "gold"


def test_an_exception_that_is_logged_and_captured_is_reported_once(items: list[dict[str, Any]]) -> None:
    errors = [e["exception"]["values"][-1]["type"] for e in of_type(items, "event") if "exception" in e]

    assert sorted(errors) == ["RuntimeError", "ValueError"]


def test_the_user_of_a_log_is_the_pseudonym_of_the_events(items: list[dict[str, Any]]) -> None:
    pseudonym = next(event["user"]["id"] for event in of_type(items, "event") if "user" in event)
    logs = [log for item in of_type(items, "log") for log in item["items"]]

    assert {log["attributes"]["user.id"]["value"] for log in logs if "user.id" in log["attributes"]} == {pseudonym}


def test_without_a_dsn_nothing_happens_and_nothing_is_imported() -> None:
    program = (
        "import sys; from aura_logging.integrations import sentry;"
        "assert sentry.init_from_env(environ={}) is False; assert 'sentry_sdk' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=True)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        (
            {"SENTRY_DSN": "https://k@sentry.example/1", "SENTRY_TRACES_SAMPLE_RATE": "often"},
            "SENTRY_TRACES_SAMPLE_RATE='often'",
        ),
        ({"SENTRY_DSN": "https://k@sentry.example/1", "SENTRY_TRACES_SAMPLE_RATE": "7"}, "must be from 0 to 1"),
        ({"SENTRY_DSN": "nonsense"}, "SENTRY_DSN is not a DSN"),
    ],
)
def test_a_value_that_does_not_parse_is_an_error_that_names_the_variable(environ: dict[str, str], told: str) -> None:
    with pytest.raises(OptionError) as raised:
        init_from_env(environ=environ)

    assert told in str(raised.value)


def test_an_exception_and_its_double_are_one_error() -> None:
    hooks = SentryHooks(Scrubber())
    error = ValueError("4111111111111111")
    double = stand_in(error, lambda text: "x", with_tracebacks=False)

    assert hooks.before_send({}, {"exc_info": (ValueError, double, None)}) is not None
    assert hooks.before_send({}, {"exc_info": (ValueError, error, None)}) is None
    assert hooks.before_send({}, {"exc_info": (ValueError, ValueError("4111111111111111"), None)}) is not None


def test_a_streamed_span_that_cannot_be_scrubbed_leaves_without_name_and_attributes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scrubber = Scrubber()
    monkeypatch.setattr(scrubber, "scrub_value", lambda value, field="": 1 / 0)

    span = SentryHooks(scrubber).before_send_span({"name": "4111111111111111", "attributes": {"a": "b"}, "id": 1}, {})

    assert span == {"name": "[REDACTED:scrubbing_failed]", "attributes": {}, "id": 1}


def test_a_streamed_span_is_scrubbed() -> None:
    hooks = SentryHooks(Scrubber()).by_option(streams_spans=True)

    span = hooks["before_send_span"]({"name": "GET /?m=jane@example.com", "attributes": {"password": "x"}}, {})

    assert span == {"name": "GET /?m=[REDACTED:email]", "attributes": {"password": "[REDACTED:secret]"}}

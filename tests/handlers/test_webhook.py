"""WebhookHandler posts each record, signed, until it is taken, and never keeps anybody waiting."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import logging
import logging.config
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aura_logging.handlers import WebhookHandler
from aura_logging.options import OptionError

SECRET = "whsec_" + base64.b64encode(b"a key of the receiver's").decode()


@dataclass
class Posted:
    headers: dict[str, str]
    body: bytes

    @property
    def delivery(self) -> str:
        return self.headers["webhook-id"]

    @property
    def line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.body)
        return line


@dataclass
class Receiver:
    """A real server; what it answers next is in `answers`: a status, or a function that gets the request's handler."""

    answers: list[int | Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posted.append(Posted({name.lower(): value for name, value in self.headers.items()}, body))
            answer = receiver.answers.pop(0) if receiver.answers else 200
            if callable(answer):
                answer(self)
            else:
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def do_GET(self) -> None:
            receiver.posted.append(Posted({}, b"{}"))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook/of-the-team"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    receiver.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[Callable[..., WebhookHandler]]:
    made: list[WebhookHandler] = []

    def make(url: str = receiver.url, **options: Any) -> WebhookHandler:
        made.append(WebhookHandler(url, **{"emergency": None, "cooldown_seconds": 0.05, **options}))
        return made[-1]

    yield make
    receiver.gate.set()
    for handler in made:
        handler.close()


def alert(message: str = "alert fired: too many errors", **fields: Any) -> logging.LogRecord:
    return logging.getLogger("aura.alerts").makeRecord(
        "aura.alerts", logging.CRITICAL, "", 0, message, (), None, extra={"alert": "error_rate", **fields}
    )


def is_signed(posted: Posted, key: bytes) -> bool:
    """Check as a receiver would, with nothing of ours."""
    signed = f"{posted.delivery}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(posted.headers["webhook-signature"], expected)


def test_a_record_arrives_as_json_signed_and_dated(webhook: Callable[..., WebhookHandler], receiver: Receiver) -> None:
    handler = webhook(secret=SECRET, headers={"Authorization": "Bearer x"}, wall_clock=lambda: 1_764_000_000.9)

    handler.handle(alert(alert_value=0.2))

    assert handler.flush(10)
    (posted,) = receiver.posted
    assert posted.line["message"] == "alert fired: too many errors"
    assert (posted.line["level"], posted.line["alert"], posted.line["alert_value"]) == ("CRITICAL", "error_rate", 0.2)
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["authorization"] == "Bearer x"
    assert posted.headers["webhook-timestamp"] == "1764000000"
    assert is_signed(posted, b"a key of the receiver's")
    assert not is_signed(posted, b"another key")


def test_a_plain_secret_is_the_key_itself_and_without_one_nothing_is_signed(
    webhook: Callable[..., WebhookHandler], receiver: Receiver
) -> None:
    plain, unsigned = webhook(secret="correct horse"), webhook()

    plain.handle(alert())
    assert plain.flush(10)
    unsigned.handle(alert())
    assert unsigned.flush(10)

    assert is_signed(receiver.posted[0], b"correct horse")
    assert "webhook-signature" not in receiver.posted[1].headers


def closed(endpoint: http.server.BaseHTTPRequestHandler) -> None:
    endpoint.close_connection = True


def nonsense(endpoint: http.server.BaseHTTPRequestHandler) -> None:
    endpoint.wfile.write(b"HELO mail\r\n\r\n")
    endpoint.close_connection = True


def test_what_fails_is_tried_again_under_the_same_id_and_in_order(
    webhook: Callable[..., WebhookHandler], receiver: Receiver
) -> None:
    receiver.answers = [500, 429, closed, nonsense]
    handler = webhook(secret="key")

    handler.handle(alert("first"))
    handler.handle(alert("second"))

    assert handler.flush(20)
    assert [posted.line["message"] for posted in receiver.posted] == ["first"] * 5 + ["second"]
    assert len({posted.delivery for posted in receiver.posted}) == 2
    assert all(is_signed(posted, b"key") for posted in receiver.posted)
    health = handler.health()
    assert (health.accepted, health.delivered, dict(health.dropped)) == (2, 2, {})
    assert health.facts["answers"] == {"500": 1, "429": 1, "RemoteDisconnected": 1, "BadStatusLine": 1, "200": 2}


def test_a_receiver_that_hangs_keeps_nobody_waiting(webhook: Callable[..., WebhookHandler], receiver: Receiver) -> None:
    receiver.answers = [lambda _: receiver.gate.wait(30) and None]
    handler = webhook(timeout_seconds=0.2, buffer_size=10)

    for number in range(5):
        handler.handle(alert(f"alert {number}"))  # returns, although nobody opens the gate
    assert handler.flush(20)

    assert [posted.line["message"] for posted in receiver.posted[1:]] == [f"alert {number}" for number in range(5)]
    assert receiver.posted[0].delivery == receiver.posted[1].delivery
    assert handler.health().facts["answers"] == {"TimeoutError": 1, "200": 5}


def test_redirects_are_not_followed_and_say_so(webhook: Callable[..., WebhookHandler], receiver: Receiver) -> None:
    def elsewhere(endpoint: http.server.BaseHTTPRequestHandler) -> None:
        endpoint.send_response(302)
        endpoint.send_header("Location", receiver.url)
        endpoint.send_header("Content-Length", "0")
        endpoint.end_headers()

    receiver.answers = [elsewhere]
    handler = webhook()

    handler.handle(alert())
    handler.flush(10)

    health = handler.health()
    assert len(receiver.posted) == 1
    assert dict(health.dropped) == {"target_error": 1}
    assert "WebhookRefusedError" in str(health.facts["errors"])


@pytest.mark.parametrize("status", [400, 401, 404, 410, 413])
def test_what_is_refused_for_good_is_dropped_and_counted_and_the_next_goes_on(
    webhook: Callable[..., WebhookHandler], receiver: Receiver, status: int
) -> None:
    receiver.answers = [status, 200]
    handler = webhook()

    handler.handle(alert("refused"))
    handler.handle(alert("taken"))
    handler.flush(10)

    health = handler.health()
    assert [posted.line["message"] for posted in receiver.posted if posted.line["logger"] == "aura.alerts"] == [
        "refused",
        "taken",
    ]
    assert (health.delivered, dict(health.dropped)) == (1, {"target_error": 1})
    assert not health.circuit_open


def test_more_than_the_buffer_holds_is_counted_as_lost(
    webhook: Callable[..., WebhookHandler], receiver: Receiver
) -> None:
    receiver.answers = [503] * 1_000
    handler = webhook(buffer_size=3, cooldown_seconds=60, shutdown_seconds=0.2)
    handler.handle(alert("0"))
    while not handler.health().circuit_open:
        time.sleep(0.01)

    for number in range(1, 10):
        handler.handle(alert(str(number)))

    health = handler.health()
    assert health.accepted == 10
    assert sum(health.dropped.values()) + (health.queued or 0) + int(str(health.facts["in_flight"])) == 10
    assert health.dropped["buffer_full"] >= 6
    assert health.status == "unhealthy"
    handler.close()
    assert sum(handler.health().dropped.values()) == 10


def test_what_a_journal_kept_is_posted_by_the_next_process(
    webhook: Callable[..., WebhookHandler], receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [503] * 1_000
    first = webhook(journal=tmp_path, cooldown_seconds=60, shutdown_seconds=0.1)
    first.name = "webhook"
    first.handle(alert("nobody is there"))
    first.close()
    receiver.answers.clear()
    receiver.posted.clear()

    second = webhook(journal=tmp_path)
    second.name = "webhook"
    second.recover()

    (posted,) = receiver.posted
    assert posted.line["message"] == "nobody is there"
    assert posted.line["recovered"] is True


def test_chat_services_get_one_text(webhook: Callable[..., WebhookHandler], receiver: Receiver) -> None:
    handler = webhook(text_key="text")
    handler.handle(alert('alert fired: "quoted" & long'))
    assert handler.flush(10)
    assert receiver.posted[0].line == {"text": 'CRITICAL alert fired: "quoted" & long'}


def test_it_works_from_a_plain_logging_dict(receiver: Receiver) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"ecs": {"()": "aura_logging.formatters.JsonFormatter", "schema": "ecs"}},
            "handlers": {
                "pager": {
                    "class": "aura_logging.handlers.WebhookHandler",
                    "url": receiver.url,
                    "secret": SECRET,
                    "formatter": "ecs",
                    "level": "WARNING",
                }
            },
            "loggers": {"aura.alerts": {"level": "INFO", "handlers": ["pager"]}},
        }
    )
    (handler,) = logging.getLogger("aura.alerts").handlers
    assert isinstance(handler, WebhookHandler)

    logging.getLogger("aura.alerts").critical("alert fired: memory")
    logging.getLogger("aura.alerts").info("alert resolved: memory")
    handler.close()

    (posted,) = receiver.posted
    assert posted.line["log.level"] == "CRITICAL"
    assert is_signed(posted, b"a key of the receiver's")


def test_health_and_errors_do_not_tell_the_path_which_may_be_a_secret(
    webhook: Callable[..., WebhookHandler], receiver: Receiver
) -> None:
    receiver.answers = [500, 404]
    handler = webhook(secret=SECRET)
    handler.handle(alert())
    handler.flush(10)
    told = str(handler.health().as_dict()) + repr(handler)
    assert "of-the-team" not in told
    assert SECRET not in told
    assert "127.0.0.1" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "hooks.example.com"}, "url='hooks.example.com' cannot be posted to"),
        ({"url": "ftp://hooks.example.com"}, "cannot be posted to"),
        ({"url": "https://"}, "cannot be posted to"),
        ({"url": "https://hooks.example.com:port/"}, "is not a URL"),
        ({"url": "https://hooks.example.com/a b"}, "cannot be posted to"),
        ({"url": None}, "url=None"),
        ({"url": "https://ada:lovelace@example.com/"}, "headers="),
        ({"secret": ""}, "secret is empty"),
        ({"secret": "whsec_not base64!"}, "not Base64"),
        ({"headers": {"X-Team": "a\r\nb"}}, "headers has 'X-Team'"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"buffer_size": 0}, "buffer_size"),
    ],
)
def test_a_mistake_is_an_error_that_names_it(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as error:
        WebhookHandler(**{"url": "https://hooks.example.com/aura", **options})

    assert said in str(error.value)
    assert "lovelace" not in str(error.value)

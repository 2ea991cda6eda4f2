"""The ways that docs/alerts.md shows reach those who should hear of an alert: a mailbox, a webhook, a chat, Sentry."""

from __future__ import annotations

import base64
import http.server
import json
import logging
import logging.config
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aura_logging.alerts import Alert
from aura_logging.alerts.evaluator import log_alert

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()
FIRED = Alert("error_rate", "firing", "critical", "more than 5 % of all requests failed", 0.2, 0.05, 0.0)
RESOLVED = Alert("error_rate", "resolved", "critical", "more than 5 % of all requests failed", 0.0, 0.05, 0.0)


def shown(name: str) -> Any:
    """Return what a block of the page defines."""
    names: dict[str, Any] = {}
    (block,) = (each for each in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if name in each)
    exec(compile(block, name, "exec"), names)  # the page is ours
    return names[name.removeprefix("def ").removesuffix(" = ")]


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


class Post(http.server.BaseHTTPRequestHandler):
    posted: list[tuple[str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as smtplib asks for."""

    mails: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.mails.append(mail.decode())
            self.wfile.write(b"250 ok\r\n")
            if line.upper().startswith(b"QUIT"):
                return


def test_the_documented_logging_tells_a_mailbox_a_webhook_and_a_chat() -> None:
    config = shown("LOGGING = ")
    mail = type("", (Mail,), {"mails": []})
    post = type("", (Post,), {"posted": []})
    mailbox = socketserver.TCPServer(("127.0.0.1", 0), mail)
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), post)
    address = f"http://127.0.0.1:{receiver.server_address[1]}"
    config["handlers"]["alert_mail"]["target"]["mailhost"] = list(mailbox.server_address)
    config["handlers"]["alert_webhook"]["url"] = f"{address}/hook"
    config["handlers"]["alert_chat"]["url"] = f"{address}/chat"

    with serving(mailbox), serving(receiver):
        logging.config.dictConfig(config)
        log_alert(FIRED)
        log_alert(RESOLVED)
        for handler in logging.getLogger("aura.alerts").handlers:
            handler.close()

    assert len(mail.mails) == 1, "that it is over is no reason to wake anybody"
    assert "Subject: shop: alert" in mail.mails[0]
    assert "alert fired: more than 5 % of all requests failed" in mail.mails[0]
    hooks = [(headers, body) for path, headers, body in post.posted if path == "/hook"]
    is_genuine = shown("def is_genuine")
    secret = config["handlers"]["alert_webhook"]["secret"]
    assert all(is_genuine(headers, body, secret) for headers, body in hooks)
    assert not is_genuine(*hooks[0], "whsec_" + base64.b64encode(b"somebody else's").decode())
    assert not is_genuine(hooks[0][0], hooks[0][1] + b" ", secret)
    assert [json.loads(body)["alert_phase"] for _, body in hooks] == ["firing", "resolved"]
    assert [json.loads(body) for path, _, body in post.posted if path == "/chat"] == [
        {"text": "CRITICAL alert fired: more than 5 % of all requests failed"},
        {"text": "INFO alert resolved: more than 5 % of all requests failed"},
    ]


SENTRY = """
import os, sentry_sdk
from aura_logging.alerts.evaluator import log_alert, Alert
from aura_logging.integrations.sentry import init_from_env
from sentry_sdk.transport import Transport

class Printing(Transport):
    def capture_envelope(self, envelope):
        event = envelope.get_event()
        print(event["level"], event["logger"], event["logentry"]["message"], event["extra"]["alert"])

os.environ["SENTRY_DSN"] = "https://key@sentry.invalid/1"
init_from_env(transport=Printing)
for phase, severity in (("firing", "critical"), ("resolved", "critical"), ("firing", "warning")):
    log_alert(Alert("error_rate", phase, severity, "too many fail", 0.2, 0.05, 0.0))
"""


def test_sentry_hears_of_critical_alerts_without_a_handler() -> None:
    pytest.importorskip("sentry_sdk")

    done = subprocess.run([sys.executable, "-c", SENTRY], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["fatal aura.alerts alert %s: %s error_rate"]

"""The queries that users type answer in a real Prometheus that scrapes a real endpoint."""

from __future__ import annotations

import http.server
import json
import logging
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics import open_store
from aura_logging.metrics.exposition import expose, negotiate
from aura_logging.metrics.families import gather

QUERIES = {
    "sum(rate(aura_errors_total[15s]))": lambda value: value > 0,
    "histogram_quantile(0.95, sum by (le) (rate(aura_request_duration_seconds_bucket[15s])))": lambda value: (
        0.5 < value <= 1.0
    ),
    "avg(aura_db_queries_per_request)": lambda value: value == 7,
    'sum(rate(aura_requests_total{status="5xx"}[15s])) / sum(rate(aura_requests_total[15s]))': lambda value: (
        value == pytest.approx(0.5)
    ),
}


class Site:
    """Requests that go on and on, and an endpoint that shows their metrics."""

    def __init__(self, url: str) -> None:
        store = open_store(url)
        self._log = logging.getLogger("aura.request")
        self._errors = logging.getLogger("django.request")
        self._handler = MetricsHandler(store=store, flush_interval=60)

        class Endpoint(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content_type = negotiate(self.headers.get("Accept", ""))
                body = expose(gather(store), content_type).encode()
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def serve_requests(self) -> None:
        for status, queries, seconds in ((200, 4, 0.1), (500, 10, 0.9)):
            fields = {"status_code": status, "db_queries": queries, "request_duration": seconds, "trace_id": "a" * 32}
            fields |= {"route": "orders/", "method": "GET"}
            self._handler.handle(self._log.makeRecord("aura.request", 20, "", 0, "", (), None, extra=fields))
        self._handler.handle(self._errors.makeRecord("django.request", 40, "", 0, "", (), None))
        self._handler.flush()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._handler.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(f"sqlite:///{tmp_path}/metrics.db")
    yield site
    site.close()


@pytest.fixture
def prometheus(tmp_path: Path, site: Site, require_service: Callable[[str], Path]) -> Iterator[str]:
    binary = require_service("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        "scrape_configs:\n"
        f"- {{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{site.port}']}}]}}\n"
    )
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address={address}",
            "--enable-feature=exemplar-storage",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://{address}"
    process.terminate()
    process.wait(10)


def ask(prometheus: str, query: str) -> float | None:
    url = f"{prometheus}/api/v1/query?query={urllib.parse.quote(query)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return None
    return float(found[0]["value"][1]) if len(found) == 1 else None


def test_the_queries_of_the_contract_answer(site: Site, prometheus: str) -> None:
    waiting = dict(QUERIES)
    answers: dict[str, float | None] = {}
    deadline = time.monotonic() + 30
    while waiting and time.monotonic() < deadline:
        site.serve_requests()
        time.sleep(0.2)
        for query, is_right in list(waiting.items()):
            answers[query] = value = ask(prometheus, query)
            if value is not None and is_right(value):
                del waiting[query]
    assert not waiting, answers

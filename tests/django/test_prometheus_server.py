"""The queries that users type answer in a real Prometheus that scrapes `/aura/metrics` of a real site."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

# What is asked for below: eleven requests, of which two fail; one of them signs somebody in, with a few queries.
ASKED = ("/plain",) * 8 + ("/sign-in", "/boom", "/boom")
OURS = 'route=~"plain|sign-in|boom"'
QUERIES = {
    "sum(rate(aura_errors_total[15s]))": lambda value: value > 0,
    "histogram_quantile(0.95, sum by (le) (rate(aura_request_duration_seconds_bucket[15s])))": lambda value: (
        0 < value < 10
    ),
    "avg(aura_db_queries_per_request)": lambda value: 0 < value < 10,
    f'sum(rate(aura_requests_total{{status="5xx",{OURS}}}[15s])) / sum(rate(aura_requests_total{{{OURS}}}[15s]))': (
        lambda value: 0.1 < value < 0.3
    ),
}


@pytest.fixture(scope="module")
def site(serve: Callable[..., Any]) -> Iterator[Any]:
    server = serve("gunicorn", "--workers=2", SITE_METRICS_INTERVAL="0.2", SITE_QUERIES="1")
    yield server
    server.stop()


@pytest.fixture
def prometheus(tmp_path: Path, site: Any, require_service: Callable[[str], Path]) -> Iterator[str]:
    binary = require_service("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        "scrape_configs:\n"
        "- job_name: shop\n"
        "  metrics_path: /aura/metrics\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{site.port}']}}]\n"
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


def test_the_queries_of_the_contract_answer(site: Any, prometheus: str) -> None:
    waiting = dict(QUERIES)
    answers: dict[str, float | None] = {}
    deadline = time.monotonic() + 30
    with httpx.Client(base_url=site.url) as client:
        while waiting and time.monotonic() < deadline:
            for path in ASKED:
                client.get(path)
                client.cookies.clear()
            time.sleep(0.2)
            for query, is_right in list(waiting.items()):
                answers[query] = value = ask(prometheus, query)
                if value is not None and is_right(value):
                    del waiting[query]
    assert not waiting, (list(waiting), answers)

"""One route's page: what its requests came to over time, what to mend in it, and its slowest requests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client, override_settings

from aura_logging.diagnostics.log_reader import files_of
from aura_logging.django.dashboard.route_page import read_slowest
from aura_logging.django.dashboard.traffic import headline, latency_chart, traffic_chart
from aura_logging.metrics import catalogue, open_store
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.window import Window

ROUTE = "shop/<int:pk>/<script>"
PATH = f"/aura/routes/?route={quote(ROUTE)}"


def request_line(number: int, duration: float, **fields: Any) -> str:
    at = datetime.fromtimestamp(time.time() - 60 + number, UTC).isoformat().replace("+00:00", "Z")
    known = {
        "timestamp": at, "level": "INFO", "logger": "aura.request", "message": "request finished", "route": ROUTE,
        "correlation_id": f"r-{number}", "method": "GET", "path": f"/shop/{number}/", "status_code": 200,
        "request_duration": duration, "db_queries": 12, "db_time": 0.25,
    }  # fmt: skip
    return json.dumps(known | fields, separators=(",", ":")) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.jsonl"
    lines = [request_line(number, number / 10, hints=["Book.author is loaded once per row"]) for number in range(20)]
    lines.append(request_line(30, 9.0, route="another/"))
    lines.append(request_line(31, 5.5, status_code=500))
    lines.append(request_line(32, 8.0, request_duration="nonsense", path="/nowhere/"))
    path.write_text("".join(lines))
    return path


@pytest.fixture
def seeded(tmp_path: Path, log: Path) -> Iterator[None]:
    url = f"sqlite:///{tmp_path / 'metrics.db'}"
    now = int(time.time()) - 20

    def sample(metric: Any, amount: Amount, **labels: str) -> Sample:
        return Sample(Series(metric.name, metric.kind, tuple(sorted(labels.items())), metric.bounds), now, amount)

    def requests(number: float, status: str, route: str = ROUTE, user_type: str = "staff") -> Sample:
        labels = {"route": route, "method": "GET", "status": status, "user_type": user_type}
        return sample(catalogue.REQUESTS, Amount(sum=number), **labels)

    open_store(url).add(
        [
            requests(30, "2xx"), requests(10, "5xx", user_type="anonymous"), requests(500, "2xx", "another/"),
            sample(catalogue.REQUEST_DURATION, Amount(40, 20, buckets={20: 40}), route=ROUTE, method="GET"),
            sample(catalogue.REQUEST_DURATION, Amount(500, 60, buckets={8: 500}), route="another/", method="GET"),
            sample(catalogue.REQUEST_DB_QUERIES, Amount(40, 480, buckets={12: 40}), route=ROUTE),
            sample(catalogue.ERRORS, Amount(sum=7), logger="django.request", route=ROUTE, type="KeyError"),
        ],
        "seed",
    )  # fmt: skip
    with override_settings(AURA={"METRICS": {"store": url}, "DASHBOARD": {"log_files": [str(log)]}}):
        yield


def get(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def test_the_overview_leads_to_a_routes_page_and_that_to_its_slowest_request(seeded: None, viewer: Client) -> None:
    (link,) = re.findall(r'href="([^"]+)">shop/&lt;int:pk', get(viewer, "/aura/"))

    page = get(viewer, link.replace("&amp;", "&"))

    for words in (
        "40 altogether", "25 %", "10 with a 5xx", "KeyError", "anonymous", "Queries of a request",
        "Requests per minute", "How long requests took", "Book.author is loaded once per row", "20 requests",
    ):  # fmt: skip
        assert words in page, words
    assert "another/" not in page
    links = re.findall(r'href="(/aura/logs/r-[^"]+)"', page.partition("Slowest requests")[2])
    assert [link.split("/")[3] for link in links[:3]] == ["r-31", "r-19", "r-18"]
    assert "GET /shop/31/" in get(viewer, links[0].replace("&amp;", "&"))


def test_all_routes_have_a_row_each(seeded: None, viewer: Client) -> None:
    page = get(viewer, "/aura/routes/?window=7d")

    assert re.findall(r'route=([^"&]+)&amp;window=7d', page) == [quote(ROUTE, safe=""), "another%2F"]


def test_a_route_that_nobody_asked_for_says_what_to_do(seeded: None, viewer: Client) -> None:
    page = get(viewer, "/aura/routes/?route=never/")

    assert "No request of this route was counted" in page
    assert "None of its requests is in the newest part of the log" in page


@pytest.mark.parametrize("window", ["15m", "1h", "24h", "7d", "90d", "nonsense"])
def test_each_window_can_be_chosen_and_keeps_the_route(seeded: None, viewer: Client, window: str) -> None:
    page = get(viewer, f"{PATH}&window={window}")

    assert page.count(f'href="?route={quote(ROUTE, safe="")}&amp;window=') == 5
    assert page.count('aria-current="true"') == 1


def test_a_name_is_text_wherever_it_came_from(seeded: None, viewer: Client) -> None:
    page = get(viewer, PATH)

    assert "<script>" not in page
    assert " style=" not in page
    assert "&lt;script&gt;" in page


def test_only_requests_of_the_time_that_was_asked_for_are_looked_at(log: Path) -> None:
    tenth = json.loads(log.read_text().splitlines()[10])["timestamp"]

    found = read_slowest(files_of(log), ROUTE, datetime.fromisoformat(tenth).timestamp())

    assert {each.correlation_id for each in found.requests} < {f"r-{number}" for number in range(10, 32)}
    assert found.looked_at == 11


def test_two_releases_with_other_buckets_are_not_drawn_as_one() -> None:
    name = catalogue.REQUEST_DURATION.name
    many, few = (Series(name, "histogram", (), bounds) for bounds in ((1.0, 2.0), (1.0,)))
    samples = (Sample(many, 0, Amount(1, 9, buckets={2: 1})), Sample(few, 0, Amount(5, 2, buckets={0: 5})))

    chart = latency_chart(Window(0, 10, 10, samples))

    assert {curve.newest for curve in chart.curves} == {"1 s"}


@pytest.mark.parametrize(("before", "shown"), [(1.0, ("60", "0")), (9.0, ("0.90", "0"))])
def test_the_newest_moments_are_drawn_only_where_more_was_counted_than_before(
    before: float, shown: tuple[str, ...]
) -> None:
    series = Series(catalogue.REQUESTS.name, "counter", (("status", "2xx"),))
    samples = (Sample(series, 0, Amount(sum=before)), Sample(series, 600, Amount(sum=5)))

    chart = traffic_chart(Window(0, 605, 600, samples))

    assert tuple(curve.newest for curve in chart.curves) == shown
    assert len({len(row) for row in chart.rows}) == 1


def test_where_nobody_asked_nothing_is_said_of_how_many_failed() -> None:
    failed = headline(Window(0, 600, 600, ()))[1]

    assert (failed.name, failed.value, failed.kind) == ("Failed", "–", "")

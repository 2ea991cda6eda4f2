"""The dashboard: for staff with the permission only, every panel from a real store and real files, and inert."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client, override_settings

from aura_logging.alerts import Alert
from aura_logging.alerts.history import remember
from aura_logging.django.dashboard import audit
from aura_logging.health import Status
from aura_logging.metrics import catalogue, open_store
from aura_logging.metrics.model import Amount, Sample, Series

PAGES = (
    "/aura/", "/aura/routes/", "/aura/routes/?route=books/", "/aura/logs/", "/aura/alerts/", "/aura/workers/",
    "/aura/logs/slow-one/", "/aura/assets/aura.css",
)  # fmt: skip
HOSTILE = '<script>alert("x")</script>'


def line(message: str, second: int, **fields: Any) -> str:
    at = datetime.now(UTC).replace(microsecond=second).isoformat().replace("+00:00", "Z")
    return json.dumps({"timestamp": at, "level": "INFO", "logger": "shop", "message": message, **fields}) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.jsonl"
    path.write_text(
        line("order placed", 1, correlation_id="other-one", route="orders/", user_id="9")
        + line(HOSTILE, 2, correlation_id="slow-one", level="ERROR", exception="Traceback\nValueError: <b>x</b>")
        + line(
            "request finished", 3, logger="aura.request", level="WARNING", correlation_id="slow-one", route="books/",
            path="/books/", method="GET", status_code=200, request_duration=2.5, view_time=2.4, db_time=1.0,
            db_queries=47, n_plus_one=1, security_event=False, db_busiest=["SELECT 1"],
            hints=['Book.author is loaded once per row at shop/views.py:41: add .select_related("author")'],
        )
        + line(
            "threat seen in request", 4, logger="aura.security", correlation_id="bad-one", threat_type="sqli",
            security_event=True, country_code="FI", client_ip="203.0.113.7", path="/books/",
        )
    )  # fmt: skip
    return path


@pytest.fixture
def seeded(tmp_path: Path, log: Path) -> Iterator[None]:
    url = f"sqlite:///{tmp_path / 'metrics.db'}"
    store = open_store(url)
    now = time.time()

    def counter(metric: Any, value: float, **labels: str) -> Sample:
        return Sample(Series(metric.name, "counter", tuple(sorted(labels.items()))), now - 20, Amount(sum=value))

    store.add(
        [
            counter(catalogue.LOG_RECORDS, 50, level="INFO", logger="shop"),
            counter(catalogue.SECURITY_EVENTS, 3, threat_type="sqli", logger="aura.request"),
            counter(catalogue.SECURITY_EVENTS_BY_COUNTRY, 2, country_code="FI", logger="aura.request"),
            counter(catalogue.SECURITY_EVENTS_BY_COUNTRY, 3, country_code="FI", logger="aura.security"),
            counter(catalogue.HANDLER_DROPPED, 2, handler="async_file", reason="buffer_full"),
        ],
        "seed",
    )
    remember(store, [Alert("error_rate", "firing", "critical", "Too many requests fail", 0.2, 0.05, now)])
    with override_settings(AURA={"METRICS": {"store": url}, "DASHBOARD": {"log_files": [str(log)]}}):
        yield


@pytest.fixture
def client(database: Path) -> Client:
    user, _ = User.objects.get_or_create(username="viewer", defaults={"is_staff": True})
    user.user_permissions.add(Permission.objects.get(codename="view_dashboard", content_type__app_label="aura"))
    client = Client()
    client.force_login(user)
    return client


def get(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return str(response.content.decode())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("who", "status"), [("anonymous", 302), ("customer", 403), ("staff", 403), ("viewer", 200)])
def test_only_staff_with_the_permission_see_anything(
    seeded: None, client: Client, path: str, who: str, status: int
) -> None:
    visitor = Client()
    if who == "viewer":
        visitor = client
    elif who != "anonymous":
        user, _ = User.objects.get_or_create(username=who, defaults={"is_staff": who == "staff"})
        visitor.force_login(user)
    # An asset of another name than the one that pages ask for is not there, for those who may ask.
    expected = 404 if path.endswith(".css") and who == "viewer" else status
    response = visitor.get(path)
    assert response.status_code == expected
    assert "script-src 'self'" in response["Content-Security-Policy"]
    if status != 200:
        assert b"order placed" not in response.content
    if who == "anonymous":
        assert "login" in response["Location"] or "/accounts/" in response["Location"]


@pytest.mark.parametrize("path", PAGES[:-1])
def test_nothing_can_be_sent_to_it(seeded: None, client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_the_overview_has_every_panel(seeded: None, client: Client) -> None:
    page = get(client, "/aura/")
    for words in (
        "Requests per minute", "How long requests took", "Log lines per minute", "Slowest routes", "Queries to mend",
        "Security", "Log volume", "Left out on purpose", "Lost", "Alerts", "Workers",
        "Book.author is loaded once per row", "sqli", "buffer_full", "Too many requests fail", "FI",
    ):  # fmt: skip
        assert words in page, words


def test_each_window_can_be_chosen(seeded: None, client: Client) -> None:
    for key in ("15m", "1h", "24h", "7d", "90d", "nonsense"):
        get(client, f"/aura/?window={key}")


def test_a_slow_request_is_followed_to_its_hint(seeded: None, client: Client) -> None:
    overview = get(client, "/aura/")
    (link,) = re.findall(r'href="(/aura/logs/slow-one/)">that request', overview)
    page = get(client, link)
    assert "add .select_related(&quot;author&quot;)" in page
    assert page.index("&lt;script&gt;") < page.rindex("request finished")
    assert "Where the time went" in page


def test_what_a_log_says_is_inert(seeded: None, client: Client) -> None:
    for path in ("/aura/logs/", "/aura/logs/slow-one/", "/aura/"):
        page = get(client, path)
        assert HOSTILE not in page
        assert "<b>x</b>" not in page
        assert " style=" not in page
        assert not re.search(r"<script(?! src=)", page)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [
        ("text=placed", "order placed", "threat seen"),
        ("level=ERROR", "&lt;script&gt;", "order placed"),
        ("user=9", "order placed", "threat seen"),
        ("route=books/", "request finished", "order placed"),
        ("id=other-one", "order placed", "request finished"),
        ("logger=aura", "threat seen", "order placed"),
        ("since=2000-01-01", "order placed", "No such line"),
        ("until=2000-01-01", "No such line", "order placed"),
        ("since=yesterday", "is no time; give one such as", "nothing like this"),
    ],
)
def test_the_log_is_searched(seeded: None, client: Client, query: str, found: str, not_found: str) -> None:
    page = get(client, f"/aura/logs/?{query}")
    assert found in page
    assert not_found not in page


def test_a_long_log_is_read_page_by_page(seeded: None, client: Client, log: Path) -> None:
    log.write_text("".join(line(f"number {n:03}.", n) for n in range(120)))
    seen, path, pages = [], "/aura/logs/", 0
    while path:
        page = get(client, path)
        seen += re.findall(r"number (\d{3})\.", page)
        further = re.search(r'href="([^"]+)" rel="next"', page)
        path = f"/aura/logs/{further[1].replace('&amp;', '&')}" if further else ""
        pages += 1
    assert seen == [f"{n:03}" for n in reversed(range(120))]
    assert pages == 3


def test_a_request_that_is_not_there_is_said_so(seeded: None, client: Client) -> None:
    response = client.get("/aura/logs/never-was/")
    assert response.status_code == 404
    assert "No line has this id" in response.content.decode()


def test_a_store_that_is_down_is_a_page_that_says_so(client: Client, log: Path) -> None:
    with override_settings(
        AURA={"METRICS": {"store": "sqlite:////proc/nowhere/m.db"}, "DASHBOARD": {"log_files": [str(log)]}}
    ):
        response = client.get("/aura/")
        assert response.status_code == 503
        assert "does not answer" in response.content.decode()
        assert "order placed" in get(client, "/aura/logs/")


def test_files_are_served_under_names_of_their_content(seeded: None, client: Client) -> None:
    page = get(client, "/aura/")
    for path in re.findall(r'(?:href|src)="(/aura/assets/[^"]+)"', page):
        response = client.get(path)
        assert response.status_code == 200
        assert "immutable" in response["Cache-Control"]
    assert client.get("/aura/")["Cache-Control"] == "no-store"


def test_the_audit_panel_is_there_where_somebody_keeps_a_trail(
    seeded: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_providers", [])
    assert "Audit trail" not in get(client, "/aura/")
    audit.show_audit(lambda: audit.AuditState(Status.UNHEALTHY, "entry 7 was edited"))
    assert "entry 7 was edited" in get(client, "/aura/")

    def broken() -> audit.AuditState:
        raise RuntimeError("no trail")

    audit.show_audit(broken)
    assert "not known: RuntimeError: no trail" in get(client, "/aura/")


@override_settings(TIME_ZONE="Asia/Kolkata", USE_TZ=True)
def test_a_time_that_is_said_to_be_utc_is_utc_whatever_the_project_has(seeded: None, client: Client) -> None:
    (said,) = re.findall(r"As of <time[^>]*>([^<]*)</time> UTC", get(client, "/aura/alerts/"))
    assert abs(datetime.fromisoformat(f"{said}+00:00").timestamp() - time.time()) < 600


@override_settings(LANGUAGE_CODE="de", USE_THOUSAND_SEPARATOR=True)
def test_numbers_are_written_alike_in_every_project(seeded: None, client: Client) -> None:
    page = get(client, "/aura/alerts/")
    assert ">20 %<" in page, "the value that was told"
    assert ">5 %<" in page, "the threshold of the error rate"
    assert ">80 %<" in page, "the threshold of memory"
    assert not re.search(r">\d+,\d{1,2}\b", page)


class Outline(HTMLParser):
    """What a screen reader finds its way by."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.labelled: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("input", "select"):
            self.labelled.append("label" in self.open)
        if tag not in ("meta", "link", "input", "path", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]


@pytest.mark.parametrize("path", PAGES[:-1])
def test_a_page_has_what_a_screen_reader_needs(seeded: None, client: Client, path: str) -> None:
    outline = Outline()
    outline.feed(get(client, path))
    names = [tag for tag, _ in outline.tags]
    assert [names.count(each) for each in ("main", "h1", "header")] == [1, 1, 1]
    assert names[: names.index("body")].count("title") == 1
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels)), levels
    assert all(outline.labelled)
    assert all(attrs.get("scope") for tag, attrs in outline.tags if tag == "th")
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in outline.tags:
        for reference in str(attrs.get("aria-labelledby") or "").split():
            assert reference in ids
    assert all(attrs.get("aria-hidden") or attrs.get("role") == "img" for tag, attrs in outline.tags if tag == "svg")
    assert ("html", {"lang": "en"}) in outline.tags


def test_a_visitor_who_is_nobody_is_no_error(seeded: None, client: Client) -> None:
    from django.test import RequestFactory

    from aura_logging.django.dashboard.views import overview

    request = RequestFactory().get("/aura/")
    assert overview(request).status_code == 403
    request.user = AnonymousUser()
    assert overview(request).status_code == 302


def test_a_page_below_another_says_where_it_belongs(seeded: None, client: Client) -> None:
    for path, name in (("/aura/logs/slow-one/", "Log"), ("/aura/routes/?route=books/", "Routes")):
        assert re.search(rf'aria-current="location">{name}</a>', get(client, path)), path

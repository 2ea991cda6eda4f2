"""Whatever stands in a log or in an address, pages show it: none fails, and none lets it be more than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = (
    "timestamp", "level", "logger", "message", "correlation_id", "route", "user_id", "method", "path", "status_code",
    "request_duration", "db_queries", "db_time", "db_busiest", "hints", "exception", "security_event", "threat_type",
    "country_code", "client_ip", "memory_delta", "n_plus_one", "view_time", "items", "severity_text", "log.level",
)  # fmt: skip
HTML = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{ settings }}{% load x %}"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(HTML) | st.just("one"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("sql", "count", "seconds")), inner),
    max_leaves=5,
)  # fmt: skip
usual = {
    "timestamp": st.sampled_from(("2026-11-23T09:00:00.5Z", "2026-11-23T09:00:00", "9999-12-31T23:59:59Z", "soon", "")),
    "logger": st.sampled_from(("aura.request", "aura.security", "shop")),
    "correlation_id": st.sampled_from(("one", "..", "a/b?c#d", HTML)),
}
lines = st.fixed_dictionaries({}, optional={name: usual.get(name, anything) | anything for name in NAMES})
SETTINGS = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Markup(HTMLParser):
    """The elements that a browser would make, and those of their attributes that run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.found |= {name for name, _ in attrs if name.startswith("on") or name == "style"}
        self.found |= {"javascript:" for _, value in attrs if (value or "").strip().lower().startswith("javascript:")}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "app.jsonl"
    store = f"sqlite:///{tmp_path / 'metrics.db'}"
    with override_settings(AURA={"METRICS": {"store": store}, "DASHBOARD": {"log_files": [str(path)]}}):
        yield path


def check(client: Client, path: str) -> None:
    client.raise_request_exception = True
    answer = client.get(path)
    assert answer.status_code in (200, 404), path
    page = answer.content.decode()
    assert page.count("<script") == 1
    assert not {"img", "iframe", "style", "onerror", "onload", "javascript:"} & Markup(page).found


@SETTINGS
@given(st.lists(lines, min_size=1, max_size=4), st.binary(max_size=30))
def test_any_line_is_shown(viewer: Client, log: Path, written: list[dict[str, object]], torn: bytes) -> None:
    text = "".join(f"{json.dumps(line)}\n" for line in written)
    log.write_bytes(text.encode() + torn)

    for path in (
        "/aura/",
        "/aura/routes/?route=books/",
        "/aura/logs/",
        "/aura/logs/one/",
        f"/aura/logs/?{urlencode({'text': HTML})}",
    ):
        check(viewer, path)


@SETTINGS
@given(
    st.dictionaries(
        st.sampled_from(("id", "user", "route", "level", "logger", "since", "until", "text", "before", "window", "at")),
        st.text() | st.just(HTML) | st.sampled_from((
            "0001-01-01", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00", "2026-02-30",
            "ffffffffffffffff-f-f", "1-ffffffffffffffff-ffffffffffffffff", "0-0-0", "\0", "\ud800", "90d", "(",
        )),
    )
)  # fmt: skip
def test_anything_may_be_asked_for(viewer: Client, log: Path, asked: dict[str, str]) -> None:
    log.write_text('{"timestamp":"2026-11-23T09:00:00Z","level":"INFO","message":"here"}\n')
    query = urlencode(asked, errors="surrogatepass")

    check(viewer, f"/aura/logs/?{query}")
    check(viewer, f"/aura/?{query}")
    check(viewer, f"/aura/routes/?{query}")


@pytest.mark.parametrize("id_", ["..", ".", "a/b", "%2e%2e%2f", "\0", "x" * 5000, "ü", "//example.com/", HTML])
def test_any_id_may_be_asked_for(viewer: Client, log: Path, id_: str) -> None:
    from urllib.parse import quote

    log.write_text("")

    check(viewer, f"/aura/logs/{quote(id_, safe='')}/")

"""No URL of ours shows anything to who may not see it: the URLs are those that are served, whichever there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from aura_logging.django.urls import urlpatterns

MONITORING = re.compile(r"health|metrics")
SECRET = "nobody else may read this"


def every_path() -> list[str]:
    return ["/aura/" + re.sub(r"<[^>]+>", "slow-one", str(each.pattern)) for each in urlpatterns]


PAGES = [path for path in every_path() if not MONITORING.search(path)]


@pytest.fixture(autouse=True)
def log(tmp_path: Path) -> Iterator[None]:
    path = tmp_path / "app.jsonl"
    path.write_text(f'{{"timestamp":"2026-11-23T09:00:00Z","correlation_id":"slow-one","message":"{SECRET}"}}\n')
    store = f"sqlite:///{tmp_path / 'metrics.db'}"
    with override_settings(AURA={"METRICS": {"store": store}, "DASHBOARD": {"log_files": [str(path)]}}):
        yield


def visitor(name: str) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    if name:
        client.force_login(User.objects.get_or_create(username=name, defaults={"is_staff": name == "clerk"})[0])
    return client


def test_there_are_pages_to_try() -> None:
    assert {"/aura/", "/aura/logs/", "/aura/logs/slow-one/", "/aura/assets/slow-one"} <= set(PAGES)


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "options", "trace"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_shown_to_staff_with_the_permission_only(viewer: Client, path: str, method: str) -> None:
    answers = {who: getattr(visitor(who), method)(path) for who in ("", "customer", "clerk")}

    assert {who: answer.status_code for who, answer in answers.items()} == {"": 302, "customer": 403, "clerk": 403}
    for answer in answers.values():
        assert SECRET not in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    seen = getattr(viewer, method)(path)
    assert seen.status_code in ((200, 404) if method in ("get", "head") else (405,))
    assert seen["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", [path for path in every_path() if MONITORING.search(path)])
def test_what_machines_read_is_shown_to_no_other_address(database: Path, path: str) -> None:
    for who in ("", "customer", "clerk"):
        assert visitor(who).get(path).status_code == 403

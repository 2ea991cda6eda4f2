"""A page looks for a request as long as a page may take, says where it stopped, and goes on from there."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client, override_settings

from aura_logging.diagnostics.log_reader import LogFile, files_of
from aura_logging.django.dashboard import request_search, views
from aura_logging.django.dashboard.request_search import search_request
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

START = 1_800_000_000
HOUR = 3_600


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Eight hours with a request each, in as many segments."""
    names = SegmentNames("app.jsonl")
    for number in range(8):
        at = datetime.fromtimestamp(START + number * HOUR, UTC).isoformat()
        line = {"timestamp": at, "correlation_id": f"r-{number}", "message": f"here is {number}"}
        closed = Segment((START + (number + 1) * HOUR) * 1_000_000, number + 1)
        (tmp_path / names.name(SegmentFile(closed))).write_bytes(json.dumps(line).encode() + b"\n")
    return tmp_path / "app.jsonl"


def ticking(step: float) -> Callable[[], float]:
    """Return a clock that goes on by so many seconds whenever somebody looks at it."""
    looks = iter(range(1_000))
    return lambda: next(looks) * step


def messages(found: request_search.FoundLines) -> list[str]:
    return [str(line.fields["message"]) for line in found.lines]


def test_a_search_that_is_out_of_time_goes_on_where_it_ended(log: Path) -> None:
    files, before, rounds = files_of(log), None, 0
    while True:
        found = search_request(files, "r-0", before=before, seconds=1, clock=ticking(0.6))
        rounds += 1
        if found.further is None:
            break
        assert (found.lines, found.files_read) == ((), 2)
        before = found.further

    assert messages(found) == ["here is 0"]
    assert rounds == 4


def test_a_request_whose_time_is_known_is_looked_for_there_first(log: Path) -> None:
    files = files_of(log)
    for file in files[:4]:
        os.truncate(file.path, 0)

    found = search_request(files, "r-0", near=START + 60.0, seconds=1, clock=ticking(2.0))
    elsewhere = search_request(files, "r-1", near=START + 7.5 * HOUR)

    assert messages(found) == ["here is 0"]
    assert messages(elsewhere) == ["here is 1"]


def test_what_is_nowhere_has_no_further(log: Path) -> None:
    nothing: list[LogFile] = []

    assert search_request(files_of(log), "never-was").further is None
    assert search_request(nothing, "never-was").files_read == 0


def test_the_page_links_to_where_it_has_not_looked(viewer: Client, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.touch()
    monkeypatch.setattr(views, "search_request", functools.partial(search_request, seconds=-1.0))
    with override_settings(AURA={"DASHBOARD": {"log_files": [str(log)]}}):
        path = "/aura/logs/r-5/"
        for _ in range(4):
            response = viewer.get(path)
            page = response.content.decode()
            assert response.status_code == 200, path
            if "here is 5" in page:
                break
            further = page.partition('href="?before=')[2].partition('"')[0]
            path = f"/aura/logs/r-5/?before={further}"
        assert "here is 5" in page
        assert "here is 5" in viewer.get("/aura/logs/r-5/?at=2027-01-15T13:00:00Z").content.decode()
        assert viewer.get("/aura/logs/r-5/?at=yesterday&before=tomorrow").status_code == 200

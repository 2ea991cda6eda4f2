"""What a request's own record says is put into words, whatever it holds."""

from __future__ import annotations

import math

import pytest

from aura_logging.django.dashboard.request_page import beside, busiest_queries, ending, facts, heading
from aura_logging.django.dashboard.wording import number

RECORD = {
    "logger": "aura.request", "timestamp": "2026-11-23T09:30:01.5Z", "method": "GET", "path": "/books/",
    "route": "books/", "status_code": 200, "request_duration": 1.94, "memory_delta": 1_310_720, "db_queries": 41,
}  # fmt: skip


def test_a_request_is_named_for_what_was_asked_and_by_its_id_without_that() -> None:
    assert heading(RECORD, "one") == "GET /books/"
    assert heading({}, "one") == "Request one"


def test_its_numbers_have_their_units() -> None:
    assert ending(RECORD) == "200 · 1.94 s · 2026-11-23 09:30:01 UTC"
    assert dict(facts(RECORD))["memory_delta"] == "1.31 MB"
    assert dict(facts(RECORD))["db_queries"] == "41"


def test_in_a_list_a_request_says_how_it_went_and_another_line_its_route() -> None:
    assert beside(RECORD) == "GET /books/ · 200 · 1.94 s"
    assert beside({**RECORD, "logger": "shop"}) == "books/"


@pytest.mark.parametrize("value", [None, True, "soon", [], {}, math.nan])
def test_what_is_no_number_is_shown_as_it_is(value: object) -> None:
    record = {**RECORD, "request_duration": value, "memory_delta": value, "db_busiest": value, "status_code": value}

    assert "2026-11-23 09:30:01 UTC" in ending(record)
    assert busiest_queries(record) == []
    assert all(isinstance(words, str) for _, words in facts(record))


def test_a_costly_query_says_how_often_how_long_and_where() -> None:
    (first, second, third) = busiest_queries(
        {
            "db_busiest": [
                {"sql": "SELECT 1", "count": 37, "seconds": 0.91, "site": "views.py:8"},
                {"sql": "x"},
                "SELECT 2",
            ]
        }
    )

    assert (first.sql, first.words, first.site) == ("SELECT 1", "37 × in 910 ms", "views.py:8")
    assert (second.sql, second.words) == ("x", "")
    assert third.sql == "SELECT 2"


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (math.inf, "–"), (0.0, "0"), (0.002, "0.002"), (5.5, "5.5"), (12_345.6, "12,346")]
)
def test_a_number_of_whatever_kind_says_what_matters(value: float | None, words: str) -> None:
    assert number(value) == words

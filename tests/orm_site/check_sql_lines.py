"""SQL is told on `django.db.backends` where that logger wants it, without DEBUG and without a value."""

from __future__ import annotations

import logging

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings
from library.models import Author, Book

BACKENDS = "django.db.backends"


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.DEBUG, logger="django.db")
    return lambda: [record for record in caplog.records if record.name == BACKENDS]


def test_a_query_is_told_with_its_place_and_without_its_values(told):
    list(Author.objects.filter(name="somebody@example.com", pk=4711))

    (record,) = told()
    assert record.levelno == logging.DEBUG
    assert record.sql in record.getMessage()
    assert "somebody" not in record.getMessage()
    assert "4711" not in record.getMessage()
    assert (record.pathname, record.funcName) == (
        __file__,
        "test_a_query_is_told_with_its_place_and_without_its_values",
    )
    assert record.alias == "default"
    assert record.duration >= 0


def test_values_written_into_raw_sql_are_not_told_either(told):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'secret', 4711 FROM library_author")

    (record,) = told()
    assert record.sql == "SELECT ?, ? FROM library_author"


def test_a_request_tells_of_its_queries_and_counts_them_as_ever(told, records):
    Client().get("/careless/")

    assert len(told()) == 16
    (wide,) = [record for record in records if record.name == "aura.request"]
    assert (wide.db_queries, wide.n_plus_one) == (16, 1)
    assert {record.filename for record in told()} == {"views.py"}


@pytest.mark.parametrize("how", ["debug", "forced"])
def test_where_django_tells_nothing_is_told_twice(how, told):
    with override_settings(DEBUG=how == "debug"):
        connection.force_debug_cursor = how == "forced"
        try:
            list(Author.objects.all())
        finally:
            connection.force_debug_cursor = False

    assert len(told()) == 1


def test_nothing_is_told_at_any_other_level(caplog):
    caplog.set_level(logging.INFO, logger="django.db")

    list(Author.objects.all())

    assert caplog.records == []


def test_a_query_that_fails_is_told_too(told):
    with pytest.raises(Exception, match="no_such_table"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM no_such_table")

    assert [record.sql for record in told() if "no_such" in record.sql] == ["SELECT ? FROM no_such_table"]


class Asking(logging.Handler):
    """A handler that makes a query for each record."""

    def emit(self, record: logging.LogRecord) -> None:
        Book.objects.count()


def test_a_handler_that_asks_the_database_does_not_begin_a_circle(told):
    handler = Asking()
    logging.getLogger(BACKENDS).addHandler(handler)
    try:
        list(Author.objects.all())
    finally:
        logging.getLogger(BACKENDS).removeHandler(handler)

    assert len(told()) == 1


def test_a_filter_that_raises_does_not_fail_the_query(told, capsys):
    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("broken filter")

    logging.getLogger(BACKENDS).addFilter(broken)
    try:
        assert Author.objects.count() == 6
    finally:
        logging.getLogger(BACKENDS).removeFilter(broken)

    assert "broken filter" in capsys.readouterr().err

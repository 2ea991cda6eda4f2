"""A query like one before is counted the short way, and comes to what the long way comes to."""

from __future__ import annotations

import contextvars
import dataclasses
import logging
import threading
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from library.models import Author, Book, Genre, Note, Paperback

from aura_logging.performance.fingerprints import fingerprint
from aura_logging.performance.queries import QueryLog, current
from aura_logging.performance.report import judge


def first_of(rows):
    return rows.first()


def both_fields(books):
    for field in ("author", "editor", "author"):
        for book in books:
            getattr(book, field)


def of_either_kind():
    for book in [*Book.objects.all()[:3], *Paperback.objects.all(), *Book.objects.all()[:2]]:
        book.author


def looked_up():
    for key in Author.objects.values_list("pk", flat=True):
        Author.objects.get(pk=key)


def by_manager_and_without():
    for author in Author.objects.all():
        first_of(author.books.all())
        first_of(Book.objects.filter(author_id=author.pk))


def lines_in_turn():
    for key in (1, 2, 1, -1, -2):
        Author.objects.filter(pk=key).first()
        Author.objects.filter(pk=key).first()


def databases_in_turn():
    for alias in ("default", "archive", "default", "archive"):
        list(Book.objects.using(alias).filter(pk=1))


def many_parameters():
    for key in (1, 2, 1):
        list(Book.objects.filter(pk__in=[key, 2], title="a"))
        list(Book.objects.filter(title=str(key)))


def written():
    with transaction.atomic():
        for number in range(3):
            Genre.objects.filter(pk=1).update(name=f"genre {number}")
            Genre.objects.filter(pk=1).first()


def around_itself(depth=3):
    first_of(Book.objects.filter(pk=depth))
    if depth:
        around_itself(depth - 1)


def up_a_tree():
    for genre in Genre.objects.all():
        above = genre
        while above is not None:
            above = above.parent


def raw():
    with connection.cursor() as cursor:
        for key in (1, 2, 1):
            cursor.execute("SELECT name FROM library_author WHERE id = %s", [key])
            cursor.fetchall()


def generic():
    for note in Note.objects.all():
        note.about


WORK = [
    lambda: both_fields(Book.objects.all()),
    of_either_kind,
    looked_up,
    by_manager_and_without,
    lines_in_turn,
    databases_in_turn,
    many_parameters,
    written,
    around_itself,
    up_a_tree,
    raw,
    generic,
]


class Forgetful(dict):
    """What is put in is not found again."""

    def get(self, key, default=None):
        return default


def judged(work, *, the_short_way):
    log = QueryLog()
    if not the_short_way:
        log.usual = Forgetful()
    token = current.set(log)
    try:
        for function in work:
            function()
    finally:
        current.reset(token)
    assert log.uncounted == 0
    report = judge(log)
    # By line: Python 3.11 is at another instruction of a line once it has specialised it.
    loads: Counter[tuple[str, ...]] = Counter()
    for group in log.groups.values():
        line = (str(group.site), fingerprint(group.sql), group.alias)
        loads.update({(*line, "count"): group.count, (*line, "rows"): group.rows, (*line, "again"): group.repeats})
        loads.update({(*line, str(load.subject)): load.queries for load in group.loads.values()})
    return dataclasses.replace(report, seconds=0, busiest=(), slow=(), slow_queries=0, long_transaction=None), loads


@pytest.mark.parametrize("work", WORK)
def test_the_short_way_comes_to_what_the_long_way_does(work, rollback):
    assert judged([work] * 2, the_short_way=True) == judged([work] * 2, the_short_way=False)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORK), max_size=4))
def test_whatever_was_asked_before_the_short_way_comes_to_the_same(rollback, work):
    assert judged(work, the_short_way=True) == judged(work, the_short_way=False)


def test_a_loop_goes_the_short_way():
    log = QueryLog()
    token = current.set(log)
    looked_up()
    current.reset(token)

    assert {group.statement.table for group in log.usual.values()} == {"library_author"}


def test_two_lines_that_ask_in_turn_are_told_apart(observe):
    report = observe(lines_in_turn)

    # Of the five keys one comes twice, and each is asked for on two lines.
    assert (report.count, report.duplicate_queries) == (10, 6)


def test_savepoints_are_one_statement_whatever_they_are_called():
    log = QueryLog()
    token = current.set(log)
    with transaction.atomic():
        for _ in range(20):
            with transaction.atomic():
                Genre.objects.filter(pk=-1).update(name="nothing")
    current.reset(token)

    assert log.totals()[3] >= 40
    assert len(log.groups) < 10


def test_a_statement_of_a_driver_s_own_making_counts(observe):
    if connection.vendor != "postgresql":
        statement = "SELECT name FROM library_author"
    else:
        from psycopg import sql

        statement = sql.SQL("SELECT name FROM {}").format(sql.Identifier("library_author"))

    def ask():
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute(statement)

    report = observe(ask)

    assert (report.count, report.duplicate_queries) == (3, 2)


def test_a_query_that_is_told_of_is_judged_like_any_other(observe, caplog):
    caplog.set_level(logging.DEBUG, logger="django.db")

    def count_by_author():
        for author in Author.objects.all():
            author.books.count()

    (finding,) = observe(count_by_author).n_plus_one

    assert (str(finding.subject), finding.queries) == ("Author.books", 6)


def test_rows_of_a_repeated_query_add_up(observe):
    def ask():
        for _ in range(4):
            Genre.objects.filter(pk__lt=0).update(name="nothing")
            list(Author.objects.all())

    assert observe(ask).rows == (4 * 6 if connection.vendor != "sqlite" else 0)


def test_threads_of_one_request_lose_no_count(observe):
    def work():
        try:
            for _ in range(10):
                looked_up()
        finally:
            connections.close_all()

    def share():
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    report = observe(share)

    (finding,) = report.n_plus_one
    assert (report.count, finding.queries) == (4 * 10 * 7, 4 * 10 * 6)

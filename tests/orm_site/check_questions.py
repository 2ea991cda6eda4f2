"""What was asked is known when it is asked again, told from what only looks like it, and not kept."""

from __future__ import annotations

import gc
import hashlib
import types
import uuid
import weakref

import pytest
from django.apps.registry import Apps
from django.db import DatabaseError, connection, models, transaction
from library.models import Author, Book, Folder, Station

from aura_logging.performance.hints import hints, predicted_queries
from aura_logging.performance.queries import QueryLog, current


class Awkward(int):
    """A parameter that fails in a way of its own when it is to be shown."""

    def __repr__(self):
        raise RuntimeError("not to be shown")

    def __str__(self):
        return "1"  # what a driver may write


def test_a_parameter_that_fails_to_show_itself_spoils_no_count(observe):
    def ask():
        with connection.cursor() as cursor:
            for _ in range(4):
                cursor.execute("SELECT name FROM library_author WHERE id = %s", [Awkward(1)])

    report = observe(ask)

    assert (report.count, report.duplicate_queries) == (4, 0)


def test_two_blobs_are_two_questions(observe):
    column = "name" if connection.vendor == "sqlite" else "CAST(name AS BYTEA)"
    if connection.vendor == "mysql":
        column = "CAST(name AS BINARY)"

    def ask():
        with connection.cursor() as cursor:
            for number in range(6):
                blob = connection.Database.Binary(b"a long beginning" * 10 + str(number).encode())
                cursor.execute(f"SELECT name FROM library_author WHERE {column} = %s", [blob])

    assert observe(ask).duplicate_queries == 0


def test_statements_that_differ_far_behind_are_two_questions(observe):
    names = ", ".join(f"'{hashlib.sha256(str(number).encode()).hexdigest()}'" for number in range(100))

    def ask():
        with connection.cursor() as cursor:
            for column in ("id", "country_id"):
                cursor.execute(f"SELECT id FROM library_author WHERE name IN ({names}) AND {column} = %s", [1])

    assert observe(ask).duplicate_queries == 0


def test_asking_again_after_a_failure_is_no_waste(observe):
    def ask():
        for _ in range(2):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT name FROM library_nothing WHERE id = %s", [1])

    report = observe(ask)

    assert (report.failed, report.duplicate_queries) == (2, 0)


def test_a_line_that_loads_two_things_in_turn_counts_each_query_once(observe):
    def all_of(rows):
        return list(rows)

    def ask():
        for author in Author.objects.all():
            all_of(author.books.all())
            all_of(Book.objects.filter(author=author))

    report = observe(ask)

    assert sorted((str(finding.subject), finding.queries) for finding in report.n_plus_one) == [
        ("Author.books", 6), ("Book.author", 6),
    ]  # fmt: skip
    assert predicted_queries(report, hints(report)) == 3


def folders():
    above = None
    for _ in range(5):
        above = Folder.objects.create(id=uuid.uuid4(), parent=above)
    return above, "parent"


def stations():
    ahead = None
    for number in range(5):
        ahead = Station.objects.create(name=f"station {number}", next=ahead)
    return ahead, "next"


@pytest.mark.parametrize("make", [folders, stations], ids=["key of letters", "key of another column"])
def test_a_chain_is_no_loop_whatever_its_rows_are_known_by(make, observe, rollback):
    last, field = make()

    def follow():
        row = type(last).objects.get(pk=last.pk)
        while row is not None:
            row = getattr(row, field)

    report = observe(follow)

    assert (report.count, report.n_plus_one) == (5, ())


def test_no_value_is_kept_while_the_request_lasts():
    log = QueryLog()
    token = current.set(log)
    try:
        Author.objects.filter(name="somebody@example.com").first()
        with pytest.raises(Author.DoesNotExist):
            Author.objects.get(name="somebody@example.com")
    finally:
        current.reset(token)

    assert log.totals()[0] == 2
    assert not [text for text in _texts(log) if "somebody" in text]


def _texts(thing):
    """Return every text that can be reached from the thing, but not through code or classes."""
    found, ahead, known = [], [thing], set()
    while ahead:
        each = ahead.pop()
        if id(each) in known or isinstance(each, (type, types.CodeType, types.FunctionType, types.ModuleType)):
            continue
        known.add(id(each))
        if isinstance(each, str):
            found.append(each)
        ahead += gc.get_referents(each)
    return found


def test_models_that_are_made_while_the_program_runs_may_go(observe):
    def make_and_read():
        class Meta:
            apps = Apps()
            app_label = "made"

        def made(name, table, **fields):
            meta = type("Meta", (Meta,), {"db_table": table})
            return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})

        author = made("Author", "library_author")
        book = made("Book", "library_book", author=models.ForeignKey(author, on_delete=models.CASCADE))
        report = observe(lambda: [row.author for row in book.objects.all()])
        assert [str(finding.subject) for finding in report.n_plus_one] == ["Book.author"]
        return weakref.ref(book)

    made = make_and_read()
    gc.collect()

    assert made() is None

"""Rows that are looked up one by one, in whatever words, are found, and asked for all at once."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connection
from django.shortcuts import get_object_or_404
from library.models import Author, Book, Genre, Note
from obedience import authors

from aura_logging.performance.hints import hints, predicted_queries


def test_filtering_by_one_row_after_the_other_is_found(observe):
    def careless():
        for author in authors():
            list(Book.objects.filter(author=author))

    def careless_with_keys():
        for author in authors():
            list(Book.objects.filter(author_id=author.pk).order_by("title").values_list("title"))

    def mended():
        list(Book.objects.filter(author__in=list(authors())))

    report = observe(careless)
    (hint,) = hints(report)

    assert "Book is filtered by author one by one at check_look_ups.py:" in hint.text
    assert ".filter(author__in=…) (6 queries become 1)" in hint.text
    assert observe(mended).count == predicted_queries(report, [hint]) == 2
    assert [str(finding.subject) for finding in observe(careless_with_keys).n_plus_one] == ["Book.author"]


def raw_rows(keys):
    for key in keys:
        list(Book.objects.raw("SELECT * FROM library_book WHERE author_id = %s ORDER BY title", [key]))


def cursor_rows(keys):
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT title FROM library_book WHERE author_id = %(key)s", {"key": key})
            cursor.fetchall()


def cursor_sums(keys):
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT SUM(price) FROM library_book b WHERE b.author_id = %s", [key])
            cursor.fetchall()


@pytest.mark.parametrize("loop", [raw_rows, cursor_rows, cursor_sums])
def test_the_project_s_own_sql_asked_key_by_key_is_found(loop, observe):
    keys = [author.pk for author in authors()]

    def mended():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM library_book WHERE author_id IN ({', '.join(['%s'] * len(keys))})", keys)

    careless = observe(lambda: loop(keys))
    (hint,) = hints(careless)

    assert "library_book is asked for author_id one by one at check_look_ups.py:" in hint.text
    assert "author_id IN (…), and GROUP BY where it computes (6 queries become 1)" in hint.text
    assert observe(mended).count == predicted_queries(careless, [hint]) == 1


@pytest.mark.parametrize(
    ("ask", "cure"),
    [
        (lambda author: author.books.afirst(), "Prefetch("),
        (lambda author: author.books.acount(), ".annotate(books_count="),
        (lambda author: Book.objects.aget(author=author, title__endswith=".1"), ".in_bulk(keys)"),
    ],
    ids=["afirst", "acount", "aget"],
)
def test_a_coroutine_s_loop_gets_the_same_advice(ask, cure, observe):
    async def walk():
        async for author in authors():
            await ask(author)

    (hint,) = hints(observe(lambda: asyncio.run(walk())))

    assert cure in hint.text


def test_gathered_look_ups_are_one_loop(observe):
    keys = [author.pk for author in authors()]

    async def gather():
        await asyncio.gather(*(Author.objects.aget(pk=key) for key in keys))

    report = observe(lambda: asyncio.run(gather()))

    assert [(str(finding.subject), finding.queries) for finding in report.n_plus_one] == [("Author.get", 6)]


@pytest.mark.parametrize(
    "look_up",
    [
        lambda note: note.content_type.get_object_for_this_type(pk=note.object_id),
        lambda note: get_object_or_404(Author, pk=note.object_id),
    ],
    ids=["get_object_for_this_type", "get_object_or_404"],
)
def test_a_look_up_through_a_shortcut_is_found(look_up, observe):
    notes = list(Note.objects.filter(text="on an author").select_related("content_type"))

    report = observe(lambda: [look_up(note) for note in notes])

    assert [(str(finding.subject), finding.queries) for finding in report.n_plus_one] == [("Author.get", 6)]
    assert report.n_plus_one[0].site.file == "check_look_ups.py"


def test_a_look_up_is_found_in_a_project_whose_directory_is_called_django(observe):
    source = "def look_up(model, keys):\n    for key in keys:\n        model.objects.get(pk=key)\n"
    names = {}
    exec(compile(source, "/srv/django/shop/views.py", "exec"), names)
    keys = [genre.pk for genre in Genre.objects.all()]

    report = observe(lambda: names["look_up"](Genre, keys))

    assert [str(finding.subject) for finding in report.n_plus_one] == ["Genre.get"]
    assert str(report.n_plus_one[0].site) == "/srv/django/shop/views.py:3"

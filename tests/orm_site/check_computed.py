"""What is counted, computed or taken as values row by row gets a hint that computes it with the rows."""

from __future__ import annotations

import pytest
from django.db.models import Count, Max, Prefetch, Q, Sum
from library.models import Book
from obedience import authors, books, follow

from aura_logging.performance.hints import hints, predicted_queries


def test_values_are_taken_from_prefetched_rows(observe):
    careless = observe(lambda: [list(author.books.values_list("title", flat=True)) for author in authors()])
    (hint,) = hints(careless)
    mended = observe(lambda: [[b.title for b in a.books.all()] for a in authors().prefetch_related("books")])

    assert 'add .prefetch_related("books") and take the values from .books.all()' in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 2


COMPUTED = {
    "count": (lambda row: row.books.count(), 'add .annotate(books_count=Count("books")) and', Count("books")),
    "count of some": (
        lambda row: row.books.filter(price__gt=5).count(), 'add .annotate(books_count=Count("books", filter=Q(…))) and',
        Count("books", filter=Q(books__price__gt=5)),
    ),
    "sum": (
        lambda row: row.books.aggregate(Sum("price")),
        'add .annotate(…) with what .aggregate(…) computes, through "books__…" and', Sum("books__price"),
    ),
    "greatest": (
        lambda row: row.books.aggregate(Max("pk")),
        'add .annotate(…) with what .aggregate(…) computes, through "books__…" and', Max("books__pk"),
    ),
    "of a generic relation": (
        lambda row: row.notes.count(), 'add .annotate(notes_count=Count("notes")) and', Count("notes"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("compute", "advice", "together"), COMPUTED.values(), ids=COMPUTED.keys())
def test_what_is_computed_row_by_row_is_computed_with_the_rows(compute, advice, together, observe):
    by_row, at_once = [], []
    careless = observe(lambda: by_row.extend(compute(author) for author in authors()))
    (hint,) = hints(careless)
    mended = observe(lambda: at_once.extend(row.computed for row in authors().annotate(computed=together)))

    assert advice in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 1
    assert at_once == [next(iter(row.values())) if isinstance(row, dict) else row for row in by_row]


def test_a_count_is_told_by_the_name_that_the_database_s_side_knows(observe):
    careless = observe(lambda: [book.review_set.count() for book in books()])
    counted = []
    mended = observe(lambda: counted.extend(row.review_count for row in follow(hints(careless), books())))

    assert mended.count == predicted_queries(careless, hints(careless)) == 1
    assert counted == [1] * 12


def test_counts_of_two_relations_do_not_multiply_each_other(observe):
    def count(rows):
        for author in rows:
            author.books.count()
            author.edited.count()
            author.notes.count()

    careless = observe(lambda: count(authors()))
    row = follow(hints(careless), authors())[0]

    assert (row.books_count, row.edited_count, row.notes_count) == (5, 2, 1)
    assert all("distinct=True" in hint.text for hint in hints(careless))


def test_a_count_of_prefetched_rows_goes_to_their_own_queryset(observe):
    def count(rows, name):
        for author in rows:
            for book in author.books.all():
                getattr(book, name) if name else book.review_set.count()

    careless = observe(lambda: count(authors().prefetch_related("books"), ""))
    (hint,) = hints(careless)
    annotated = follow(hints(careless), Book.objects.all())
    mended = observe(lambda: count(authors().prefetch_related(Prefetch("books", annotated)), "review_count"))

    assert "to the queryset that fetches Book and read that" in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 2

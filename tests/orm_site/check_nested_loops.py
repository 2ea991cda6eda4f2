"""The look-up leads to the rows at hand, although others of the same model come along in the same request."""

from __future__ import annotations

import pytest
from library.models import Author, Book, Country, Genre, Review
from obedience import follow

from aura_logging.performance.hints import hints, predicted_queries


def outermost_rows_after_inner_ones(rows):
    for book in rows:
        for shelf in book.shelf_set.all():
            list(shelf.books.all())
        book.editor and list(book.editor.blocked.all())


def inner_rows_by_the_relation_of_the_outermost(rows):
    for book in rows:
        for shelf in book.shelf_set.all():
            for other in shelf.books.all():
                list(other.shelf_set.all())
                other.editor


def inner_rows_that_come_many_to_many(rows):
    for genre in rows:
        for book in genre.books.all():
            for other in book.genres.all():
                other.parent


def two_relations_of_the_outermost(rows):
    for genre in rows:
        list(genre.children.all())
        list(genre.books.all())


def a_generic_relation_of_inner_rows(rows):
    for author in rows:
        for book in author.books.all():
            book.editor and list(book.editor.notes.all())


def a_foreign_key_of_inner_rows(rows):
    for review in rows:
        for other in review.book.author.books.all():
            other.editor


def outermost_rows_after_a_loop_that_is_over(rows):
    for genre in Genre.objects.all()[:3]:
        list(genre.books.all())
    for book in rows:
        book.author.name


def one_relation_at_two_lines(rows):
    for country in rows:
        for author in country.authors.all():
            author.name
        for author in country.authors.all():
            author.name


LOOPS = {
    outermost_rows_after_inner_ones: Book,
    inner_rows_by_the_relation_of_the_outermost: Book,
    inner_rows_that_come_many_to_many: Genre,
    two_relations_of_the_outermost: Genre,
    a_generic_relation_of_inner_rows: Author,
    a_foreign_key_of_inner_rows: Review,
    one_relation_at_two_lines: Country,
}


@pytest.mark.parametrize(("loop", "model"), LOOPS.items(), ids=lambda each: each.__name__)
def test_the_changes_together_lead_to_the_count_they_predict(loop, model, observe):
    def rows():
        return model.objects.order_by("pk")

    careless = observe(lambda: loop(rows()))
    advice = [hint for hint in hints(careless) if "the same query" not in hint.text]
    mended = observe(lambda: loop(follow(advice, rows())))

    assert len(advice) > 0
    assert mended.n_plus_one == ()
    assert mended.count == predicted_queries(careless, advice)


def test_one_change_for_two_lines_is_one_hint(observe):
    (hint,) = hints(observe(lambda: one_relation_at_two_lines(Country.objects.all())))

    assert hint.text.startswith("Country.authors is loaded once per row at check_nested_loops.py:61 and check_nested")
    assert hint.text.endswith('add .prefetch_related("authors") (7 queries become 2)')


def test_rows_are_the_outermost_ones_where_the_loop_that_brought_others_is_over(observe):
    advice = hints(observe(lambda: outermost_rows_after_a_loop_that_is_over(Book.objects.order_by("pk"))))

    assert any('add .select_related("author") (16 queries become 1)' in hint.text for hint in advice)

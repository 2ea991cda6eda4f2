"""A hint names a change that works for the rows at hand, however those came, and leads to the count it predicts."""

from __future__ import annotations

import re

import pytest
from django.db import models
from django.db.models import Prefetch
from library.models import Book, Copy, Genre, Note, Paperback, TranslatedBook
from obedience import authors, books, change, follow

from aura_logging.performance.hints import hints, predicted_queries

FETCH_PEERS = getattr(models, "FETCH_PEERS", None)  # from Django 6.1 on
ONE_FETCH_FOR_ALL = re.compile(r"or \.fetch_mode\(FETCH_PEERS\) \(\d+ queries become (\d+)\)")


def country_of_author(rows):
    for book in rows:
        book.author.country.name


def country_of_both(rows):
    for book in rows:
        for person in (book.author, book.editor):
            person.country.name


def editor_of_books(rows):
    for author in rows:
        for book in author.books.all():
            book.editor and book.editor.name


def country_of_author_of_books(rows):
    for genre in rows:
        for book in genre.books.all():
            book.author.country.name


def reviews_of_books(rows):
    for author in rows:
        for book in author.books.all():
            list(book.review_set.all())


def books_of_author(rows):
    for book in rows:
        list(book.author.books.all())


def author_of_what_is_noted(rows):
    for note in rows:
        if isinstance(note.about, Book):
            note.about.author.country.name


def genres_of_what_is_noted(rows):
    for note in rows:
        if isinstance(note.about, Book):
            list(note.about.genres.all())


def paperback_s_author(rows):
    for book in rows:
        book.paperback.author.name


def both_ends_of_the_joining_table(rows):
    for row in rows:
        row.genre.name
        row.book.author.name


def absent(rows):
    for book in rows:
        hasattr(book, "paperback")


def author(rows):
    for book in rows:
        book.author.name


def author_in_a_recursion(rows):
    def next_of(rest):
        if rest:
            rest[0].author.name
            next_of(rest[1:])

    next_of(list(rows))


def biography(rows):
    for book in rows:
        book.author.biography


WAYS = {
    "of joined rows": (
        lambda: books().select_related("author"), country_of_author, {"Author.country"}, 'related("author__country")',
    ),
    "of rows joined twice": (
        lambda: books().select_related("author", "editor"), country_of_both, {"Author.country"},
        'related("author__country", "editor__country")',
    ),
    "of prefetched rows": (
        lambda: authors().prefetch_related("books"), editor_of_books, {"Book.editor"},
        'prefetch_related("books__editor")',
    ),
    "of rows joined to prefetched ones": (
        lambda: Genre.objects.prefetch_related(Prefetch("books", Book.objects.select_related("author"))),
        country_of_author_of_books, {"Author.country"}, 'prefetch_related("books__author__country")',
    ),
    "many, of prefetched rows": (
        lambda: authors().prefetch_related("books"), reviews_of_books, {"Book.review_set"},
        'prefetch_related("books__review_set")',
    ),
    "many, of joined rows": (
        lambda: books().select_related("author"), books_of_author, {"Author.books"},
        'prefetch_related("author__books")',
    ),
    "of rows behind a generic key": (
        lambda: Note.objects.order_by("pk"), author_of_what_is_noted, {"Note.about", "Book.author", "Author.country"},
        'GenericPrefetch("about", [Book.objects.select_related("author__country"), …])',
    ),
    "many, of rows behind a generic key": (
        lambda: Note.objects.order_by("pk"), genres_of_what_is_noted, {"Note.about", "Book.genres"},
        'GenericPrefetch("about", [Book.objects.prefetch_related("genres"), …])',
    ),
    "of the child of an inherited model": (
        lambda: Book.objects.exclude(paperback=None).select_related("paperback"), paperback_s_author,
        {"Paperback.author"}, 'select_related("paperback__author")',
    ),
    "of a joining table": (
        lambda: Book.genres.through.objects.order_by("pk"), both_ends_of_the_joining_table,
        {"Book_genres.genre", "Book_genres.book", "Book.author"}, 'select_related("book__author")',
    ),
    "that is not there": (books, absent, {"Book.paperback"}, 'select_related("paperback")'),
    "of a proxy": (
        lambda: TranslatedBook.objects.filter(paperback=None), author, {"TranslatedBook.author"}, 'related("author")',
    ),
    "in a recursion": (books, author_in_a_recursion, {"Book.author"}, 'select_related("author")'),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "loop", "fields", "look_up"), WAYS.values(), ids=WAYS.keys())
def test_the_change_fits_the_way_the_rows_came(rows, loop, fields, look_up, observe):
    careless = observe(lambda: loop(rows()))
    found = hints(careless)
    if "GenericPrefetch" in look_up:
        # The last one says all: Django takes one queryset for each model of the look-up.
        (last,) = [hint.text for hint in found if look_up in hint.text]
        mended = observe(lambda: loop(change(rows(), last, ", Author.objects.all()")))
    else:
        mended = observe(lambda: loop(follow(hints(careless), rows())))

    assert {str(finding.subject) for finding in careless.n_plus_one} == fields
    assert any(look_up in hint.text for hint in found)
    assert mended.count == predicted_queries(careless, found)
    assert mended.n_plus_one == ()


@pytest.mark.parametrize(("rows", "loop", "fields", "look_up"), WAYS.values(), ids=WAYS.keys())
def test_fetch_peers_is_offered_only_where_it_keeps_its_word(rows, loop, fields, look_up, observe):
    careless = observe(lambda: loop(rows()))
    offers = [(hint, ONE_FETCH_FOR_ALL.search(hint.text)) for hint in hints(careless)]

    if FETCH_PEERS is None:
        assert not any(offer for _, offer in offers)
        return
    mended = observe(lambda: loop(rows().fetch_mode(FETCH_PEERS)))

    assert mended.count == careless.count - sum(hint.before - int(offer[1]) for hint, offer in offers if offer)


def test_what_is_prefetched_twice_is_mended_in_both(observe):
    def load(rows):
        for author in rows:
            for book in [*author.books.all(), *author.edited.all()]:
                list(book.genres.all())

    def rows():
        return authors().prefetch_related("books", "edited")

    careless = observe(lambda: load(rows()))

    assert 'add .prefetch_related("books__genres", "edited__genres")' in hints(careless)[0].text
    mended = observe(lambda: load(follow(hints(careless), rows())))
    assert mended.count == predicted_queries(careless, hints(careless)) == 5


def test_a_left_out_field_of_prefetched_rows_is_named_as_their_own_queryset_calls_it(observe):
    def load(queryset):
        for author in authors().prefetch_related(Prefetch("books", queryset)):
            for book in author.books.all():
                book.price

    careless = observe(lambda: load(Book.objects.only("author", "title")))
    (hint,) = hints(careless)
    mended = observe(lambda: load(Book.objects.only("author", "title", "price")))

    assert 'add "price" to .only()' in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 2


def test_a_left_out_field_of_joined_rows_is_named_with_its_way(observe):
    careless = observe(lambda: biography(books().select_related("author").only("author__name")))
    (hint,) = hints(careless)
    mended = observe(lambda: biography(books().select_related("author").only("author__name", "author__biography")))

    assert 'add "author__biography" to .only()' in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 1


def first_book(author):
    return author.books.first()


def dear_books(author):
    return list(author.books.filter(price__gt=5))


def books_by_title(author):
    return list(author.books.order_by("title"))


PREFETCHED_IN_VAIN = {
    "filter": (dear_books, Book.objects.filter(price__gt=5)),
    "order_by": (books_by_title, Book.objects.order_by("title")),
    "first": (first_book, Book.objects.order_by("pk")[:1]),
    "latest": (lambda author: author.books.latest("pk"), Book.objects.order_by("-pk")[:1]),
    "get": (lambda author: author.books.get(title__endswith=".1"), Book.objects.filter(title__endswith=".1")),
}


@pytest.mark.parametrize(("read", "queryset"), PREFETCHED_IN_VAIN.values(), ids=PREFETCHED_IN_VAIN.keys())
def test_what_a_plain_prefetch_cannot_answer_is_given_one_of_its_own(read, queryset, observe):
    def rows():
        return authors().exclude(pk=authors()[0].pk).prefetch_related("books")

    careless = observe(lambda: [read(author) for author in rows()])
    (hint,) = hints(careless)
    own = Prefetch("books", queryset=queryset, to_attr="chosen")
    mended = observe(lambda: [author.chosen for author in rows().prefetch_related(own)])

    assert [str(finding.subject) for finding in careless.n_plus_one] == ["Author.books"]
    assert 'add .prefetch_related(Prefetch("books", queryset=…, to_attr=…)) with that queryset' in hint.text
    assert mended.count == predicted_queries(careless, [hint])


@pytest.mark.parametrize(
    ("read", "change_of", "advice"),
    [
        (lambda copy: copy.book.title, lambda rows: rows.select_related("book"), 'add .select_related("book")'),
        (lambda copy: copy.state, lambda rows: rows.defer(None), 'add "state" to .only()'),
    ],
    ids=["foreign key", "left out field"],
)
def test_rows_with_a_composite_key_are_told_apart(read, change_of, advice, observe, rollback):
    Copy.objects.bulk_create(Copy(book=book, number=number) for book in books()[:3] for number in range(2))

    def rows():
        return Copy.objects.defer("state") if "only" in advice else Copy.objects.all()

    careless = observe(lambda: [read(copy) for copy in rows()])
    (hint,) = hints(careless)
    mended = observe(lambda: [read(copy) for copy in change_of(rows())])

    assert advice in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 1


def test_rows_of_the_project_s_own_sql_are_mended_with_what_they_have(observe):
    def load(rows):
        for book in rows:
            book.author.name

    def rows(columns):
        return Book.objects.raw(f"SELECT {columns} FROM library_book")

    careless = observe(lambda: load(rows("*")))
    left_out = observe(lambda: [book.title for book in rows("id, author_id")])
    mended = observe(lambda: load(follow(hints(careless), rows("*"))))

    assert 'add .prefetch_related("author")' in hints(careless)[0].text
    assert mended.count == predicted_queries(careless, hints(careless)) == 2
    assert 'select "title" in the SQL too (16 queries become 1)' in hints(left_out)[0].text


def test_inherited_rows_are_not_asked_for_their_parents(observe):
    assert observe(lambda: [row.book_ptr.title for row in Paperback.objects.all()]).count == 1

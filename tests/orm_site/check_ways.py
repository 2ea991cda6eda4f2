"""A hint names a change that works for the rows at hand, however those came, and leads to the count it predicts."""

from __future__ import annotations

import asyncio
import re

import pytest
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core.serializers import serialize
from django.db import connection, models
from django.db.models import Count, Max, Prefetch, Q, Sum
from django.shortcuts import get_object_or_404
from library.models import Author, Book, Copy, Country, Genre, Note, Paperback, Review, TranslatedBook

from aura_logging.performance.hints import hints, predicted_queries

ADDED = re.compile(r"add (\..+?)(?: to the queryset that fetches \w+)?(?: and read that)? \(\d+ queries become \d+\)")

FETCH_PEERS = getattr(models, "FETCH_PEERS", None)  # from Django 6.1 on
ONE_FETCH_FOR_ALL = re.compile(r"or \.fetch_mode\(FETCH_PEERS\) \(\d+ queries become (\d+)\)")


def books():
    return Book.objects.filter(paperback=None).order_by("pk")


def authors():
    return Author.objects.order_by("pk")


def change(rows, advice, others=""):
    """Add to the queryset what a hint says, word for word, and `others` where it leaves room for more."""
    names = {"rows": rows, "Book": Book, "Author": Author, "Count": Count, "GenericPrefetch": GenericPrefetch}
    return eval("rows" + ADDED.search(advice)[1].replace(", …", others), names)


def follow(report, rows):
    """Do all that the hints say."""
    for hint in hints(report):
        rows = change(rows, hint.text)
    return rows


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
        mended = observe(lambda: loop(follow(careless, rows())))

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
    assert observe(lambda: load(follow(careless, rows()))).count == predicted_queries(careless, hints(careless)) == 5


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
    mended = observe(lambda: counted.extend(row.review_count for row in follow(careless, books())))

    assert mended.count == predicted_queries(careless, hints(careless)) == 1
    assert counted == [1] * 12


def test_counts_of_two_relations_do_not_multiply_each_other(observe):
    def count(rows):
        for author in rows:
            author.books.count()
            author.edited.count()
            author.notes.count()

    careless = observe(lambda: count(authors()))
    row = follow(careless, authors())[0]

    assert (row.books_count, row.edited_count, row.notes_count) == (5, 2, 1)
    assert all("distinct=True" in hint.text for hint in hints(careless))


def test_a_count_of_prefetched_rows_goes_to_their_own_queryset(observe):
    def count(rows, name):
        for author in rows:
            for book in author.books.all():
                getattr(book, name) if name else book.review_set.count()

    careless = observe(lambda: count(authors().prefetch_related("books"), ""))
    (hint,) = hints(careless)
    annotated = follow(careless, Book.objects.all())
    mended = observe(lambda: count(authors().prefetch_related(Prefetch("books", annotated)), "review_count"))

    assert "to the queryset that fetches Book and read that" in hint.text
    assert mended.count == predicted_queries(careless, [hint]) == 2


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

    assert "Book is filtered by author one by one at check_ways.py:" in hint.text
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

    assert "library_book is asked for author_id one by one at check_ways.py:" in hint.text
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
    mended = observe(lambda: load(follow(careless, rows("*"))))

    assert 'add .prefetch_related("author")' in hints(careless)[0].text
    assert mended.count == predicted_queries(careless, hints(careless)) == 2
    assert 'select "title" in the SQL too (16 queries become 1)' in hints(left_out)[0].text


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
    assert report.n_plus_one[0].site.file == "check_ways.py"


def test_django_s_own_serializer_is_mended_by_a_plain_prefetch(observe):
    def load(rows):
        return serialize("json", rows, fields=("title", "genres"))

    careless = observe(lambda: load(books()))

    assert observe(lambda: load(follow(careless, books()))).count == predicted_queries(careless, hints(careless)) == 2


def test_nested_serializers_are_mended_as_the_hints_say(observe):
    from rest_framework import serializers

    class CountrySerializer(serializers.ModelSerializer):
        class Meta:
            model = Country
            fields = ("name",)

    class AuthorSerializer(serializers.ModelSerializer):
        country = CountrySerializer()

        class Meta:
            model = Author
            fields = ("name", "country")

    class ReviewSerializer(serializers.ModelSerializer):
        class Meta:
            model = Review
            fields = ("stars",)

    class BookSerializer(serializers.ModelSerializer):
        author = AuthorSerializer()
        reviews = ReviewSerializer(source="review_set", many=True)

        class Meta:
            model = Book
            fields = ("title", "author", "reviews", "genres")

    def load(rows):
        return BookSerializer(rows, many=True).data

    careless = observe(lambda: load(books()))
    mended = observe(lambda: load(follow(careless, books())))

    assert {str(finding.subject) for finding in careless.n_plus_one} == {
        "Book.author", "Author.country", "Book.review_set", "Book.genres",
    }  # fmt: skip
    assert mended.count == predicted_queries(careless, hints(careless)) == 3


def test_a_look_up_is_found_in_a_project_whose_directory_is_called_django(observe):
    source = "def look_up(model, keys):\n    for key in keys:\n        model.objects.get(pk=key)\n"
    names = {}
    exec(compile(source, "/srv/django/shop/views.py", "exec"), names)
    keys = [genre.pk for genre in Genre.objects.all()]

    report = observe(lambda: names["look_up"](Genre, keys))

    assert [str(finding.subject) for finding in report.n_plus_one] == ["Genre.get"]
    assert str(report.n_plus_one[0].site) == "/srv/django/shop/views.py:3"


def test_inherited_rows_are_not_asked_for_their_parents(observe):
    assert observe(lambda: [row.book_ptr.title for row in Paperback.objects.all()]).count == 1

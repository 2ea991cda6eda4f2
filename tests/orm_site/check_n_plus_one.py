"""Every way of loading row by row is found, and named by model and field."""

from __future__ import annotations

import re

import pytest
from django.core.serializers import serialize
from django.db import models
from django.db.models import Count, Prefetch, prefetch_related_objects
from library.models import Author, Book, Genre, Note, Paperback, Portrait

from aura_logging.performance.hints import hints, predicted_queries


def books():
    return Book.objects.filter(paperback=None).order_by("pk")


def authors():
    return Author.objects.order_by("pk")


def forward(rows):
    for book in rows:
        book.author.name


def forward_through_a_method(rows):
    for book in rows:
        book.byline


def forward_one_to_one(rows):
    for portrait in rows:
        portrait.author.name


def reverse_one_to_one(rows):
    for author in rows:
        author.portrait.file


def reverse_foreign_key(rows):
    for author in rows:
        list(author.books.all())


def reverse_without_related_name(rows):
    for book in rows:
        list(book.review_set.all())


def many_to_many(rows):
    for book in rows:
        list(book.genres.all())


def many_to_many_from_the_other_side(rows):
    for genre in rows:
        list(genre.books.all())


def many_to_many_with_itself(rows):
    for author in rows:
        list(author.follows.all())


def many_to_many_with_itself_from_the_other_side(rows):
    for author in rows:
        list(author.followers.all())


def many_to_many_without_a_way_back(rows):
    for author in rows:
        list(author.blocked.all())


def many_to_many_without_related_name(rows):
    for book in rows:
        list(book.shelf_set.all())


def generic_relation(rows):
    for author in rows:
        list(author.notes.all())


def generic_foreign_key(rows):
    for note in rows:
        note.about


def left_out_field(rows):
    for author in rows:
        author.biography


def left_out_field_of_a_related_row(rows):
    for book in rows:
        book.author.biography


def parent_row(rows):
    for genre in rows:
        if genre.parent_id:
            genre.parent.name


def inherited_relation(rows):
    for paperback in rows:
        paperback.editor.name if paperback.editor_id else paperback.author.name


SITUATIONS = {
    "foreign key": (books, forward, "Book.author"),
    "foreign key, in a method of the model": (books, forward_through_a_method, "Book.author"),
    "one to one": (lambda: Portrait.objects.all(), forward_one_to_one, "Portrait.author"),
    "one to one, from the other side": (authors, reverse_one_to_one, "Author.portrait"),
    "foreign key, from the other side": (authors, reverse_foreign_key, "Author.books"),
    "foreign key without related_name": (books, reverse_without_related_name, "Book.review_set"),
    "many to many": (books, many_to_many, "Book.genres"),
    "many to many, other side": (lambda: Genre.objects.all(), many_to_many_from_the_other_side, "Genre.books"),
    "many to many, itself": (authors, many_to_many_with_itself, "Author.follows"),
    "many to many, itself, other side": (authors, many_to_many_with_itself_from_the_other_side, "Author.followers"),
    "many to many without related_name": (books, many_to_many_without_related_name, "Book.shelf_set"),
    "many to many, no way back": (authors, many_to_many_without_a_way_back, "Author.blocked"),
    "generic relation": (authors, generic_relation, "Author.notes"),
    "generic foreign key": (lambda: Note.objects.all(), generic_foreign_key, "Note.about"),
    "to itself": (lambda: Genre.objects.all(), parent_row, "Genre.parent"),
    "inherited foreign key": (lambda: Paperback.objects.all(), inherited_relation, "Paperback.author"),
}
everywhere = pytest.mark.parametrize(("rows", "loop", "field"), SITUATIONS.values(), ids=SITUATIONS.keys())


@everywhere
def test_a_field_loaded_row_by_row_is_found(rows, loop, field, observe):
    report = observe(lambda: loop(rows()))

    assert [str(finding.subject) for finding in report.n_plus_one] == [field]
    assert report.n_plus_one[0].site.file == "check_n_plus_one.py" or field == "Book.author"
    assert report.duplicate_queries == 0


@everywhere
def test_it_is_found_with_two_rows(rows, loop, field, observe):
    def two():
        found = list(rows().filter(pk__in=list(rows().order_by("-pk").values_list("pk", flat=True)[:2])))
        loop(found)

    assert [str(finding.subject) for finding in observe(two).n_plus_one] == [field]


@everywhere
def test_it_is_found_when_rows_come_in_chunks(rows, loop, field, observe):
    report = observe(lambda: loop(rows().iterator(chunk_size=2)))

    assert [str(finding.subject) for finding in report.n_plus_one] == [field]


@everywhere
def test_one_row_is_no_loop(rows, loop, field, observe):
    report = observe(lambda: loop(rows().order_by("-pk")[:1]))

    assert report.n_plus_one == ()


@everywhere
def test_rows_fetched_one_by_one_on_lines_of_their_own_are_no_loop(rows, loop, field, observe):
    last, first = rows().order_by("-pk")[:2]

    def one_by_one():
        a = rows().get(pk=first.pk)
        b = rows().filter(pk=last.pk).first()
        c = rows().filter(pk=last.pk)[0]
        loop([a])
        loop([b])
        loop([c])

    assert observe(one_by_one).n_plus_one == ()


@everywhere
def test_prefetching_row_by_row_is_found_too(rows, loop, field, observe):
    def load():
        found = list(rows())
        for row in found:
            prefetch_related_objects([row], field.partition(".")[2])

    if field in ("Genre.parent", "Paperback.author"):
        return
    assert [str(finding.subject) for finding in observe(load).n_plus_one] == [field]


def test_prefetching_a_path_row_by_row_is_named_by_the_whole_path(observe):
    def load():
        for author in authors():
            prefetch_related_objects([author], "books__genres")

    report = observe(load)
    found = hints(report)
    paths = [re.search(r'prefetch_related\("(\w+)"\)', hint.text)[1] for hint in found]
    mended = observe(lambda: list(authors().prefetch_related(*paths)))

    assert sorted(str(finding.subject) for finding in report.n_plus_one) == ["Author.books", "Author.books__genres"]
    assert mended.count == predicted_queries(report, found) == 3


@everywhere
def test_what_was_prefetched_is_not_reported(rows, loop, field, observe):
    name = field.partition(".")[2]
    if name == "review_set":
        name = "review_set"

    report = observe(lambda: loop(rows().prefetch_related(name)))
    chunked = observe(lambda: loop(rows().prefetch_related(name).iterator(chunk_size=2)))
    by_hand = observe(lambda: prefetch_related_objects(list(rows()), name))

    assert (report.n_plus_one, chunked.n_plus_one, by_hand.n_plus_one) == ((), (), ())


@everywhere
def test_the_hint_is_followed_and_the_count_falls_to_what_it_says(rows, loop, field, observe):
    careless = observe(lambda: loop(rows()))
    (hint,) = hints(careless)

    mended = observe(lambda: loop(follow(hint.text, rows())))

    assert mended.count == predicted_queries(careless, [hint]) == careless.count - hint.saves
    assert f"({hint.before} queries become {hint.after})" in hint.text
    assert hint.after == mended.count
    assert mended.n_plus_one == ()


def follow(text, queryset):
    """Change the queryset as the hint says, and in no other way."""
    method, path = re.search(r'\.(select_related|prefetch_related)\("(\w+)"\)', text).groups()
    return getattr(queryset, method)(path)


FETCH_PEERS = getattr(models, "FETCH_PEERS", None)  # from Django 6.1 on
ONE_FETCH_FOR_ALL = re.compile(r"or \.fetch_mode\(FETCH_PEERS\) \((\d+) queries become (\d+)\)")
WITHOUT_PEERS = {"many", "count", "filtered", "get"}


@everywhere
def test_fetch_peers_is_offered_where_django_has_it_and_keeps_its_word(rows, loop, field, observe):
    careless = observe(lambda: loop(rows()))
    (hint,) = hints(careless)
    offer = ONE_FETCH_FOR_ALL.search(hint.text)

    kind = careless.n_plus_one[0].subject.kind
    assert (offer is not None) == (FETCH_PEERS is not None and kind not in WITHOUT_PEERS)
    if offer is not None:
        mended = observe(lambda: loop(rows().fetch_mode(FETCH_PEERS)))
        assert int(offer[1]) == hint.before
        assert int(offer[2]) == mended.count - (careless.count - hint.before)
        assert mended.n_plus_one == ()


def test_deferred_fields_fetched_for_all_rows_at_once_keep_the_hint_s_word(observe):
    careless = observe(lambda: left_out_field(authors().defer("biography")))
    offer = ONE_FETCH_FOR_ALL.search(hints(careless)[0].text)

    assert (offer is not None) == (FETCH_PEERS is not None)
    if offer is not None:
        mended = observe(lambda: left_out_field(authors().defer("biography").fetch_mode(FETCH_PEERS)))
        assert mended.count == int(offer[2])
        assert mended.n_plus_one == ()


def test_nested_loads_with_fetch_peers_are_no_loop(observe):
    def walk(rows):
        for book in rows:
            book.author.country.name

    if FETCH_PEERS is not None:
        assert observe(lambda: walk(books().fetch_mode(FETCH_PEERS))).n_plus_one == ()
    assert len(observe(lambda: walk(books())).n_plus_one) == 2


def test_deferred_fields_are_found_and_the_hint_holds(observe):
    careless = observe(lambda: left_out_field(authors().defer("biography")))
    (hint,) = hints(careless)
    mended = observe(lambda: left_out_field(authors()))

    assert str(careless.n_plus_one[0].subject) == "Author.biography"
    assert 'add "biography" to .only()' in hint.text
    assert mended.count == predicted_queries(careless, [hint])


def test_deferred_fields_of_joined_rows_are_found(observe):
    joined = books().select_related("author")
    careless = observe(lambda: left_out_field_of_a_related_row(joined.only("author__name")))
    careful = observe(lambda: left_out_field_of_a_related_row(joined.only("author__biography")))

    assert [str(finding.subject) for finding in careless.n_plus_one] == ["Author.biography"]
    assert careful.n_plus_one == ()


def test_deferred_fields_of_rows_that_come_in_chunks_are_found(observe):
    joined = books().select_related("author")
    careless = observe(lambda: left_out_field_of_a_related_row(joined.only("author__name").iterator(chunk_size=2)))
    careful = observe(lambda: left_out_field_of_a_related_row(joined.only("author__biography").iterator(chunk_size=2)))

    assert [str(finding.subject) for finding in careless.n_plus_one] == ["Author.biography"]
    assert careful.n_plus_one == ()


def test_two_fields_loaded_by_one_line_are_counted_each(observe):
    def load():
        for field in ("author", "editor"):
            for book in Book.objects.exclude(editor=None):
                getattr(book, field)

    report = observe(load)

    assert [(str(finding.subject), finding.queries) for finding in report.n_plus_one] == [
        ("Book.author", 12),
        ("Book.editor", 12),
    ]


def test_the_number_of_rows_that_is_too_many_can_be_chosen(observe):
    def load():
        forward(books()[:4])

    assert observe(load, n_plus_one_threshold=5).n_plus_one == ()
    assert len(observe(load, n_plus_one_threshold=4).n_plus_one) == 1


def test_looking_up_two_rows_in_a_loop_is_found(observe):
    first, last = books().values_list("pk", flat=True)[:2]

    def careless():
        for key in (first, last):
            Book.objects.get(pk=key)

    assert [str(finding.subject) for finding in observe(careless).n_plus_one] == ["Book.get"]


def test_a_serializer_s_loads_are_named_by_the_line_that_asks_it(observe):
    from rest_framework import serializers

    class BookSerializer(serializers.ModelSerializer):
        writer = serializers.CharField(source="author.name")
        genres = serializers.StringRelatedField(many=True)

        class Meta:
            model = Book
            fields = ("title", "writer", "genres")

    def load(rows):
        return BookSerializer(rows, many=True).data

    careless = observe(lambda: load(books()))
    found = hints(careless)
    mended = observe(lambda: load(books().select_related("author").prefetch_related("genres")))

    assert {str(finding.subject) for finding in careless.n_plus_one} == {"Book.author", "Book.genres"}
    assert {finding.site.file for finding in careless.n_plus_one} == {"check_n_plus_one.py"}
    assert mended.count == predicted_queries(careless, found) == 2


def test_django_s_own_serializer_is_seen_through_too(observe):
    def load(rows):
        return serialize("json", rows, fields=("title", "genres"))

    careless = observe(lambda: load(books()))

    assert [str(finding.subject) for finding in careless.n_plus_one] == ["Book.genres"]
    assert observe(lambda: load(books().prefetch_related("genres"))).n_plus_one == ()


def test_counting_row_by_row_becomes_an_annotation(observe):
    def careless():
        for author in authors():
            author.books.count()

    def mended():
        for author in authors().annotate(books_count=Count("books")):
            author.books_count

    report = observe(careless)
    (hint,) = hints(report)

    assert '.annotate(books_count=Count("books"))' in hint.text
    assert observe(mended).count == predicted_queries(report, [hint]) == 1


def test_a_narrowed_manager_becomes_a_prefetch_of_its_own(observe):
    def careless():
        for author in authors():
            list(author.books.filter(price__gt=5))

    def mended():
        dear = Prefetch("books", queryset=Book.objects.filter(price__gt=5), to_attr="dear")
        for author in authors().prefetch_related(dear):
            author.dear

    report = observe(careless)
    (hint,) = hints(report)

    assert 'Prefetch("books", queryset=…, to_attr=…)' in hint.text
    assert observe(mended).count == predicted_queries(report, [hint]) == 2


def test_looking_up_by_key_in_a_loop_is_found(observe):
    keys = list(books().values_list("pk", flat=True))

    def careless():
        for key in keys:
            Book.objects.get(pk=key)

    report = observe(careless)
    (hint,) = hints(report)

    assert str(report.n_plus_one[0].subject) == "Book.get"
    assert ".in_bulk(keys)" in hint.text
    assert observe(lambda: Book.objects.in_bulk(keys)).count == predicted_queries(report, [hint]) == 1


def test_nested_loads_are_named_by_their_whole_path(observe):
    def careless(rows):
        for book in rows:
            book.author.country.name

    report = observe(lambda: careless(books()))
    found = hints(report)

    assert {str(finding.subject) for finding in report.n_plus_one} == {"Book.author", "Author.country"}
    assert any('.select_related("author__country")' in hint.text for hint in found)
    mended = observe(lambda: careless(books().select_related("author__country")))
    assert mended.count == predicted_queries(report, found) == 1


def test_nested_loads_through_many_are_prefetched(observe):
    def careless(rows):
        for author in rows:
            for book in author.books.all():
                list(book.genres.all())
                if book.editor_id:
                    book.editor.name

    report = observe(lambda: careless(authors()))
    found = hints(report)
    paths = [re.search(r'prefetch_related\("(\w+)"\)', hint.text)[1] for hint in found]

    assert set(paths) == {"books", "books__genres", "books__editor"}
    mended = observe(lambda: careless(authors().prefetch_related(*paths)))
    assert mended.count == predicted_queries(report, found) == 4


def test_every_row_by_itself_looked_up_and_then_followed_is_found_twice(observe):
    keys = list(books().values_list("pk", flat=True))

    def careless():
        for key in keys:
            Book.objects.get(pk=key).author.name

    assert {str(f.subject) for f in observe(careless).n_plus_one} == {"Book.get", "Book.author"}

"""What only looks like a loop of queries, or like a question asked twice, is left alone."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core.paginator import Paginator
from django.db import connections, transaction
from django.db.models import Exists, OuterRef, prefetch_related_objects
from django.template import engines
from library.models import Author, Book, Country, Genre, Note, Review, Volume


def pagination():
    paginator = Paginator(Book.objects.select_related("author").order_by("pk"), 3)
    for number in paginator.page_range:
        for book in paginator.page(number):
            book.author.name


def existence():
    if Book.objects.filter(price__gt=5).exists():
        for book in Book.objects.filter(price__gt=5):
            book.title


def existence_of_related_rows():
    for author in Author.objects.all():
        author.books.exists()


def existence_as_a_subquery():
    for author in Author.objects.annotate(writes=Exists(Book.objects.filter(author=OuterRef("pk")))):
        author.writes


def slices():
    for start in range(0, 12, 4):
        list(Book.objects.order_by("pk")[start : start + 4])


def chunks_by_key():
    last = 0
    while chunk := list(Book.objects.filter(pk__gt=last).order_by("pk")[:4]):
        last = chunk[-1].pk


def chunks_of_keys():
    keys = list(Book.objects.values_list("pk", flat=True))
    for start in range(0, len(keys), 4):
        for book in Book.objects.filter(pk__in=keys[start : start + 4]).select_related("author"):
            book.author.name


def chunks_prefetched():
    for author in Author.objects.prefetch_related("books").iterator(chunk_size=2):
        list(author.books.all())


def chunks_of_one_prefetched():
    for author in Author.objects.prefetch_related("books__editor").iterator(chunk_size=1):
        [book.editor for book in author.books.all()]


def chunks_of_one_prefetched_for_a_coroutine():
    async def walk():
        async for author in Author.objects.prefetch_related("books__editor").aiterator(chunk_size=1):
            [book.editor for book in author.books.all()]

    asyncio.run(walk())


def pages_of_one_prefetched():
    paginator = Paginator(Author.objects.prefetch_related("books__editor").order_by("pk"), 1)
    for number in paginator.page_range:
        for author in paginator.page(number):
            [book.editor for book in author.books.all()]


def filters_that_happen_to_find_one_row_each():
    for file in ("1.jpg", "2.jpg", "3.jpg"):
        list(Author.objects.filter(portrait__file=file).prefetch_related("books__genres"))


def rows_taken_one_at_a_time():
    for number in (0, 2, 4):
        for book in Book.objects.order_by("pk")[number : number + 1]:
            book.author.name


def tables_in_turn():
    for model in (Book, Author, Country, Genre):
        list(model.objects.all())


def up_the_tree_by_recursion():
    def root_of(genre):
        return root_of(genre.parent) if genre.parent_id else genre

    root_of(Genre.objects.filter(parent__isnull=False).first())


def along_a_list_of_one_to_one_rows():
    volume = Volume.objects.create()
    for _ in range(5):
        volume = Volume.objects.create(previous=volume)
    volume = Volume.objects.get(previous=None)
    while hasattr(volume, "next_volume"):
        volume = volume.next_volume


def rows_checked_one_by_one():
    for book in Book.objects.all():
        book.full_clean(exclude=["editor"])


def rows_made_where_there_are_none():
    for number in range(4):
        Country.objects.get_or_create(name=f"country {number}")
        Country.objects.update_or_create(name=f"land {number}", defaults={"name": f"new land {number}"})


def rows_looked_for_by_what_is_no_key():
    for title in ("book 0.0", "book 1.1", "book 2.0"):
        Book.objects.filter(title=title).first()
        list(Book.objects.filter(title=title))
        list(Book.objects.raw("SELECT * FROM library_book WHERE title = %s", [title]))


def rows_of_rows_that_were_fetched_alone():
    for name in ("author 1", "author 2"):
        author = Author.objects.filter(name=name).first()
        list(Book.objects.filter(author=author))


def rows_locked_in_turn():
    for author in Author.objects.all():
        list(Book.objects.select_for_update().filter(author=author))


def the_best_of_each():
    for genre in Genre.objects.all():
        list(Book.objects.filter(genres=genre).order_by("-price")[:2])
    for author in Author.objects.all():
        list(Book.objects.filter(author=author).order_by("-price")[:2])


def rows_of_a_key_and_more():
    for author in Author.objects.all():
        list(Book.objects.filter(author=author, price__gt=author.pk))
        list(Book.objects.filter(author__gt=author.pk))


def chunks_in_the_project_s_own_sql():
    with connections["default"].cursor() as cursor:
        for start in (0, 4, 8):
            cursor.execute("SELECT title FROM library_book WHERE id > %s ORDER BY id LIMIT 4", [start])
            cursor.fetchall()
            cursor.execute("SELECT title FROM library_book WHERE id IN (%s, %s)", [start, start + 1])
            cursor.fetchall()
            cursor.execute("SELECT id FROM library_book WHERE author_id = %s AND price > %s", [start, start])
            cursor.fetchall()


def what_prefetched_rows_answer_by_themselves():
    for book in Book.objects.filter(paperback=None).prefetch_related("genres", "notes"):
        book.genres.count()
        book.genres.exists()
        len(book.notes.all())
        book.genres.all()[0]
        book.genres.contains(book.genres.all()[0])


def only_keys_of_related_rows():
    for book in Book.objects.only("author"):
        book.author_id


def fragments_from_the_cache():
    fragment = "{% cache 60 book book.pk %}{{ book.author.name }}{% endcache %}"
    template = engines["django"].from_string(f"{{% load cache %}}{{% for book in books %}}{fragment}{{% endfor %}}")
    template.render({"books": Book.objects.select_related("author")})
    template.render({"books": Book.objects.reverse()})


def behind_a_generic_key_with_a_queryset_of_its_own():
    about = GenericPrefetch("about", [Book.objects.select_related("author"), Author.objects.all()])
    for note in Note.objects.prefetch_related(about):
        note.about.author.name if isinstance(note.about, Book) else note.about.name


def rows_that_have_nothing_to_do_with_it():
    for author in Author.objects.all():
        author.name.upper()
    list(Book.objects.all())


def filters_in_turn():
    for stars in (1, 2, 3):
        list(Review.objects.filter(stars=stars))


def two_fields_of_one_row():
    book = Book.objects.filter(editor__isnull=False).first()
    for name in ("author", "editor"):
        getattr(book, name).name


def one_helper_called_from_two_lines():
    books = list(Book.objects.order_by("pk")[:3])
    _author_of(books[0])
    _author_of(books[2])


def _author_of(book):
    return book.author.name


def up_the_tree():
    leaf = Genre.objects.filter(parent__isnull=False).first()
    while leaf is not None:
        leaf = leaf.parent


def the_same_queryset_twice():
    author = Author.objects.first()
    books = author.books.all()
    list(books)
    list(books)


def different_lines():
    first, second = Author.objects.all()[:2]
    list(first.books.all())
    list(second.books.all())


def keys_without_an_object():
    for _ in range(3):
        Note(text="about nothing").about


def one_object_of_a_relation_on_lines_of_their_own():
    first, second = Author.objects.all()[:2]
    first.follows.first()
    second.follows.first()
    first.follows.all()[0]
    second.follows.all()[0]
    first.followers.get()
    second.followers.get()


def a_generic_object_twice():
    note = Note.objects.filter(object_id__isnull=False).first()
    for _ in range(2):
        note.about


def a_generic_relation_s_queryset_twice():
    notes = Author.objects.first().notes.all()
    list(notes)
    list(notes)


def left_out_fields_of_rows_fetched_alone():
    first, second = Author.objects.values_list("pk", flat=True)[:2]
    _biography_of(Author.objects.defer("biography").get(pk=first))
    _biography_of(Author.objects.defer("biography").filter(pk=second).first())


def _biography_of(author):
    return author.biography


def prefetched_rows_that_were_fetched_alone():
    first, second = Author.objects.values_list("pk", flat=True)[:2]
    _prefetch_for_one(Author.objects.get(pk=first))
    _prefetch_for_one(Author.objects.get(pk=second))


def _prefetch_for_one(author):
    prefetch_related_objects([author], "books")


def prefetched_where_joined_would_do():
    for book in Book.objects.prefetch_related("author").only("author__name"):
        book.author.name


def look_ups_on_lines_of_their_own():
    first, second = Book.objects.values_list("pk", flat=True)[:2]
    Book.objects.get(pk=first)
    Book.objects.get(pk=second)


def a_field_read_again_on_purpose():
    for author in Author.objects.all()[:3]:
        author.refresh_from_db(fields=["name"])


def related_objects_made_where_there_are_none():
    for author in Author.objects.all():
        author.books.get_or_create(title="collected works")
        author.books.update_or_create(title="letters", defaults={"price": 3})
        author.notes.get_or_create(text="a note")


def related_objects_replaced():
    fiction = list(Genre.objects.filter(name="fiction"))
    for book in Book.objects.all():
        book.genres.set(fiction)
        book.notes.set([])


def related_objects_changed_and_deleted():
    for author in Author.objects.all():
        author.books.update(price=1)
        author.books.all().delete()


def rows_deleted_with_their_children():
    for book in Book.objects.all():
        book.delete()


def joined():
    for book in Book.objects.select_related("author__country", "editor"):
        book.author.country.name


def writes():
    with transaction.atomic():
        for number in range(3):
            Country.objects.create(name=f"new {number}")
        Country.objects.filter(name__startswith="new").update(name="new")
        Country.objects.filter(name="new").delete()


def read_write_read():
    with transaction.atomic():
        book = Book.objects.first()
        Book.objects.filter(pk=book.pk).update(price=11)
        book.refresh_from_db()
        Book.objects.filter(pk=book.pk).update(price=10)
        book.refresh_from_db()


def in_bulk():
    Book.objects.in_bulk([1, 2, 3])
    Author.objects.in_bulk([1, 2, 3])


def minus_one_and_minus_two():
    list(Book.objects.filter(price=-1))
    list(Book.objects.filter(price=-2))


def functions_of_the_database():
    with connections["default"].cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT 1")


def aggregates():
    Book.objects.count()
    Book.objects.filter(price=10).count()
    Book.objects.filter(price=11).count()


INNOCENTS = [
    pagination,
    existence,
    existence_of_related_rows,
    existence_as_a_subquery,
    slices,
    chunks_by_key,
    chunks_of_keys,
    chunks_prefetched,
    chunks_of_one_prefetched,
    chunks_of_one_prefetched_for_a_coroutine,
    pages_of_one_prefetched,
    filters_that_happen_to_find_one_row_each,
    rows_taken_one_at_a_time,
    tables_in_turn,
    rows_that_have_nothing_to_do_with_it,
    filters_in_turn,
    two_fields_of_one_row,
    one_helper_called_from_two_lines,
    up_the_tree,
    up_the_tree_by_recursion,
    along_a_list_of_one_to_one_rows,
    rows_checked_one_by_one,
    rows_made_where_there_are_none,
    rows_looked_for_by_what_is_no_key,
    rows_of_rows_that_were_fetched_alone,
    rows_locked_in_turn,
    the_best_of_each,
    rows_of_a_key_and_more,
    chunks_in_the_project_s_own_sql,
    what_prefetched_rows_answer_by_themselves,
    only_keys_of_related_rows,
    fragments_from_the_cache,
    behind_a_generic_key_with_a_queryset_of_its_own,
    the_same_queryset_twice,
    different_lines,
    keys_without_an_object,
    one_object_of_a_relation_on_lines_of_their_own,
    a_generic_object_twice,
    a_generic_relation_s_queryset_twice,
    left_out_fields_of_rows_fetched_alone,
    related_objects_made_where_there_are_none,
    related_objects_replaced,
    related_objects_changed_and_deleted,
    rows_deleted_with_their_children,
    prefetched_rows_that_were_fetched_alone,
    prefetched_where_joined_would_do,
    look_ups_on_lines_of_their_own,
    a_field_read_again_on_purpose,
    joined,
    writes,
    read_write_read,
    in_bulk,
    minus_one_and_minus_two,
    functions_of_the_database,
    aggregates,
]


@pytest.mark.parametrize("innocent", INNOCENTS, ids=lambda function: function.__name__)
def test_it_is_not_reported(innocent, observe, rollback):
    report = observe(innocent)

    assert report.n_plus_one == ()
    assert report.duplicates == ()
    assert report.duplicate_queries == 0

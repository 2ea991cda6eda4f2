from __future__ import annotations

import pytest

from aura_logging.performance.hints import Hint, hints, predicted_queries
from aura_logging.performance.loads import Site, Subject
from aura_logging.performance.origins import RAW, Way
from aura_logging.performance.queries import QueryLog
from aura_logging.performance.report import Duplicate, NPlusOne, QueryReport, judge

SITE = Site("shop/views.py", 41)
ROWS = NPlusOne(Subject("Author", "books", "many", "author", "book"), Site("shop/views.py", 40), 6)


def report(*findings: NPlusOne, **values: object) -> QueryReport:
    empty = judge(QueryLog())
    count = 1 + sum(finding.queries for finding in findings)
    changed = {name: getattr(empty, name) for name in QueryReport.__slots__}
    # Whether a Django with fetch modes was set up before, in another test, is no matter of these.
    return QueryReport(**{**changed, "count": count, "n_plus_one": findings, "has_fetch_modes": False, **values})


def found(kind: str, queries: int = 46, **values: object) -> NPlusOne:
    return NPlusOne(Subject("Book", "author", kind, "book", "author"), SITE, queries, **values)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (
            found("forward"),
            'Book.author is loaded once per row at shop/views.py:41: add .select_related("author") '
            "(47 queries become 1)",
        ),
        (
            found("many"),
            'Book.author is loaded once per row at shop/views.py:41: add .prefetch_related("author") '
            "(47 queries become 2)",
        ),
        (
            found("generic", tables=2),
            'Book.author is loaded once per row at shop/views.py:41: add .prefetch_related("author") '
            "(47 queries become 3)",
        ),
        (
            found("deferred"),
            'Book.author is loaded once per row at shop/views.py:41: add "author" to .only(), or take it out of '
            ".defer() (47 queries become 1)",
        ),
        (
            found("forward", via=ROWS),
            'Book.author is loaded once per row at shop/views.py:41: add .prefetch_related("books__author") '
            "(47 queries become 2)",
        ),
    ],
)
def test_a_hint_names_the_field_the_line_the_change_and_the_new_count(finding: NPlusOne, text: str) -> None:
    (hint,) = hints(report(finding))

    assert hint.text == text


def of_books(kind: str, **values: object) -> NPlusOne:
    return NPlusOne(Subject("Author", "book_set", kind, "author", "book", "book"), SITE, 6, **values)


@pytest.mark.parametrize(
    ("finding", "advice"),
    [
        (of_books("count"), 'add .annotate(book_count=Count("book")) and read that (7 queries become 1)'),
        (
            of_books("filtered_count"),
            'add .annotate(book_count=Count("book", filter=Q(…))) and read that (7 queries become 1)',
        ),
        (
            of_books("aggregate"),
            'add .annotate(…) with what .aggregate(…) computes, through "book__…" and read that (7 queries become 1)',
        ),
        (
            of_books("count", way=Way(("authors",), is_prefetched=True)),
            'add .annotate(book_count=Count("book")) to the queryset that fetches Author and read that '
            "(7 queries become 1)",
        ),
        (of_books("count", way=Way(("author",))), 'add .annotate(book_count=Count("author__book")) and read that'),
        (
            of_books("filtered"),
            'add .prefetch_related(Prefetch("book_set", queryset=…, to_attr=…)) with that queryset, and read that '
            "(7 queries become 2)",
        ),
        (
            of_books("values"),
            'add .prefetch_related("book_set") and take the values from .book_set.all() (7 queries become 2)',
        ),
        (found("forward", way=Way(("review",))), 'add .select_related("review__author") (47 queries become 1)'),
        (
            found("forward", way=Way(("first", "second"))),
            'add .select_related("first__author", "second__author") (47 queries become 1)',
        ),
        (
            found("forward", way=Way(("first", "second"), is_prefetched=True)),
            'add .prefetch_related("first__author", "second__author") (47 queries become 3)',
        ),
        (found("forward", way=RAW), 'add .prefetch_related("author") (47 queries become 2)'),
        (found("deferred", way=RAW), 'select "author" in the SQL too (47 queries become 1)'),
        (found("deferred", way=Way(("review",))), 'add "review__author" to .only(), or take it out of .defer()'),
        (found("deferred", way=Way(("books",), is_prefetched=True)), 'add "author" to .only()'),
        (
            found("forward", via=NPlusOne(Subject("Note", "about", "generic", "note"), SITE, 9, 2)),
            'add .prefetch_related(GenericPrefetch("about", [Book.objects.select_related("author"), …])) '
            "(47 queries become 1)",
        ),
    ],
)
def test_the_change_is_one_that_the_rows_queryset_has(finding: NPlusOne, advice: str) -> None:
    (hint,) = hints(report(finding))

    assert advice in hint.text


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            Subject("Book", "get", "get", "", "book"),
            "Book is looked up one by one at shop/views.py:41: look all up at once with .in_bulk(keys) or "
            ".filter(pk__in=keys) (9 queries become 1)",
        ),
        (
            Subject("Book", "author", "filter", "author", "book"),
            "Book is filtered by author one by one at shop/views.py:41: ask for all at once with "
            ".filter(author__in=…) (9 queries become 1)",
        ),
        (
            Subject("book", "author_id", "raw", "", "book"),
            "book is asked for author_id one by one at shop/views.py:41: ask for all at once with "
            "author_id IN (…), and GROUP BY where it computes (9 queries become 1)",
        ),
    ],
)
def test_what_is_asked_key_by_key_is_asked_at_once(subject: Subject, text: str) -> None:
    (hint,) = hints(report(NPlusOne(subject, SITE, 9)))

    assert (hint.text, hint.saves) == (text, 8)


def test_counts_that_meet_in_one_query_are_kept_from_multiplying() -> None:
    both = hints(report(of_books("count"), NPlusOne(Subject("Author", "notes", "count", "author"), SITE, 6)))

    assert [hint.text.count("distinct=True") for hint in both] == [1, 1]


@pytest.mark.parametrize("way", [RAW, Way(("books",), is_prefetched=True)])
def test_fetch_modes_are_not_offered_for_rows_that_would_not_have_them(way: Way) -> None:
    (hint,) = hints(report(found("forward", way=way), has_fetch_modes=True))

    assert "fetch_mode" not in hint.text


def test_fetch_modes_are_offered_where_django_has_them() -> None:
    (hint,) = hints(report(found("forward"), has_fetch_modes=True))

    assert hint.text.endswith("(47 queries become 1), or .fetch_mode(FETCH_PEERS) (47 queries become 2)")


def test_the_admin_is_mended_on_its_class() -> None:
    site = Site("admin/change_list.html", 69, "BookAdmin", is_library=True)
    finding = NPlusOne(Subject("Book", "author", "forward"), site, 46)

    (hint,) = hints(report(finding))

    assert 'set list_select_related = ["author"] on BookAdmin' in hint.text


def test_a_duplicate_names_both_lines() -> None:
    duplicate = Duplicate("SELECT a FROM t", SITE, Site("shop/cart.py", 7), 3)

    (hint,) = hints(report(duplicates=(duplicate,), count=3))

    assert hint.text == (
        "the same query ran 3 times, first at shop/views.py:41, again at shop/cart.py:7: keep the first result "
        "(3 queries become 1): SELECT a FROM t"
    )


def test_what_saves_most_comes_first_and_the_sum_is_predicted() -> None:
    judged = report(found("forward", 10), found("many", 20))

    advice = hints(judged)

    assert [hint.saves for hint in advice] == [19, 10]
    assert predicted_queries(judged, advice) == 31 - 29


def test_rows_that_lead_in_a_circle_are_followed_all_the_way() -> None:
    a = NPlusOne(Subject("A", "b", "forward", "a", "b"), SITE, 5)
    b = NPlusOne(Subject("B", "a", "forward", "b", "a"), SITE, 5, via=a)
    again = NPlusOne(Subject("A", "b", "forward", "a", "b"), SITE, 5, via=b)

    assert 'select_related("b__a__b")' in hints(report(again))[0].text


def test_a_hint_reads_as_its_text() -> None:
    assert str(Hint("do this", 3, 1)) == "do this"

"""A request's record says what its queries came to, in sync and async views, templates and the admin."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import tracemalloc

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.test import AsyncClient, Client, RequestFactory, override_settings
from library.models import Author, Book, Country

from aura_logging.django import request_queries
from aura_logging.performance.budgets import BudgetExceededError, assert_request_budget
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.performance.queries import QueryLog, current
from aura_logging.performance.report import judge


def wide(records):
    (record,) = [record for record in records if record.name == "aura.request"]
    return record


def test_a_page_without_queries_says_so(records):
    Client().get("/trivial/")

    assert (wide(records).db_queries, wide(records).db_time) == (0, 0.0)
    assert not hasattr(wide(records), "n_plus_one")


def test_a_careless_page_is_told_which_line_to_change(records):
    Client().get("/careless/")

    record = wide(records)
    assert record.db_queries == 16
    assert record.n_plus_one == 1
    (hint,) = record.hints
    assert hint.startswith(
        'Book.author is loaded once per row at library/views.py:20: add .select_related("author") (16 queries become 1)'
    )


@pytest.mark.parametrize("path", ["/careful/", "/page/", "/careful-template/", "/books/1/"])
def test_a_careful_page_gets_no_hint(path, records):
    Client().get(path)

    assert not hasattr(wide(records), "hints")
    assert not hasattr(wide(records), "over_budget")


def test_a_template_is_named_with_its_line(records):
    Client().get("/careless-template/")

    record = wide(records)
    assert record.db_queries == 31
    assert record.over_budget == ["queries 31 > 20"]
    assert sorted(hint.partition(", or ")[0] for hint in record.hints) == [
        'Book.author is loaded once per row at library/books.html:4: add .select_related("author") '
        "(16 queries become 1)",
        'Book.genres is loaded once per row at library/books.html:5: add .prefetch_related("genres") '
        "(16 queries become 2)",
    ]


def test_the_admin_is_told_which_class_to_change(records):
    client = Client()
    client.force_login(User.objects.get())

    client.get("/admin/library/review/")

    (hint,) = wide(records).hints
    assert 'set list_select_related = ["book"] on ReviewAdmin' in hint
    assert hint.startswith("Review.book is loaded once per row at ")


def test_a_method_of_the_admin_class_is_named_with_its_line(records):
    client = Client()
    client.force_login(User.objects.get())

    client.get("/admin/library/book/")

    assert any("Book.author is loaded once per row at library/admin.py:14" in hint for hint in wide(records).hints)


def test_a_failing_view_has_its_queries_counted(records):
    Client(raise_request_exception=False).get("/failing/")

    assert wide(records).db_queries == 1


def test_queries_of_a_streaming_body_count(records):
    response = Client().get("/streaming/")
    b"".join(response.streaming_content)
    response.close()

    assert wide(records).db_queries == 1


def test_what_controls_a_transaction_is_counted_apart(records):
    Client().get("/saving/")

    record = wide(records)
    assert record.db_queries == 1
    assert record.db_writes == 1
    assert record.db_transaction_statements >= 2


def test_nothing_of_a_request_is_left_when_it_is_over():
    Client().get("/careless/")

    assert current.get() is None


def test_neither_session_nor_user_is_loaded_by_watching(records):
    client = Client()
    client.force_login(User.objects.get())

    response = client.get("/trivial/")

    assert wide(records).db_queries == 0
    assert "Cookie" not in response.get("Vary", "")


def test_parameters_are_nowhere_in_the_record(records):
    Book.objects.filter(title="book 0.0").exists()
    Client().get("/careless/")

    text = repr(wide(records).__dict__)
    assert "book 0.0" not in text
    assert "db_busiest" in text


@override_settings(
    AURA={"PERFORMANCE": {"budgets": {"books/<int:pk>/": {"queries": 1, "duplicates": 0}}, "max_queries": 50}}
)
def test_a_route_may_have_a_budget_of_its_own(records):
    client = Client()
    client.get("/books/1/")
    assert wide(records).over_budget == ["queries 2 > 1"]
    records.clear()

    client.get("/careless-template/")
    assert not hasattr(wide(records), "over_budget")


@override_settings(MIDDLEWARE=["aura_logging.django.middleware.DatabaseQueryTrackingMiddleware"])
def test_the_inner_middleware_works_alone(records):
    Client().get("/careless/")

    (record,) = records
    assert (record.name, record.levelno, record.db_queries) == ("aura.queries", logging.WARNING, 16)


@override_settings(MIDDLEWARE=["aura_logging.django.middleware.PerformanceMonitoringMiddleware"])
def test_the_outer_middleware_works_alone(records, monkeypatch):
    monkeypatch.setattr("aura_logging.django.request_queries._tracking", [])
    Client().get("/careless/")

    assert not hasattr(wide(records), "db_queries")


@override_settings(AURA={"PERFORMANCE": {"enabled": False}})
def test_switched_off_it_is_out_of_the_way(records, monkeypatch):
    monkeypatch.setattr("aura_logging.django.request_queries._tracking", [])
    assert Client().get("/careless/").status_code == 200

    assert records == []


def test_async_views_are_counted_and_named_too(records):
    asyncio.run(AsyncClient().get("/careless-async/"))

    record = wide(records)
    assert record.db_queries == 16
    (hint,) = record.hints
    assert "Author is looked up one by one at library/views.py:" in hint


def test_code_run_in_a_thread_is_named_by_its_own_line(records):
    asyncio.run(AsyncClient().get("/threaded/"))

    assert any("Book.author is loaded once per row at library/models.py:" in hint for hint in wide(records).hints)


def test_concurrent_requests_keep_their_counts_apart(records, rollback_committed):
    async def all_at_once():
        await asyncio.gather(*(AsyncClient().get(f"/counted/{number % 7}/") for number in range(40)))

    asyncio.run(all_at_once())

    counts = sorted((record.path, record.db_queries) for record in map(_with_path, records))
    assert counts == sorted((f"/counted/{number % 7}/", 2 * (number % 7)) for number in range(40))


def _with_path(record):
    record.path = f"/counted/{record.db_queries // 2}/" if not hasattr(record, "path") else record.path
    return record


@pytest.fixture
def rollback_committed():
    yield
    Author.objects.filter(name="new").delete()


def test_a_budget_is_kept_or_the_test_fails_with_the_hint():
    client = Client()
    with assert_request_budget(queries=1, duplicates=0):
        client.get("/careful/")

    with pytest.raises(BudgetExceededError, match=r"queries 16 > 1\n  - Book.author is loaded once per row") as failed:
        with assert_request_budget(queries=1):
            client.get("/careless/")
    assert isinstance(failed.value, AssertionError)


def test_a_budget_inside_another_counts_in_both():
    def ask():
        for book in Book.objects.all():
            book.author.name  # it loads

    with pytest.raises(BudgetExceededError, match=r"queries 33 > 20\n  - Book.author .*\(31 queries become 1\)"):
        with assert_request_budget(queries=20):
            with assert_request_budget(queries=16):
                ask()
            with assert_request_budget(queries=16):
                ask()
            Book.objects.count()


def test_a_budget_around_async_requests_places_the_queries_of_each():
    async def task_that_is_watched():
        request_queries.begin(RequestFactory().get("/"), PerformanceOptions(), is_async=True)
        return current.get().task is asyncio.current_task()

    with assert_request_budget():
        first, second = asyncio.run(task_that_is_watched()), asyncio.run(task_that_is_watched())

    assert (first, second) == (True, True)


def test_a_question_asked_twice_breaks_the_budget():
    def ask():
        return Book.objects.filter(pk=1).first()

    with pytest.raises(
        BudgetExceededError, match=r"duplicates 1 > 0\n  - the same query ran 2 times, at check_requests.py"
    ):
        with assert_request_budget():
            ask()
            Book.objects.filter(price=1).first()
            ask()
            list(Book.objects.all())


def test_staff_and_developers_see_the_times_in_their_browser(records):
    client = Client()
    assert "Server-Timing" not in client.get("/careful/")

    with override_settings(DEBUG=True):
        header = client.get("/careful/")["Server-Timing"]
    names = [part.partition(";")[0] for part in header.split(", ")]
    assert names == ["total", "view", "middleware", "db"]
    assert header.endswith(';desc="1 query"')

    client.force_login(User.objects.get())
    assert "Server-Timing" in client.get("/admin/library/review/")
    assert "Server-Timing" not in client.get("/trivial/")


def test_a_template_response_tells_how_long_its_template_took(records):
    client = Client()
    client.force_login(User.objects.get())

    client.get("/admin/library/review/")

    record = wide(records)
    assert 0 < record.template_time <= record.view_time <= record.request_duration


def test_a_response_that_renders_itself_in_a_way_of_its_own_is_served(records):
    assert Client().get("/rendering-itself/").content == b"rendered"
    assert wide(records).view_time > 0


def test_what_render_renders_counts_as_the_template_s_time(records):
    Client().get("/careful-template/")

    record = wide(records)
    assert 0 < record.template_time <= record.view_time


def test_a_template_inside_another_counts_once():
    log = QueryLog()
    inner = engines["django"].from_string("inner")
    outer = engines["django"].from_string("{{ show }}")

    token = current.set(log)
    began = time.perf_counter()
    assert outer.render({"show": lambda: inner.render() * 2}) == "innerinner"
    elapsed = time.perf_counter() - began
    current.reset(token)

    assert 0 < log.template_seconds <= elapsed


def test_the_timed_backend_is_django_s_own_to_everybody():
    (engine,) = engines.all()

    assert (engine.name, isinstance(engine, DjangoTemplates)) == ("django", True)
    with pytest.raises(TemplateDoesNotExist):
        engine.get_template("no/such.html")
    assert engine.from_string("{{ 1|add:1 }}").render() == "2"


def test_the_cache_is_counted_in_the_record(records):
    Client().get("/cached/")
    Client().get("/cached/")

    first, second = (record for record in records if record.name == "aura.request")
    assert (first.cache_hits, first.cache_misses, first.cache_sets) == (0, 1, 1)
    assert (second.cache_hits, second.cache_misses) == (1, 0)
    assert first.cache_keys[0]["keys"] == "page:*"


@override_settings(AURA={"PERFORMANCE": {"allocation_sample_rate": 1.0}})
def test_a_sampled_request_tells_where_its_memory_went(records):
    Client().get("/careful/")

    record = wide(records)
    assert record.memory_peak > 0
    assert {"site", "bytes"} == set(record.allocations[0])
    assert not tracemalloc.is_tracing()


EXPLAIN_ALL = {"slow_query_seconds": 1e-9, "explain_slow_queries": True, "explain_sample_rate": 1}


@override_settings(AURA={"PERFORMANCE": EXPLAIN_ALL})
def test_a_slow_query_that_reads_a_whole_table_raises_suspicion(records):
    Client().get("/careless/")

    record = wide(records)
    assert record.db_queries == 16
    assert record.slow_queries == 16
    assert any("reads the whole of library_book: an index may be missing" in hint for hint in record.hints)


def test_a_refused_explanation_spoils_no_transaction(rollback, monkeypatch):
    from django.db import connection

    from aura_logging.django import explain

    monkeypatch.setitem(explain._PREFIXES, explain._product(connection), "EXPLAIN NONSENSE ")
    assert explain.explain(connection, "SELECT 1", None) == ("", ())
    assert Book.objects.exists()


def test_what_stands_behind_a_slow_query_is_not_run_again_to_explain_it(observe):
    from aura_logging.django.explain import explain

    assert explain(connection, "SELECT name FROM library_country;", None)[0]
    assert explain(connection, "SELECT 1; DELETE FROM library_country", None) == ("", ())

    def read_and_write():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1; INSERT INTO library_country (name) VALUES ('once')")

    if connection.vendor == "postgresql":  # the one that takes two statements at once
        with transaction.atomic():
            observe(read_and_write, slow_query_seconds=1e-9, explain_sample_rate=1.0)
            assert Country.objects.filter(name="once").count() == 1
            transaction.set_rollback(True)


def test_a_long_transaction_is_told(observe):
    def work():
        with transaction.atomic():
            list(Book.objects.all())
            list(Author.objects.all())

    log = QueryLog()
    token = current.set(log)
    work()
    current.reset(token)

    report = judge(log, long_transaction_seconds=1e-9)
    assert report.long_transaction.alias == "default"
    assert report.long_transaction.seconds > 0
    assert judge(log, long_transaction_seconds=60).long_transaction is None


def test_each_database_is_counted(observe):
    def ask():
        list(Book.objects.all())
        list(Book.objects.using("archive").all())
        list(Author.objects.using("archive").all())

    assert observe(ask).fields()["db_aliases"] == {"default": 1, "archive": 2}


def test_executemany_is_one_query_and_its_rows_count(observe, rollback):
    def insert():
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO library_country (name) VALUES (%s)", [["a"], ["b"], ["c"]])

    report = observe(insert)
    assert (report.count, report.writes, report.rows) == (1, 1, 3)


if connection.vendor == "postgresql":
    from psycopg import sql

    def test_a_statement_that_a_driver_composes_is_counted_and_told_without_its_values(observe, caplog):
        composed = sql.SQL("SELECT id FROM {} WHERE title = {}").format(sql.Identifier("library_book"), "a secret")

        def ask():
            with caplog.at_level(logging.DEBUG, "django.db.backends"), connection.cursor() as cursor:
                cursor.execute(composed)
                cursor.execute(b"SELECT id FROM library_book")

        report = observe(ask)
        assert report.count == 2
        assert 'SELECT id FROM "library_book" WHERE title = ?' in caplog.text
        assert "a secret" not in caplog.text


def test_server_side_cursors_are_counted(observe):
    report = observe(lambda: list(Book.objects.order_by("pk").iterator(chunk_size=2)))

    assert report.count == 1


def test_a_query_that_fails_is_counted_and_raises_as_ever(observe, rollback):
    def fail():
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    report = observe(fail)
    assert (report.count, report.failed) == (1, 1)


def test_somebody_elses_wrapper_is_taken_away_at_its_end_and_ours_stays():
    def theirs(execute, sql, params, many, context):
        return execute(sql, params, many, context)

    connection.close()
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(theirs):
        connection.ensure_connection()
        assert len(connection.execute_wrappers) == 2
    assert [wrapper.__name__ for wrapper in connection.execute_wrappers] == ["_observe"]


def test_a_hundred_thousand_queries_take_bounded_memory():
    log = QueryLog()
    for number in range(100_000):
        log.add(f"SELECT {number} FROM books WHERE id = %s", (number,), "default", 0.001, log, number % 1000, -1)

    assert log.totals()[0] == 100_000
    assert len(log.groups) <= 502
    assert sys.getsizeof(log.seen) + sum(len(group.sql) for group in log.groups.values()) < 2_000_000


@pytest.mark.parametrize("is_atomic", [False, True])
def test_a_loop_s_queries_all_count_however_often_it_comes_round(observe, is_atomic):
    keys = list(Author.objects.values_list("pk", flat=True))

    def look_up():
        if is_atomic:
            with transaction.atomic():
                return [Author.objects.get(pk=key) for _ in range(20) for key in keys]
        return [Author.objects.get(pk=key) for _ in range(20) for key in keys]

    report = observe(look_up)

    (finding,) = report.n_plus_one
    assert (report.count, finding.queries) == (120, 120)
    assert report.duplicate_queries == 0  # they are the finding's


def test_a_transaction_lasts_to_its_last_query_when_that_is_one_like_before():
    log = QueryLog()
    token = current.set(log)
    try:
        with transaction.atomic():
            for key in range(5):
                before_last = time.perf_counter()
                list(Author.objects.filter(pk=key))
    finally:
        current.reset(token)

    assert log.longest_transaction.began < before_last < log.longest_transaction.ended
    assert log.uncounted == 0


class Awkward(int):
    """A parameter that cannot be shown."""

    def __repr__(self):
        raise ValueError("not to be shown")

    def __str__(self):
        return "1"  # what a driver may write


def test_a_parameter_that_cannot_be_shown_counts_like_any_other():
    log = QueryLog()
    token = current.set(log)
    try:
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT name FROM library_author WHERE id = %s", [Awkward(1)])
    finally:
        current.reset(token)

    assert (log.uncounted, log.totals()[0]) == (0, 3)

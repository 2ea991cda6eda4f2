from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.performance.loads import Site, Subject
from aura_logging.performance.origins import DIRECT, Origin, Way
from aura_logging.performance.queries import MAX_GROUPS, QueryLog, SlowQuery
from aura_logging.performance.report import judge

HERE = object()
BOOK_AUTHOR = Subject("Book", "author", "forward", "book", "author")


def ask(log: QueryLog, sql: str = "SELECT a FROM book", params: object = (), line: int = 1, alias: str = "default"):
    group = log.add(sql, params, alias, 0.5, HERE, line, -1)
    group.site = Site("views.py", line)
    return group


def load(log: QueryLog, row: int, line: int = 1, subject: Subject = BOOK_AUTHOR) -> None:
    group = ask(log, "SELECT a FROM author WHERE id = %s LIMIT 21", (row,), line)
    found = log.loaded(group, subject, row)
    found.seen("path", row, log.n_plus_one_threshold)


def test_times_and_counts_add_up_and_what_controls_a_transaction_is_apart() -> None:
    log = QueryLog()

    ask(log, "BEGIN")
    ask(log)
    ask(log, "UPDATE book SET a = 1")

    report = judge(log)
    assert (report.count, report.writes, report.transaction_statements, report.seconds) == (2, 1, 1, 1.5)


def test_the_same_question_twice_is_a_duplicate_and_says_where() -> None:
    log = QueryLog()

    ask(log, params=(7,), line=1)
    ask(log, params=(7,), line=9)
    ask(log, params=(8,), line=9)

    report = judge(log)
    (duplicate,) = report.duplicates
    assert report.duplicate_queries == 1
    assert (str(duplicate.first_site), str(duplicate.last_site), duplicate.count) == ("views.py:1", "views.py:9", 2)


def test_a_write_in_between_makes_it_a_new_question() -> None:
    log = QueryLog()

    ask(log)
    ask(log, "DELETE FROM other")
    ask(log)

    assert judge(log).duplicate_queries == 0


def test_another_database_is_another_question() -> None:
    log = QueryLog()

    ask(log, alias="default")
    ask(log, alias="replica")

    report = judge(log)
    assert report.duplicate_queries == 0
    assert report.fields()["db_aliases"] == {"default": 1, "replica": 1}


def test_parameters_without_a_hash_are_compared_all_the_same() -> None:
    log = QueryLog()

    ask(log, params=[[1, 2], {"a": 1}])
    ask(log, params=[[1, 2], {"a": 1}])
    ask(log, params=[[1, 3], {"a": 1}])

    assert judge(log).duplicate_queries == 1


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2)), max_size=40))
def test_duplicates_are_what_a_plain_count_says(asked: list[tuple[int, int]]) -> None:
    log = QueryLog()

    for value, line in asked:
        ask(log, params=(value,), line=line)

    assert judge(log).duplicate_queries == len(asked) - len({value for value, _ in asked})


def test_one_field_for_many_rows_at_one_line_is_an_n_plus_one_and_no_duplicate() -> None:
    log = QueryLog()

    for row in (1, 2, 1, 3):
        load(log, row)

    report = judge(log)
    (finding,) = report.n_plus_one
    assert (str(finding.subject), str(finding.site), finding.queries) == ("Book.author", "views.py:1", 4)
    assert report.duplicate_queries == 0


def test_the_threshold_says_for_how_many_rows() -> None:
    log = QueryLog(n_plus_one_threshold=3)

    load(log, 1)
    load(log, 2)
    assert judge(log).n_plus_one == ()
    load(log, 3)
    assert len(judge(log).n_plus_one) == 1


def test_lines_of_their_own_are_no_loop() -> None:
    log = QueryLog()

    load(log, 1, line=1)
    load(log, 2, line=2)

    assert judge(log).n_plus_one == ()


def test_rows_that_were_fetched_one_by_one_explain_their_loads() -> None:
    log = QueryLog()

    ask(log, "SELECT a FROM book WHERE id = %s LIMIT 21", (1,), line=8)
    ask(log, "SELECT a FROM book WHERE id = %s LIMIT 21", (2,), line=9)
    load(log, 1)
    load(log, 2)
    assert judge(log).n_plus_one == ()

    load(log, 3)
    assert len(judge(log).n_plus_one) == 1


def test_memory_is_bounded_by_the_number_of_different_statements() -> None:
    log = QueryLog()

    for number in range(3 * MAX_GROUPS):
        ask(log, f"SELECT {number} FROM book")
        log.add_slow(SlowQuery(ask(log, "x" * 100_000), number))

    assert len(log.groups) <= MAX_GROUPS + 2
    assert max(len(group.sql) for group in log.groups.values()) <= 4_096
    assert [slow.seconds for slow in judge(log).slow] == [1499]
    assert judge(log).count == 6 * MAX_GROUPS
    assert judge(log).slow_queries == 3 * MAX_GROUPS


def test_of_each_slow_statement_the_slowest_run_is_kept_with_the_plan_of_any() -> None:
    log = QueryLog()
    groups = [ask(log, f"SELECT {number} FROM book") for number in range(7)]

    for number, group in enumerate(groups):
        log.add_slow(SlowQuery(group, number + 0.5))
        log.add_slow(SlowQuery(group, number, plan="Seq Scan on book", scanned_tables=("book",)))

    slow = judge(log).slow
    assert [query.seconds for query in slow] == [6.5, 5.5, 4.5, 3.5, 2.5]
    assert {query.scanned_tables for query in slow} == {("book",)}
    assert judge(log).slow_queries == 14


def test_threads_may_add_at_once() -> None:
    log = QueryLog()
    threads = [threading.Thread(target=lambda: [ask(log) for _ in range(2_000)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert judge(log).count == 8_000


def test_a_quiet_report_has_two_fields() -> None:
    assert judge(QueryLog()).fields() == {"db_queries": 0, "db_time": 0.0}


def test_the_longest_transaction_counts() -> None:
    log = QueryLog()
    first, second = object(), object()

    log.in_transaction("default", first, 10.0, 11.0, Site("a.py", 1))
    log.in_transaction("default", first, 12.0, 15.0, Site("a.py", 2))
    log.in_transaction("default", second, 20.0, 21.0, Site("b.py", 1))

    long = judge(log, long_transaction_seconds=4.0).long_transaction
    assert long is not None
    assert (long.seconds, str(long.site)) == (5.0, "a.py:1")
    assert judge(log, long_transaction_seconds=6.0).long_transaction is None


def test_the_same_row_fetched_alone_again_excuses_no_second_load() -> None:
    log = QueryLog()

    for key in (1, 1, 1):
        ask(log, "SELECT a FROM book WHERE id = %s LIMIT 21", (key,), line=3)
    for row in (1, 2):
        load(log, row)

    (finding,) = judge(log).n_plus_one
    assert (str(finding.subject), finding.queries) == ("Book.author", 2)


def test_as_many_rows_fetched_alone_excuse_as_many_loads() -> None:
    log = QueryLog()

    for key in (1, 2):
        ask(log, "SELECT a FROM book WHERE id = %s LIMIT 21", (key,), line=3)
        load(log, key)

    assert judge(log).n_plus_one == ()


def test_what_only_completes_rows_excuses_nothing() -> None:
    log = QueryLog()

    for key in (1, 2):
        ask(log, "SELECT b FROM book WHERE id = %s LIMIT 21", (key,), line=3).origin = Origin(brings_rows=False)
        load(log, key)

    assert len(judge(log).n_plus_one) == 1


def test_what_validation_asks_twice_is_no_duplicate() -> None:
    log = QueryLog()

    for _ in range(2):
        ask(log, "SELECT 1 AS a FROM author WHERE id = %s LIMIT 1", (7,)).origin = Origin(is_check=True)

    assert (judge(log).duplicate_queries, judge(log).duplicates) == (0, ())


def rows_of_books(log: QueryLog, origin: Origin) -> None:
    ask(log, "SELECT a FROM shelf", line=5).origin = origin
    for row in (1, 2):
        load(log, row)


def test_rows_are_reached_the_way_that_they_came() -> None:
    joined, prefetched = QueryLog(), QueryLog()

    rows_of_books(joined, Origin(joined=(("book", "first"), ("book", "second"), ("pen", "pen"))))
    ask(prefetched, "SELECT a FROM book", line=6).origin = Origin("shelves__books")
    rows_of_books(prefetched, Origin())

    assert judge(joined).n_plus_one[0].way == Way(("first", "second"))
    assert judge(prefetched).n_plus_one[0].way == Way(("shelves__books",), is_prefetched=True)


def test_rows_that_are_fetched_by_themselves_too_are_taken_for_the_outermost() -> None:
    log = QueryLog()

    ask(log, "SELECT a FROM book", line=6)
    rows_of_books(log, Origin(joined=(("book", "first"),)))

    assert judge(log).n_plus_one[0].way == DIRECT

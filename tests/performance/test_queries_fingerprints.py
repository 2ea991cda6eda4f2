from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.performance.fingerprints import fingerprint, statement


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE id = 17", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a FROM t WHERE id IN (%s, %s, %s)", "SELECT a FROM t WHERE id IN (…)"),
        ("SELECT a  FROM t\n WHERE name = 'O''Hara'", "SELECT a FROM t WHERE name = ?"),
        ("SELECT a FROM t2 WHERE col3 = %(name)s LIMIT 21", "SELECT a FROM t2 WHERE col3 = ? LIMIT ?"),
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)", "INSERT INTO t (a, b) VALUES (…)"),
        ("SELECT $1, $tag$secret$tag$ FROM t -- secret", "SELECT ?, ? FROM t"),
        ("SELECT 1.5e3 /* secret */ FROM t WHERE x = -4", "SELECT ? FROM t WHERE x = ?"),
        ('SAVEPOINT "s140_x1"', "SAVEPOINT ?"),
        ('SELECT "t"."a1" FROM "t"', 'SELECT "t"."a1" FROM "t"'),
    ],
)
def test_statements_that_differ_in_values_only_look_alike(sql: str, expected: str) -> None:
    assert fingerprint(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT a FROM t WHERE email = "secret"',
        'SELECT a FROM t WHERE email LIKE "secret" AND b <> "secret" AND c IN ("x", "secret")',
        'INSERT INTO t (a, b) VALUES ("x", "secret"), ("y", "secret")',
        'SELECT a FROM t WHERE md5(a) = md5("secret@example.com")',
        'SELECT `a` FROM `t` WHERE md5(`a`) = md5("secret")',
        "SELECT a FROM t WHERE name = 'it\\'s secret' AND b = 'secret'",
        "SELECT a FROM t WHERE path = 'C:\\' AND b = 'secret'",
        "SELECT a FROM t WHERE a = 'x /* y' AND b = 'secret */'",
        "SELECT a FROM t WHERE a = 'x -- y' AND b = 'secret'",
        "SELECT a FROM t WHERE a = 'secret",
        "SELECT a FROM t WHERE a = $$secret",
        'SELECT a FROM t WHERE a = "secret',
        """SELECT a FROM t WHERE a = "secret it's" AND b = 'secret'""",
        "SELECT a FROM t # secret",
        "SELECT a FROM t /* secret",
        "SELECT '" + "x" * 5_000 + "secret'",
    ],
)
def test_no_value_survives_in_any_dialect_s_quotes(sql: str) -> None:
    assert "secret" not in fingerprint(sql)


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "book"."id", COUNT("note"."id") AS "notes" FROM "book" JOIN "note" ON ("book"."id" = "note"."book")',
        'UPDATE "book" SET "title" = ? WHERE "book"."id" = "book"."first_id"',
        'INSERT INTO "book" ("title", "author_id") VALUES (…) RETURNING "book"."id"',
        "SELECT a FROM t WHERE b #>> ? = ?",
    ],
)
def test_names_stay(sql: str) -> None:
    assert fingerprint(sql) == sql


@pytest.mark.parametrize("number", ["0xDEADBEEF", ".5", "1_000", "-7", "1e-5", "3.14"])
def test_a_number_is_a_value_however_it_is_written(number: str) -> None:
    assert fingerprint(f"SELECT a FROM t WHERE b = {number}") == "SELECT a FROM t WHERE b = ?"


@given(st.text(alphabet=st.characters(exclude_characters="'-/*\\"), max_size=40), st.integers(min_value=0))
def test_no_value_survives_in_a_fingerprint(text: str, number: int) -> None:
    assert fingerprint(f"SELECT a FROM t WHERE name = '{text}' AND id = {number}") == (
        "SELECT a FROM t WHERE name = ? AND id = ?"
    )


@given(st.text(max_size=300), st.sampled_from([1, 50]))
def test_any_text_has_a_fingerprint_of_bounded_length(text: str, times: int) -> None:
    assert len(fingerprint(text * times)) <= 500
    assert statement(text * times).kind in ("read", "write", "transaction", "other")


@pytest.mark.parametrize(
    ("sql", "kind", "table"),
    [
        ('SELECT "a" FROM "shop_book" WHERE 1', "read", "shop_book"),
        ("  (select a from public.book)", "read", "book"),
        ("WITH x AS (SELECT a FROM t) SELECT * FROM x", "read", "t"),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x", "write", "t"),
        ("-- why\nINSERT INTO `t` VALUES (1)", "write", "t"),
        ('UPDATE "t" SET a = 1', "write", "t"),
        ("DELETE FROM t", "write", "t"),
        ("BEGIN", "transaction", ""),
        ('RELEASE SAVEPOINT "s"', "transaction", ""),
        ('SELECT EXTRACT(YEAR FROM "a"."day") FROM "a"', "read", "a"),
        ("SELECT (SELECT b FROM c WHERE c.a_id = a.id LIMIT 1) AS b FROM a", "read", "a"),
        ("SELECT COUNT(*) FROM (SELECT EXTRACT(DAY FROM b) FROM a) subquery", "read", "a"),
        ("(SELECT b FROM a) UNION (SELECT b FROM c)", "read", "a"),
        ("PRAGMA foreign_keys", "other", ""),
        ("", "other", ""),
    ],
)
def test_a_statement_tells_what_it_does_to_which_table(sql: str, kind: str, table: str) -> None:
    assert (statement(sql).kind, statement(sql).table) == (kind, table)


def test_how_many_rows_a_statement_wants_is_seen() -> None:
    assert statement("SELECT a FROM t LIMIT 21").is_single
    assert statement("SELECT a FROM t ORDER BY a LIMIT 1").is_single
    assert statement("SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 7").is_single
    assert not statement("SELECT a FROM t LIMIT 10").is_single
    assert not statement("SELECT a FROM t LIMIT 10 OFFSET 1").is_single
    assert statement("SELECT %s AS a FROM t LIMIT 1").is_probe
    assert statement("SELECT COUNT(*) FROM t").is_count


@pytest.mark.parametrize(
    ("sql", "key"),
    [
        ('SELECT "t"."a" FROM "t" WHERE "t"."b_id" = %s', "b_id"),
        ("SELECT `a` FROM `t` WHERE `t`.`b_id` = %s ORDER BY `t`.`a` ASC", "b_id"),
        ("SELECT SUM(a) FROM t WHERE id = %(key)s GROUP BY a;", "id"),
        ("SELECT a FROM t WHERE id > %s", ""),
        ("SELECT a FROM t WHERE id = %s LIMIT 5", ""),
        ("SELECT a FROM t WHERE id = %s ORDER BY a DESC\nLIMIT 5", ""),
        ("SELECT a FROM t WHERE id = %s FOR UPDATE", ""),
        ("SELECT a FROM t WHERE id = %s AND a = %s", ""),
        ("SELECT a FROM t WHERE id IN (%s)", ""),
        ("SELECT a FROM t WHERE NOT id = %s", ""),
        ("SELECT a FROM t WHERE id = %s OR a IS NULL", ""),
        ("UPDATE t SET a = 1 WHERE id = %s", ""),
        ("SELECT a FROM t", ""),
    ],
)
def test_the_key_that_alone_chooses_the_rows_is_seen(sql: str, key: str) -> None:
    assert statement(sql).key == key


def test_of_a_long_statement_the_end_is_looked_at_too() -> None:
    columns = ", ".join(f'"t"."column_{number}"' for number in range(1_000))

    found = statement(f'SELECT {columns} FROM "t" WHERE "t"."id" = %s LIMIT 21')

    assert (found.kind, found.table, found.is_single) == ("read", "t", True)
    assert not statement(f'SELECT {columns} FROM "t" WHERE "t"."id" = %s FOR UPDATE').is_repeatable


def test_only_what_must_give_the_same_again_is_repeatable() -> None:
    assert statement("SELECT a FROM t").is_repeatable
    assert not statement("SELECT nextval('numbers')").is_repeatable
    assert not statement("SELECT * FROM pg_try_advisory_lock(7)").is_repeatable
    assert not statement('SELECT * FROM "next_number" ()').is_repeatable
    assert not statement("SELECT a FROM t FOR UPDATE").is_repeatable
    assert not statement("UPDATE t SET a = 1").is_repeatable

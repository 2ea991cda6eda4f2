"""What a statement does to which table is seen in its text, whoever wrote it and however."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.django.tracking.statements import tables_of, written_rows


def seen(sql: str) -> list[tuple[str, str]]:
    return [(use.operation, use.table) for use in tables_of(sql)]


@pytest.mark.parametrize(
    ("sql", "uses"),
    [
        ('INSERT INTO "shop_book" ("a") VALUES (%s) RETURNING "id"', [("insert", "shop_book")]),
        ("INSERT OR REPLACE INTO t (a) VALUES (1)", [("insert", "t")]),
        ("INSERT IGNORE INTO `t` VALUES (1)", [("insert", "t")]),
        ("replace into t values (1)", [("insert", "t")]),
        ('UPDATE public."Book" SET a = 1', [("update", "book")]),
        ("UPDATE ONLY t SET a = (SELECT max(a) FROM u)", [("update", "t"), ("read", "u")]),
        ("  -- a comment\n/* another */ DELETE FROM [dbo].[t] WHERE a = 1", [("delete", "t")]),
        ("WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM gone",
         [("delete", "t"), ("insert", "u"), ("read", "gone")]),
        ('TRUNCATE TABLE a, "b" CASCADE', [("truncate", "a"), ("truncate", "b")]),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", [("merge", "t")]),
        ("COPY t (a) FROM STDIN", [("copy", "t")]),
        ("COPY t TO STDOUT", [("read", "t")]),
        ("SELECT * FROM a, b AS c LEFT JOIN d ON 1 = 1 FOR UPDATE", [("read", "a"), ("read", "b"), ("read", "d")]),
        ("(SELECT a FROM t) UNION (SELECT a FROM u)", [("read", "t"), ("read", "u")]),
        ("BEGIN IMMEDIATE", []),
        ("SAVEPOINT update_t", []),
        ("PRAGMA table_info(t)", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_a_statement_does_to_which_table(sql: str, uses: list[tuple[str, str]]) -> None:
    found = [use for use in seen(sql) if use not in (("update", "set"), ("read", "stdin"))]
    assert found == uses


@pytest.mark.parametrize(
    "hidden", ["'; DELETE FROM t; --'", "$x$DELETE FROM t$x$", "-- DELETE FROM t\n", "/* UPDATE t */"]
)
def test_what_stands_in_a_text_or_a_comment_does_nothing(hidden: str) -> None:
    assert [use for use in seen(f"UPDATE u SET a = 1 {hidden} WHERE b = {hidden} 2") if use[1] == "t"] == []


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, (SELECT 1))", 2),
        ("INSERT INTO t (a) VALUES (%s) ON CONFLICT (a) DO UPDATE SET b = (1)", 1),
        ("INSERT INTO t VALUES ('), (', 1), ('x', 2) RETURNING f(a)", 2),
        ("INSERT INTO t SELECT * FROM u", None),
        ("INSERT INTO t DEFAULT VALUES", None),
    ],
)
def test_the_rows_of_an_insert_are_counted(sql: str, rows: int | None) -> None:
    assert written_rows(sql) == rows


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    tables_of(text)
    written_rows(text)


IDENTIFIERS = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True)


@given(st.sampled_from(["INSERT INTO", "UPDATE", "DELETE FROM"]), IDENTIFIERS, st.sampled_from(['"{}"', "{}", "`{}`"]))
def test_a_written_table_is_found_however_it_is_quoted(verb: str, table: str, quoted: str) -> None:
    assert ({"INSERT INTO": "insert", "UPDATE": "update", "DELETE FROM": "delete"}[verb], table) in seen(
        f"{verb} {quoted.format(table)} SET x = 1"
    )

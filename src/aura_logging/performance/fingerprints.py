"""Recognise statements that differ only in their values, and tell what a statement does to which table."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_SQL", "Statement", "fingerprint", "statement"]

MAX_SQL = 4_096
"""Characters of a statement that are looked at and kept; what Django writes for a wide join is about 2,000."""

_TAIL = 512
_MAX_FINGERPRINT = 500
_CACHED_STATEMENTS = 1_024

Kind = Literal["read", "write", "transaction", "other"]

_KINDS: dict[str, Kind] = {
    "SELECT": "read",
    "WITH": "read",
    "VALUES": "read",
    "INSERT": "write",
    "UPDATE": "write",
    "DELETE": "write",
    "REPLACE": "write",
    "MERGE": "write",
    "TRUNCATE": "write",
    "COPY": "write",
    "CALL": "write",
    "BEGIN": "transaction",
    "START": "transaction",
    "COMMIT": "transaction",
    "ROLLBACK": "transaction",
    "SAVEPOINT": "transaction",
    "RELEASE": "transaction",
}

_VERB = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*([A-Za-z]+)", re.DOTALL)
_NAME = r'(?:[`"\[]?[\w$]+[`"\]]?\.)?[`"\[]?([\w$]+)[`"\]]?'
# What is called, and not read from, may do anything.
_READ_TABLE = re.compile(r"\bFROM\s+" + _NAME + r"\b(?![`\"\]]?\s*\()", re.IGNORECASE)
_WRITTEN_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM|TABLE)\s+(?:ONLY\s+)?" + _NAME, re.IGNORECASE)
_WRITES_INSIDE = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE|KEY\s+SHARE)\b", re.IGNORECASE)
# How Django asks whether there is anything, and how many there are; neither loads a row of a model.
_PROBES = re.compile(r"SELECT\s+(?:%s|1|\(1\))\s+AS\b", re.IGNORECASE)
_COUNTS = re.compile(r"SELECT\s+COUNT\(", re.IGNORECASE)
# `first()`, `[0]` and `[7]` ask for one row; `get()` for 21, to say how many there were instead of one.
_SINGLE = re.compile(r"\bLIMIT\s+(?:1(?:\s+OFFSET\s+\d+)?|21)\s*$", re.IGNORECASE)
# No more than one column that equals one value: the rows of one key. With a range, a limit or a second condition it may
# well be a chunk, a page or a search.
_ONE_KEY = re.compile(
    r"""\bWHERE\s+(?:[`"\w$]+\.)?[`"]?([\w$]+)[`"]?\s*=\s*(?:%s|%\(\w+\)s)\s*"""
    r"""(?!.*\b(?:LIMIT|OFFSET|FETCH|FOR)\b)(?:(?:ORDER|GROUP)\s+BY\s+[\w\s,.`"$]+)?;?\s*\Z""",
    re.IGNORECASE | re.DOTALL,
)

_QUOTED = re.compile(r"'(?:[^']|'')*(?:'|\Z)")  # its end perhaps cut off
_LITERALS = re.compile(
    r"\$(\w*)\$.*?(?:\$\1\$|\Z)"  # $tag$text$tag$
    r"|%\(\w+\)s|%s"  # parameters, named and not
    r"|\$\d+"
    r"|(?<![\w$\"`.])[-+]?(?:0[xX][0-9a-fA-F]+|[\d_]*\.?\d[\d_]*(?:[eE][-+]?\d+)?)\b"  # numbers, not a name's digits
    r"|\b(?:TRUE|FALSE)\b",
    re.DOTALL,
)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_HASH_COMMENTS = re.compile(r"#\s[^\n]*")  # MySQL's; PostgreSQL has operators that begin so
# A backslash hides a quote in MySQL and does not in standard SQL: from the first quote to the last all may be text.
_ALL_QUOTED = re.compile(r"'.*'", re.DOTALL)
# What double quotes hold is a name in standard SQL, and text in MySQL, which writes its names in backticks. Without
# those, text is what is compared with or listed as a value, and what no name looks like.
_DOUBLE_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|\Z)')
_NO_NAME = re.compile(r'[^\w$\s".-]')
_COMPARED = re.compile(r"(?:[=<>]|\b(?:LIKE|REGEXP|RLIKE))\s*\Z", re.IGNORECASE)
_MOST_BEFORE = 12
_VALUES = re.compile(r"\bVALUES\b|\bIN\s*\(", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)")
_ROWS = re.compile(r"\(…\)(?:\s*,\s*\(…\))+")
_SAVEPOINTS = re.compile(r"(?i)\b(SAVEPOINT)\s+[`\"]?[\w-]+[`\"]?")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement does: kind, main table (empty when there is none), and how it reads.

    `is_single` asks for one row (`get`, `first`, `[7]`), `is_probe` whether there is one (`exists`), `is_count`
    how many; `is_repeatable` says that running it again without a write in between must give the same rows. `key` is
    the column that must equal one value, where nothing else is asked of the rows.
    """

    kind: Kind
    table: str = ""
    is_single: bool = False
    is_probe: bool = False
    is_count: bool = False
    is_repeatable: bool = False
    key: str = ""


def statement(sql: str) -> Statement:
    """Tell what a statement does, from its text; the answer for a short one is remembered process-wide.

    Of a long one the beginning and the end are looked at: the first says what is read, the last how much of it.
    Never raises: what is not understood is of kind `other`. Any thread may ask.
    """
    return _cached(sql) if len(sql) <= MAX_SQL else _read(f"{sql[: MAX_SQL - _TAIL]} … {sql[-_TAIL:]}")


def fingerprint(sql: str) -> str:
    """Return the statement with every value as `?` and every list of values as `(…)`, at most 500 characters.

    Where the dialects disagree about what is a value, more than the values may be hidden. One thing may stay: text in
    double quotes that looks like a name, as an argument of a function, in a statement without a backtick.

    The answer is remembered process-wide. Any thread may ask.

    >>> fingerprint("SELECT a FROM t WHERE id IN (1, 2, 3) AND name = 'x'")
    'SELECT a FROM t WHERE id IN (…) AND name = ?'
    """
    return _without_values(sql if len(sql) <= MAX_SQL else sql[:MAX_SQL])


@functools.lru_cache(maxsize=_CACHED_STATEMENTS)
def _without_values(sql: str) -> str:
    text = _COMMENTS.sub(" ", sql) if "--" in sql or "/*" in sql else sql
    if "\\" in text:
        text = _ALL_QUOTED.sub("?", text)
    text = _QUOTED.sub("?", text)
    if '"' in text:
        text = _DOUBLE_QUOTED.sub("?", text) if "`" in text else _without_quoted_text(text)
    if "#" in text:
        text = _HASH_COMMENTS.sub(" ", text)
    text = _SAVEPOINTS.sub(r"\1 ?", _LITERALS.sub("?", text))
    text = _ROWS.sub("(…)", _LISTS.sub("(…)", _SPACES.sub(" ", text).strip()))
    return text if len(text) <= _MAX_FINGERPRINT else text[: _MAX_FINGERPRINT - 1] + "…"


def _without_quoted_text(text: str) -> str:
    values = _VALUES.search(text)
    listed_from = values.end() if values is not None else len(text)

    def name_or_nothing(quoted: re.Match[str]) -> str:
        start, end = quoted.span()
        if text[start - 1 : start] == "." or text[end : end + 1] == ".":
            return quoted[0]
        is_text = start >= listed_from or _NO_NAME.search(quoted[0]) or _COMPARED.search(text[:start][-_MOST_BEFORE:])
        return "?" if is_text else quoted[0]

    return _DOUBLE_QUOTED.sub(name_or_nothing, text)


def _read(sql: str) -> Statement:
    verb = _VERB.match(sql)
    kind: Kind = _KINDS.get(verb[1].upper(), "other") if verb else "other"
    if kind == "read" and verb is not None and verb[1].upper() == "WITH" and _WRITES_INSIDE.search(sql):
        kind = "write"
    if kind not in ("read", "write"):
        return Statement(kind)
    if kind == "write":
        found = _WRITTEN_TABLE.search(sql)
        return Statement(kind, found[1] if found else "")
    table = _read_table(sql, is_query_named=verb is not None and verb[1].upper() == "WITH")
    key = _ONE_KEY.search(sql)
    return Statement(
        kind,
        table,
        is_single=_SINGLE.search(sql) is not None,
        is_probe=_PROBES.match(sql) is not None,
        is_count=_COUNTS.match(sql) is not None,
        # Without a table it is a function that may do anything: take a lock, draw a number, sleep.
        is_repeatable=bool(table) and _LOCKS.search(sql) is None,
        key=key[1] if key else "",
    )


def _read_table(sql: str, is_query_named: bool) -> str:
    """Return the table of the outermost query; of named ones (`WITH`) that of the first, which the others read.

    In parentheses there may be queries of its columns, and `EXTRACT(YEAR FROM a)`.
    """
    found: list[tuple[int, str]] = []
    for match in _READ_TABLE.finditer(sql):
        before = sql[: match.start()]
        found.append((before.count("(") - before.count(")"), match[1]))
    if not found:
        return ""
    return found[0][1] if is_query_named else min(found, key=lambda each: each[0])[1]


_cached = functools.lru_cache(maxsize=_CACHED_STATEMENTS)(_read)

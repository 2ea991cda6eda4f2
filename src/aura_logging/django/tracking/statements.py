"""Tell which tables a statement writes and which it reads, from its text."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

__all__ = ["Use", "tables_of", "written_rows"]

_CACHED_STATEMENTS = 1_024
_LONGEST_CACHED = 4_096

_QUIET = re.compile(
    r"""\bE'(?:[^'\\]|''|\\.)*'"""  # E'text' of PostgreSQL, where a backslash escapes
    r"""|'(?:[^']|'')*'"""  # 'text'
    r'|"(?:[^"]|"")*"'  # "a name", which may have an apostrophe
    r"|\$(\w*)\$.*?\$\1\$"  # $tag$text$tag$
    r"|--[^\n]*|/\*.*?\*/",
    re.DOTALL | re.IGNORECASE,
)
_PROGRAM = re.compile(r"\$(\w*)\$")
"""Between such marks stands the program of a DO, whose statements are read as if it had none."""
_FIRST_WORD = re.compile(r"[\s(;]*([A-Za-z]+)")
_PART = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+)'
_NAME = rf"({_PART}(?:\s*\.\s*{_PART}){{0,2}})"
_WRITES = re.compile(
    r"\b(?:"
    r"(?P<insert>(?:INSERT(?:\s+(?:OR\s+\w+|IGNORE|LOW_PRIORITY|DELAYED|HIGH_PRIORITY))*|REPLACE)\s+INTO)"
    r"|(?P<update>(?<!FOR\s)(?<!KEY\s)UPDATE(?:\s+OR\s+\w+|\s+LOW_PRIORITY|\s+IGNORE)*)"
    r"|(?P<delete>DELETE\s+FROM)"
    r"|(?P<merge>MERGE\s+INTO)"
    r"|(?P<truncate>TRUNCATE(?:\s+TABLE)?)"
    r"|(?P<drop>DROP\s+TABLE(?:\s+IF\s+EXISTS)?)"
    r"|(?P<alter>ALTER\s+TABLE(?:\s+IF\s+EXISTS)?)"
    r"|(?P<copy>COPY)"
    r")(?:\s+|(?=[\"`\[]))(?:ONLY\s+)?" + _NAME,  # no blank is needed before a quoted name
    re.IGNORECASE,
)
_READS = re.compile(r"\b(?:FROM|JOIN)(?:\s+|(?=[\"`\[]))(?:ONLY\s+|LATERAL\s+)*" + _NAME, re.IGNORECASE)
_MORE_NAMES = re.compile(r"\s*,\s*(?:ONLY\s+)?" + _NAME, re.IGNORECASE)
_LISTS_TABLES = frozenset({"truncate", "drop"})
_COPIES_IN = re.compile(r"\s*(?:\([^)]*\))?\s*FROM\b", re.IGNORECASE)
_PASSIVE = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "PRAGMA", "SHOW"})
_EXPLAINS = re.compile(r"\s*EXPLAIN\b(?!.*\bANALY[SZ]E\b)", re.IGNORECASE | re.DOTALL)
_VALUES = re.compile(r"\bVALUES\s*(?=\()", re.IGNORECASE)
_PARENTHESES = re.compile(r"[()]")


@dataclass(frozen=True, slots=True)
class Use:
    """What a statement does to one table, whose name is in lower case, without quotes or schema.

    It is `insert`, `update`, `delete`, `merge`, `truncate`, `drop`, `alter`, `copy` or `read`.
    """

    operation: str
    table: str


def tables_of(sql: str) -> tuple[Use, ...]:
    """Return what a statement does to which tables, each once, writes first.

    Reads by sight and not by grammar: text, comments and the rows of a `VALUES` list tell nothing, a table that is
    only named by a database's own function or view is not seen. The answer for a short statement is remembered.
    """
    return _cached(sql) if len(sql) <= _LONGEST_CACHED else _read(sql)


def written_rows(sql: str) -> int | None:
    """Return how many rows an `INSERT … VALUES` gives, or `None` if it does not say."""
    quiet = _QUIET.sub(_silence, sql)
    values = _VALUES.search(quiet)
    if values is None:
        return None
    depth = rows = 0
    end = values.end()
    for parenthesis in _PARENTHESES.finditer(quiet, end):
        if depth == 0 and quiet[end : parenthesis.start()].strip() not in ("", ","):
            break  # ON CONFLICT (…), RETURNING f(…)
        if parenthesis[0] == "(":
            rows += depth == 0
            depth += 1
        else:
            depth -= 1
            end = parenthesis.end()
    return rows


def _read(sql: str) -> tuple[Use, ...]:
    quiet = _QUIET.sub(_silence, sql) if "'" in sql or "--" in sql or "/*" in sql or "$" in sql else sql
    first = _FIRST_WORD.match(quiet)
    if first is None:
        return ()
    if first[1].upper() == "DO" and "$" in sql:
        quiet = _QUIET.sub(_silence, _PROGRAM.sub(" ", sql))
    # What several statements begin with says nothing of the others.
    is_one = ";" not in quiet.rstrip().rstrip(";")
    if is_one and (first[1].upper() in _PASSIVE or _EXPLAINS.match(quiet)):
        return ()
    if first[1].upper() in ("INSERT", "REPLACE") and ";" not in quiet:
        # What follows is long, and all of it values; ON CONFLICT is about the same table.
        values = _VALUES.search(quiet)
        quiet = quiet if values is None else quiet[: values.start()]
    uses: dict[Use, None] = {}
    if not is_one or first[1].upper() not in ("SELECT", "VALUES"):
        for found in _WRITES.finditer(quiet):
            operation = next(name for name, text in found.groupdict().items() if text)
            if operation == "copy" and not _COPIES_IN.match(quiet, found.end()):
                operation = "read"
            uses[Use(operation, _plain(found[found.re.groups]))] = None
            if operation in _LISTS_TABLES:
                end = found.end()
                while more := _MORE_NAMES.match(quiet, end):
                    uses[Use(operation, _plain(more[1]))] = None
                    end = more.end()
    written = {use.table for use in uses}
    for found in _READS.finditer(quiet):
        end = found.end()
        names = [found[1]]
        while more := _MORE_NAMES.match(quiet, end):
            names.append(more[1])
            end = more.end()
        for name in map(_plain, names):
            if name not in written:
                uses[Use("read", name)] = None
    return tuple(uses)


def _silence(found: re.Match[str]) -> str:
    if found[0][0] == '"':
        return found[0]
    return " " if found[0][0] in "-/" else "''"


def _plain(name: str) -> str:
    return re.split(r"\s*\.\s*", name)[-1].strip().strip('`"[]').lower()


_cached = functools.lru_cache(maxsize=_CACHED_STATEMENTS)(_read)

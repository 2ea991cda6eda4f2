"""Ask the log: SQL through DuckDB, or plain conditions without.

SQL has the table `logs`, with a column for each field: query "select route, count(*) from logs group by route".
Conditions are joined by "and": query 'level>=ERROR' 'route=orders/' 'request_duration>2' 'message~declined'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.diagnostics.log_reader import Problem, Wanted, parse_condition, search
from aura_logging.diagnostics.pretty_lines import PrettyLines
from aura_logging.diagnostics.terminal_text import fitted
from aura_logging.django.management.logs.selection import (
    add_log,
    add_output,
    add_times,
    chosen_logs,
    files_of_all,
    is_colour_wanted,
)
from aura_logging.django.management.logs.wording import counted
from aura_logging.options import OptionError

__all__ = ["add_arguments", "run"]

_SQL = re.compile(r"\s*(select|with|from|describe|summarize)\b", re.I)
_WIDEST_COLUMN = 40


def add_arguments(parser: CommandParser) -> None:
    """Declare the question, the log and the limits."""
    parser.add_argument("question", metavar="SQL|CONDITION", nargs="+", help="One statement, or conditions.")
    add_log(parser)
    add_times(parser)
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="At most so many answers. Default: 100.")
    add_output(parser)


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Answer; 0, or 1 if a file could not be read."""
    if options["limit"] < 1:
        raise CommandError("--limit must be 1 or more.", returncode=2)
    question: list[str] = options["question"]
    if len(question) == 1 and _SQL.match(question[0]):
        return _by_sql(question[0], options, out)
    return _by_conditions(question, options, out, err)


def _by_conditions(terms: Sequence[str], options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    try:
        conditions = tuple(parse_condition(term) for term in terms)
    except OptionError as error:
        raise CommandError(str(error), returncode=2) from None
    wanted = Wanted(since=options["since"], until=options["until"], conditions=conditions)
    pretty = PrettyLines(colour=is_colour_wanted(options, out))
    problems: list[Problem] = []
    count = 0
    for line in search(files_of_all(chosen_logs(options)), wanted, options["limit"], problems.append):
        count += 1
        out.write(line.raw.decode("utf-8", "backslashreplace") if options["json"] else pretty(line.raw))
    for problem in problems:
        err.write(problem.reason)
    if count:
        more = f" There may be more: --limit {10 * count}" if count == options["limit"] else ""
        err.write(f"{counted(count, 'line')}, newest first.{more}")
    else:
        err.write("No such line.")
    return 1 if problems else 0


def _by_sql(statement: str, options: Mapping[str, Any], out: OutputWrapper) -> int:
    try:
        from aura_logging.integrations import duckdb
    except ImportError as error:
        raise CommandError(
            "SQL needs DuckDB: pip install \"aura-logging[query]\". Without it, give conditions: 'level>=ERROR'.",
            returncode=2,
        ) from error
    files = [file for file in files_of_all(chosen_logs(options)) if file.may_hold(options["since"], options["until"])]
    try:
        answer = duckdb.ask(statement, [file.path for file in files], limit=options["limit"])
    except duckdb.QueryError as error:
        raise CommandError(str(error), returncode=2) from None
    if options["json"]:
        for row in answer.as_json():
            out.write(row)
        return 0
    for text in _table(answer.columns, answer.rows):
        out.write(text)
    return 0


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [[fitted("" if cell is None else str(cell), _WIDEST_COLUMN) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    lines = [columns, ["-" * width for width in widths], *cells]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]

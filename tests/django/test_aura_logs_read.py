"""`aura_logs` reads what the handlers wrote: the newest lines, one request, or whatever a question asks for."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from aura_logging.django.management.logs import SUBCOMMANDS, show
from aura_logging.handlers import StructuredFileHandler
from aura_logging.handlers.live import live_handlers
from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

SITE = Path(__file__).resolve().parents[1] / "site"
START = 1_800_000_000
REQUEST = {
    "logger": "aura.request", "message": "request finished", "level": "WARNING", "correlation_id": "r-1",
    "method": "GET", "path": "/books/", "route": "books/", "status_code": 200, "request_duration": 2.5,
    "db_queries": 43, "db_time": 0.02, "user_id": "7", "slow": True, "n_plus_one": 1,
    "hints": ["Book.author is loaded once per row: add .select_related(\"author\")"],
    "db_busiest": [{"sql": "SELECT author", "site": "shelf.html:11", "count": 42, "seconds": 0.02}],
    "timeline": [{"at": 0.1, "what": "view"}],
}  # fmt: skip


class Answer:
    def __init__(self, *arguments: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code: Any = 0
        try:
            call_command("aura_logs", *arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = ended.code
        self.out, self.err = out.getvalue(), err.getvalue()


def line(second: int, **fields: Any) -> bytes:
    known = {
        "timestamp": f"2027-01-15T08:00:{second:02}.000000Z", "level": "INFO", "logger": "shop.orders",
        "message": f"line {second}",
    }  # fmt: skip
    return json.dumps(known | fields, separators=(",", ":")).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Two compressed segments and a live file; one request in the newest two."""
    names = SegmentNames("app.jsonl")
    contents = [
        ("zstd", [line(1, level="ERROR", route="pay/"), line(2)]),
        ("gzip", [line(10, correlation_id="r-1", message="looking up books"), line(11, correlation_id="r-2")]),
    ]
    for number, (compression, lines) in enumerate(contents):
        codec = choose_codec(compression)
        assert codec is not None
        compressor = codec.begin()
        closed = Segment((START + (number + 1) * 3_600) * 1_000_000, number + 1)
        path = tmp_path / names.name(SegmentFile(closed, codec.suffix))
        path.write_bytes(compressor.compress(b"".join(lines)) + compressor.flush())
    live = [line(20, **REQUEST), line(21, message="\x1b[31mnot red\nno second line"), b"no JSON\n"]
    (tmp_path / "app.jsonl").write_bytes(b"".join(live))
    return str(tmp_path / "app.jsonl")


def test_a_request_is_shown_with_its_lines_queries_and_timeline(log: str) -> None:
    answer = Answer("show", "r-1", "--log", log)

    assert answer.code == 0
    assert answer.out.startswith("GET /books/  200\n  route    books/\n")
    assert "queries  43 in 20.0 ms" in answer.out
    assert answer.out.index("+0.000 s 08:00:10.000 INFO     shop.orders looking up books") < answer.out.index(
        "+10.000 s 08:00:20.000 WARNING  aura.request request finished"
    )
    assert 'Hints\n  · Book.author is loaded once per row: add .select_related("author")' in answer.out
    assert "Busiest\n  · 42 in 20.0 ms at shelf.html:11: SELECT author" in answer.out
    assert "Timeline\n  · at 0.1, what view" in answer.out
    assert answer.err == "2 lines in 3 files.\n"


def test_a_request_is_written_as_it_is_in_the_files_for_a_program(log: str) -> None:
    answer = Answer("show", "r-1", "--log", log, "--json", "--since", "2027-01-15T09:30")

    assert [json.loads(row)["correlation_id"] for row in answer.out.splitlines()] == ["r-1", "r-1"]
    assert answer.err == "2 lines in 2 files.\n"


def test_a_request_that_is_not_there_is_1_and_says_why_that_may_be(log: str) -> None:
    answer = Answer("show", "r-9", "--log", log)

    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("No line has this id, in 3 files.\nSampling may have left them out")


def test_the_newest_lines_are_shown_and_no_value_drives_the_terminal(log: str) -> None:
    answer = Answer("tail", "--no-follow", "-n", "4", "--log", log)

    rows = answer.out.splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("08:00:11.000 INFO     shop.orders line 11")
    assert r"\e[31mnot red\nno second line" in rows[2]
    assert rows[3] == "no JSON"


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--level", "warning"), 2),
        (("--logger", "shop"), 5),
        (("--route", "books/"), 1),
        (("--user", "7"), 1),
        (("--id", "r-1"), 2),
        (("--text", "LOOKING"), 0),
        (("--text", "looking"), 1),
        (("--level", "ERROR", "--logger", "shop"), 1),
    ],
)
def test_tail_filters(log: str, filters: tuple[str, ...], count: int) -> None:
    assert len(Answer("tail", "--no-follow", "--json", "--log", log, *filters).out.splitlines()) == count


def test_tail_follows_through_a_rotation_until_it_is_interrupted(
    tmp_path: Path, database: Path, manage: Callable[..., Any]
) -> None:
    handler = StructuredFileHandler(tmp_path / "app.jsonl", max_bytes=2_000, backup_count=None, compress=None)
    log = logging.Logger("followed")
    log.addHandler(handler)
    log.warning("before")
    tail = subprocess.Popen(
        [sys.executable, "manage.py", "aura_logs", "tail", "--json", "--log", str(tmp_path / "app.jsonl")],
        cwd=SITE, env=os.environ | {"SITE_STATE_DIR": str(database.parent), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell that runs the tests in the background has them, and so their children, ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["message"] == "before"
        # It follows from here on; what is logged until it does is not its business, so log until it is seen.
        seen, deadline, number = [], time.monotonic() + 20, 0
        os.set_blocking(tail.stdout.fileno(), False)
        while len(seen) < 50 and time.monotonic() < deadline:
            log.warning("line %s", number)
            number += 1
            seen += [json.loads(row)["message"] for row in tail.stdout.readlines()]
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 0
    finally:
        tail.kill()
        tail.communicate()
        handler.close()
    assert len(seen) >= 50
    assert handler.health().facts["rotated"] >= 1
    first = int(seen[0].removeprefix("line "))
    assert seen == [f"line {first + place}" for place in range(len(seen))]


def test_conditions_are_answered_without_duckdb(log: str) -> None:
    answer = Answer("query", "request_duration>2", "n_plus_one>=1", "--log", log)

    assert answer.out.startswith("08:00:20.000 WARNING  aura.request request finished")
    assert answer.err == "1 line, newest first.\n"
    assert Answer("query", "level>=ERROR", "--log", log, "--json").out == line(1, level="ERROR", route="pay/").decode()
    assert "There may be more" in Answer("query", "logger~shop", "--limit", "2", "--log", log).err


def test_sql_is_answered_over_plain_and_compressed_segments(log: str) -> None:
    table = Answer("query", "select logger, count(*) n from logs group by logger order by n desc", "--log", log)
    rows = Answer("query", "select max(db_queries) q, max(timestamp) t from logs", "--log", log, "--json")

    assert table.out.splitlines() == ["logger        n", "------------  -", "shop.orders   5", "aura.request  1"]
    assert json.loads(rows.out) == {"q": 43, "t": "2027-01-15T08:00:21"}


def test_sql_reaches_no_other_file_and_writes_none(log: str, tmp_path: Path) -> None:
    for statement in (
        "select * from read_csv('/etc/passwd')",
        f"with a as (select 1) select * from read_text('{tmp_path}/nothing.txt')",
        "select nonsense from logs",
    ):
        with pytest.raises(CommandError) as error:
            Answer("query", statement, "--log", log)
        assert error.value.returncode == 2


def test_sql_without_duckdb_says_what_to_install_and_what_works_without(
    log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_logging import integrations

    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delattr(integrations, "duckdb", raising=False)
    monkeypatch.delitem(sys.modules, "aura_logging.integrations.duckdb", raising=False)

    with pytest.raises(CommandError, match=r'pip install "aura-logging\[query\]"'):
        Answer("query", "select 1", "--log", log)


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[StructuredFileHandler]:
    """The root logger's own file, the only one there is."""
    handler = StructuredFileHandler(tmp_path / "root.jsonl")
    logging.getLogger().addHandler(handler)
    assert handler in live_handlers()
    yield handler
    logging.getLogger().removeHandler(handler)
    handler.close()


def test_the_log_that_is_meant_by_default_is_the_root_loggers(attached: StructuredFileHandler) -> None:
    attached.emit(logging.makeLogRecord({"msg": "found", "levelno": 20, "levelname": "INFO", "name": "shop"}))

    assert "shop found" in Answer("tail", "--no-follow").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "r-1", "--log", "/nowhere/app.jsonl"), "there is no such file, and no segment of it"),
        (("tail", "--no-follow"), "No handler of the root logger writes a file"),
        (("query", "level>=LOUD", "--log", "{log}"), "'LOUD' is no level"),
        (("query", "level>=ERROR", "--limit", "0", "--log", "{log}"), "--limit must be 1 or more"),
        (("tail", "--lines", "-1", "--log", "{log}"), "--lines must be 0 or more"),
        (("show", "r-1", "--since", "soon", "--log", "{log}"), "neither a time like 2026-11-23T05:00 nor a span"),
        (("tail", "--level", "LOUD", "--log", "{log}"), "'LOUD' is no level"),
    ],
)
def test_wrong_usage_says_what_is_right(log: str, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError) as error:
        Answer(*(argument.replace("{log}", log) for argument in arguments))

    assert told in str(error.value)


def test_who_watches_a_long_search_is_told_how_far_it_is(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "_PATIENCE_SECONDS", -1.0)
    watched, piped = io.StringIO(), io.StringIO()
    watched.isatty = lambda: True  # type: ignore[method-assign]

    for err in (watched, piped):
        with pytest.raises(SystemExit):
            call_command("aura_logs", "show", "never-was", "--log", log, stdout=io.StringIO(), stderr=err)

    *told, last = watched.getvalue().split("\r")
    assert told[1] == "1 of 3 files looked through, back to 2027-01-15 10:00\x1b[K"
    assert told[3].startswith("3 of 3 files looked through\x1b[K")
    assert last.removeprefix("\x1b[K") == piped.getvalue()


def test_a_question_that_nothing_answers_and_one_with_more_answers_say_so(log: str) -> None:
    assert Answer("query", "status_code=999", "--log", log).err == "No such line.\n"
    assert Answer("query", "logger~shop", "--limit", "2", "--log", log).err == (
        "2 lines, newest first. There may be more: --limit 20\n"
    )


@pytest.mark.parametrize("name", list(SUBCOMMANDS))
def test_help_fits_a_terminal_and_leaves_examples_a_line_each(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("COLUMNS", "80")
        call_command("aura_logs", name, "--help")

    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    examples = [text for text in (SUBCOMMANDS[name].__doc__ or "").splitlines() if text.startswith("    ")]
    assert all(f"\n  {text.strip()}\n" in told for text in examples)


def test_without_a_subcommand_all_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((SystemExit, CommandError)) as refused:
        call_command("aura_logs")

    assert "level|query|recover|scan|show|tail" in f"{refused.value}{capsys.readouterr().err}"


@pytest.mark.parametrize(
    "command", ["aura_logs query level>=DEBUG --log {log}", "aura_logs tail --log {log} -n 100", "logging_health_check"]
)
def test_who_reads_may_stop_reading(database: Path, tmp_path: Path, command: str) -> None:
    log = tmp_path / "app.jsonl"
    log.write_text(f"{json.dumps(REQUEST)}\n" * 100)
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does when it has seen enough

    done = subprocess.run(
        [sys.executable, "manage.py", *command.format(log=log).split()],
        cwd=SITE, env=os.environ | {"SITE_STATE_DIR": str(database.parent), "AURA_LOG_DIR": str(tmp_path)},
        stdout=writing, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip

    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")

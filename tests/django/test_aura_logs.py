"""What dead processes left is delivered by hand: through LOGGING's handlers, or to standard output."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from aura_logging.handlers import AsyncBufferedHandler
from aura_logging.resilience.journal import Journal

SITE = Path(__file__).resolve().parents[1] / "site"


class Keeps(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.error: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.error is not None:
            raise self.error
        self.messages.append(record.getMessage())


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def leave(directory: Path, *messages: str, name: str = "async_file") -> None:
    journal = Journal(directory, name=name, segment_bytes=16 << 10, max_bytes=64 << 10)
    for message in messages:
        assert journal.append(json.dumps({"message": message, "seq": 1}).encode() + b"\n")
    journal.close()


@pytest.fixture
def live(journal_dir: Path) -> Iterator[Keeps]:
    """A logger with a handler that has the journal, as LOGGING would have made it."""
    target = Keeps()
    handler = AsyncBufferedHandler(target, journal=journal_dir)
    handler.name = "async_file"
    log = logging.getLogger("tests.aura_logs")
    log.addHandler(handler)
    yield target
    log.removeHandler(handler)
    handler.close()


class Answer:
    def __init__(self, *arguments: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code: Any = 0
        try:
            call_command("aura_logs", *arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = ended.code
        self.out, self.err = out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def only_these_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of the process may have left loggers with journals of their own."""
    from aura_logging.handlers import live

    def named() -> list[logging.Logger]:
        return [logging.getLogger("tests.aura_logs")]

    monkeypatch.setattr(live, "_loggers", named)


def test_what_waits_is_delivered_through_the_live_handler(live: Keeps, journal_dir: Path) -> None:
    leave(journal_dir, "one", "two")

    answer = Answer("recover")

    assert live.messages == ["one", "two"]
    assert answer.out == "  async_file     2 lines delivered\n"
    assert (answer.code, answer.err) == (0, "")


def test_nothing_to_do_is_done(live: Keeps) -> None:
    answer = Answer("recover")

    assert (answer.code, answer.out) == (0, "  async_file     0 lines delivered\n")


def test_a_dry_run_tells_and_changes_nothing(live: Keeps, journal_dir: Path) -> None:
    leave(journal_dir, "one", "two")
    before = {path: path.read_bytes() for path in journal_dir.iterdir()}

    answer = Answer("recover", "--dry-run")

    assert answer.out == f"{journal_dir}\n  async_file     2 lines (58 bytes) of 1 dead process\n"
    assert answer.code == 0
    assert live.messages == []
    assert {path: path.read_bytes() for path in journal_dir.iterdir()} == before


def test_a_dry_run_of_an_empty_place_says_so(live: Keeps, journal_dir: Path) -> None:
    assert Answer("recover", "--dry-run").out == f"{journal_dir}\n  async_file     nothing waits\n"


def test_a_target_that_is_down_keeps_the_rest_waiting_and_the_exit_code_says_so(live: Keeps, journal_dir: Path) -> None:
    leave(journal_dir, "one")
    live.error = OSError("the disk is full")

    answer = Answer("recover")

    assert answer.code == 1
    assert answer.err == "  async_file     stopped: the disk is full; the rest waits\n"
    live.error = None
    assert Answer("recover").code == 0
    assert live.messages == ["one"]


def test_a_line_the_targets_own_code_refuses_is_told(live: Keeps, journal_dir: Path) -> None:
    leave(journal_dir, "one")
    live.error = TypeError("poison")

    answer = Answer("recover")

    assert answer.code == 1
    assert "1 line refused by the target's own code" in answer.err


def test_a_directory_goes_to_standard_output_with_what_is_said_on_standard_error(journal_dir: Path) -> None:
    leave(journal_dir, "one", "two")
    leave(journal_dir, "three", name="other")

    answer = Answer("recover", "--journal", str(journal_dir))

    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["message"] for line in lines] == ["one", "two", "three"]
    assert all(line["recovered"] for line in lines)
    assert "3 lines written" in answer.err
    assert answer.code == 0
    assert list(journal_dir.iterdir()) == []


def test_lines_that_standard_output_did_not_take_still_wait(journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(journal_dir, "one")

    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    err = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("aura_logs", "recover", "--journal", str(journal_dir), stdout=Broken(), stderr=err)

    assert ended.value.code == 1
    assert "Broken pipe" in err.getvalue()
    assert len(Answer("recover", "--journal", str(journal_dir)).out.splitlines()) == 1


def test_a_living_process_is_left_alone_and_told(journal_dir: Path) -> None:
    alive = Journal(journal_dir, name="async_file", segment_bytes=16 << 10, max_bytes=64 << 10)
    alive.append(b'{"message":"mine"}\n')

    answer = Answer("recover", "--journal", str(journal_dir))

    assert (answer.code, answer.out) == (0, "")
    assert "1 process is alive" in answer.err
    alive.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("recover",), "No handler in LOGGING has a journal."),
        (("recover", "--journal", "/nowhere/at/all"), "--journal /nowhere/at/all is not a directory."),
    ],
)
def test_wrong_usage_ends_with_two_and_says_what_to_do(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told) as error:
        Answer(*arguments)

    assert error.value.returncode == 2


def test_from_the_shell(journal_dir: Path, tmp_path: Path) -> None:
    leave(journal_dir, "one")
    environment = {**os.environ, "SITE_STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "misbehaving.settings"}

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "aura_logs", *arguments],
            cwd=SITE, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    recovered = manage("recover", "--journal", str(journal_dir))
    misused = manage("recovr")

    assert recovered.returncode == 0, recovered.stderr
    assert [json.loads(line)["message"] for line in recovered.stdout.splitlines()] == ["one"]
    assert (misused.returncode, misused.stdout) == (2, "")
    assert "recover" in misused.stderr


def test_every_line_of_output_fits_a_terminal(live: Keeps, journal_dir: Path) -> None:
    leave(journal_dir, *("x" * 100 for _ in range(30)))
    help_text = subprocess.run(
        [sys.executable, "manage.py", "aura_logs", "recover", "--help"],
        cwd=SITE, env={**os.environ, "SITE_STATE_DIR": str(journal_dir), "COLUMNS": "80"},
        capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip

    rows = Answer("recover", "--dry-run").out.splitlines()[1:] + Answer("recover").out.splitlines()

    assert "--dry-run" in help_text
    assert all(len(line) <= 80 for line in [*help_text.splitlines(), *rows])

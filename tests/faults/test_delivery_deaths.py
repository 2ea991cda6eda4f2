"""However a process dies, what it had accepted into a journal is delivered, each line once or more."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

Run = Callable[..., subprocess.CompletedProcess[str]]
ReadLines = Callable[..., list[dict[str, Any]]]

DEATHS = ["SIGKILL", "SIGTERM", "SIGABRT", "os._exit"]

DIES = """
    import faulthandler, logging, os, signal, sys
    from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

    death, count, journal = sys.argv[1], int(sys.argv[2]), sys.argv[3] or None
    handler = AsyncBufferedHandler(StructuredFileHandler("app.jsonl"), journal=journal)
    handler.name = "async_file"
    log = logging.getLogger("shop")
    log.setLevel("INFO")
    log.addHandler(handler)
    for number in range(count):
        log.info("order %d", number)
    if death == "os._exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, death))
"""


def recover(directory: Path) -> AsyncBufferedHandler:
    """Be a later process of the service."""
    handler = AsyncBufferedHandler(StructuredFileHandler(directory / "app.jsonl"), journal=directory / "journal")
    handler.name = "async_file"
    handler.recover()
    return handler


@pytest.mark.parametrize("death", DEATHS)
def test_twenty_thousand_records_survive(death: str, tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    ended = run(DIES, death, "20000", "journal")
    assert ended.returncode != 0, ended.stderr

    before = {line["seq"] for line in read_lines(tmp_path / "app.jsonl", shot=1)}
    recover(tmp_path).close()

    written = read_lines(tmp_path / "app.jsonl", shot=1)
    assert {line["seq"] for line in written} == set(range(1, 20_001))
    assert {line["message"] for line in written} == {f"order {number}" for number in range(20_000)}
    assert len({line["stream"] for line in written}) == 1
    # Twice at most what was on its way.
    assert len(written) - 20_000 <= 1000
    # Mostly thousands; none, where its own thread kept up to the end.
    assert {line["seq"] for line in written if line.get("recovered")} >= set(range(1, 20_001)) - before
    assert not list((tmp_path / "journal").iterdir())


def test_a_process_that_lives_delivers_for_one_that_died_by_itself(
    tmp_path: Path, run: Run, read_lines: ReadLines, until: Callable[[Callable[[], object]], None]
) -> None:
    run(DIES, "SIGKILL", "500", "journal")
    heir = AsyncBufferedHandler(
        StructuredFileHandler(tmp_path / "app.jsonl"), journal=tmp_path / "journal", flush_interval=0.01
    )
    heir.name = "async_file"
    log = logging.Logger("shop")
    log.addHandler(heir)

    log.info("alive")

    until(lambda: len({line["seq"] for line in read_lines(tmp_path / "app.jsonl", shot=1)}) >= 500)
    heir.close()


@pytest.mark.parametrize("death", DEATHS)
def test_without_a_journal_only_what_was_logged_since_the_last_flush_is_lost(
    death: str, tmp_path: Path, run: Run, read_lines: ReadLines
) -> None:
    program = """
        import logging, os, signal, sys
        from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

        handler = AsyncBufferedHandler(StructuredFileHandler("app.jsonl"), flush_interval=0.01)
        log = logging.getLogger("shop")
        log.setLevel("INFO")
        log.addHandler(handler)
        for number in range(200):
            log.info("order %d", number)
        # By itself, within the interval: nobody calls flush.
        while handler.health().delivered < 200:
            os.sched_yield()
        for number in range(200, 210):
            log.info("order %d", number)
        if sys.argv[1] == "os._exit":
            os._exit(3)
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    """

    run(program, death)

    numbers = [line["seq"] for line in read_lines(tmp_path / "app.jsonl", shot=1)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 200


def test_a_target_that_wants_records_gets_them_back_after_a_death(tmp_path: Path, run: Run) -> None:
    program = """
        import logging, os, signal
        from aura_logging.handlers import AsyncBufferedHandler

        class Down(logging.Handler):
            def emit(self, record):
                raise OSError("down")

        handler = AsyncBufferedHandler(Down(), journal="journal")
        handler.name = "mail"
        log = logging.getLogger("shop")
        log.addHandler(handler)
        for number in range(100):
            log.error("order %d", number, extra={"number": number})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    run(program)
    seen = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    handler = AsyncBufferedHandler(Keeps(), journal=tmp_path / "journal")
    handler.name = "mail"
    recovered = handler.recover()
    handler.close()

    assert recovered.delivered == 100
    assert [record.number for record in seen] == list(range(100))
    assert {(record.levelname, record.name, record.recovered) for record in seen} == {("ERROR", "shop", True)}

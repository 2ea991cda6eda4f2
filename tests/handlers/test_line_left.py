"""The line that the last filter scanned is delivered as it is, and never when the record has changed since."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging import encoding
from aura_logging.filters import SecurityFilter
from aura_logging.formatters import ConsoleFormatter, JsonFormatter
from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler


class Marks(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.mark = "seen"
        return True


class MarksItsOwn(SecurityFilter):
    def filter(self, record: logging.LogRecord) -> bool:
        super().filter(record)
        record.mark = "seen"
        return True


@pytest.fixture
def out(tmp_path: Path) -> Callable[..., bytes]:
    """Log through filters of the handler and of its target, and return the last line."""
    path = tmp_path / "app.jsonl"

    def out(
        *filters: Any, of_target: Any = None, formatter: logging.Formatter | None = None, message: str = "hello"
    ) -> bytes:
        target = StructuredFileHandler(path)
        target.setFormatter(formatter or JsonFormatter())
        handler = AsyncBufferedHandler(target)
        for each in filters:
            handler.addFilter(each)
        if of_target is not None:
            target.addFilter(of_target)
        for _ in range(2):  # the first starts the worker
            handler.handle(logging.LogRecord("shop", logging.INFO, "views.py", 7, message, (), None, "place"))
        assert handler.flush(10)
        handler.close()
        return path.read_bytes().splitlines()[-1]

    return out


def test_a_clean_record_is_encoded_once_and_not_looked_at_again(
    out: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    line_of = encoding.records.line_of
    monkeypatch.setattr(encoding.records, "line_of", lambda *what: asked.append(what) or line_of(*what))

    assert orjson.loads(out(SecurityFilter()))["message"] == "hello"
    # Of two records: once each by the filter, and by the handler for the one that found no worker.
    assert len(asked) == 3


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param((SecurityFilter(), Marks()), id="a filter behind"),
        pytest.param((SecurityFilter(), lambda record: Marks().filter(record)), id="a function behind"),
        pytest.param((MarksItsOwn(),), id="a filter made of it"),
        pytest.param((SecurityFilter(), Marks(), SecurityFilter(scrub=False)), id="one that does not scan"),
    ],
)
def test_what_was_changed_behind_the_filter_is_written(out: Callable[..., bytes], filters: Any) -> None:
    assert orjson.loads(out(*filters))["mark"] == "seen"


def test_what_the_targets_own_filter_changes_is_written(out: Callable[..., bytes]) -> None:
    assert orjson.loads(out(SecurityFilter(), of_target=Marks()))["mark"] == "seen"


def test_another_format_is_made_of_the_record(out: Callable[..., bytes]) -> None:
    assert out(SecurityFilter(), formatter=ConsoleFormatter(color=False)).endswith(b" INFO     shop hello")
    assert orjson.loads(out(SecurityFilter(), formatter=JsonFormatter("ecs")))["log.level"] == "INFO"


def test_an_emit_of_somebodys_own_gets_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Theirs(AsyncBufferedHandler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.msg)

    record = logging.LogRecord("shop", logging.INFO, "views.py", 7, "hello", (), None, "place")
    handlers = [kind(StructuredFileHandler(tmp_path / "app.jsonl")) for kind in (Theirs, *[AsyncBufferedHandler] * 2)]
    for handler in handlers:
        handler.addFilter(SecurityFilter())
        if handler is not handlers[0]:
            handler.handle(record)  # which starts the worker
    handlers[1].emit = lambda record: seen.append(f"{record.msg} to one")  # type: ignore[method-assign]

    handlers[0].handle(record)
    handlers[1].handle(record)
    monkeypatch.setattr(AsyncBufferedHandler, "emit", lambda self, record: seen.append(f"{record.msg} to all"))
    handlers[2].handle(record)

    assert seen == ["hello", "hello to one", "hello to all"]
    for handler in handlers:
        handler.close()


def test_what_was_redacted_is_what_is_written(out: Callable[..., bytes]) -> None:
    assert b"REDACTED" in out(SecurityFilter(), message="card 4111 1111 1111 1111")


def test_a_formatter_that_comes_later_is_asked(tmp_path: Path) -> None:
    target = StructuredFileHandler(tmp_path / "app.log")
    handler = AsyncBufferedHandler(target)
    handler.addFilter(SecurityFilter())
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.info("one")
    logger.info("two")

    target.setFormatter(logging.Formatter("%(message)s!"))
    logger.info("three")

    assert handler.flush(10)
    handler.close()
    assert (tmp_path / "app.log").read_text().splitlines()[-1] == "three!"


def test_a_line_of_a_record_that_was_whole_is_not_delivered_for_what_is_left_of_it(out: Callable[..., bytes]) -> None:
    def encode_and_break(record: logging.LogRecord) -> bool:
        encoding.encode(record)
        del record.lineno
        record.mark = "broken"
        return True

    assert b"encoding_error" in out(encode_and_break, SecurityFilter())

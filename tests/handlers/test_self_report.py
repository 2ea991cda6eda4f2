"""A process tells every handler's state and ledger by the names its operator knows, and nothing private."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from aura_logging.filters import SamplingFilter
from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler, StructuredFileHandler, live
from aura_logging.handlers.self_report import FORMAT, program, self_report
from aura_logging.health import Health


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A logger with nothing on it, the only one there is."""
    log = logging.Logger("self report")
    monkeypatch.setattr(live, "_loggers", lambda: [log])
    yield log
    for handler in log.handlers:
        handler.close()


def test_handlers_behind_others_are_told_under_names_of_their_own(log: logging.Logger, tmp_path: Path) -> None:
    file = StructuredFileHandler(tmp_path / "app.jsonl")
    file.name = "json"
    failover = FailoverHandler([file, logging.NullHandler()])
    failover.name = "failover"
    handler = AsyncBufferedHandler(failover)
    handler.name = "async_file"
    handler.addFilter(SamplingFilter({"DEBUG": 0}))
    log.addHandler(handler)
    log.addHandler(logging.NullHandler())
    log.warning("one")
    handler.flush()

    told = orjson.loads(self_report(10.0, clock=lambda: 5.0))

    assert (told["format"], told["told_at"], told["every_seconds"]) == (FORMAT, 5.0, 10.0)
    assert [(each["name"], each["behind"]) for each in told["handlers"]] == [
        ("async_file", ""),
        ("failover", "async_file"),
        ("json", "failover"),
        ("failover/NullHandler", "failover"),
        ("NullHandler", ""),
    ]
    assert told["handlers"][0]["health"]["delivered"] == 1
    assert told["handlers"][0]["health"]["circuit_open"] is False
    assert told["handlers"][4]["health"] is None
    assert [(each["class"], each["handler"]) for each in told["filters"]] == [("SamplingFilter", "async_file")]


def test_a_handler_whose_health_raises_is_told_as_that_and_long_details_are_cut(log: logging.Logger) -> None:
    class Broken(logging.Handler):
        def health(self) -> Health:
            raise ValueError("x" * 1_000)

    log.addHandler(Broken())

    (told,) = orjson.loads(self_report())["handlers"]

    assert told["health"]["status"] == "degraded"
    assert told["health"]["detail"].startswith("health() raised ValueError: xxx")
    assert len(told["health"]["detail"]) == 300


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/srv/venv/bin/gunicorn", "--token=secret"], "gunicorn"),
        (["/venv/site-packages/celery/__main__.py", "worker"], "celery"),
        (["manage.py", "runserver", "secret"], "manage.py runserver"),
        (["manage.py", "--version"], "manage.py"),
        (["-c"], "python"),
        ([], "python"),
    ],
)
def test_what_a_process_runs_is_told_without_its_arguments(arguments: list[str], told: str) -> None:
    assert program(arguments) == told

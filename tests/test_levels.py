"""A level is read alike wherever somebody writes one."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aura_logging import presets
from aura_logging.levels import level_names, level_number

LEVELS = {0: "NOTSET", 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


@pytest.fixture(autouse=True)
def _levels_of_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no level that some package has added."""
    monkeypatch.setattr(logging, "_levelToName", LEVELS.copy())
    names = {name: level for level, name in LEVELS.items()} | {"WARN": logging.WARNING, "FATAL": logging.CRITICAL}
    monkeypatch.setattr(logging, "_nameToLevel", names)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("INFO", 20), ("info", 20), ("warn", 30), ("NOTSET", 0), (15, 15), ("15", None), ("LOUD", None), ("", None),
        (True, None), (3.5, None), (None, None),
    ],
)  # fmt: skip
def test_a_level_is_a_known_name_in_any_case_or_a_number(given: object, number: int | None) -> None:
    assert level_number(given) == number


def test_a_name_that_somebody_added_is_known_and_offered() -> None:
    logging.addLevelName(5, "trace")

    assert level_number("trace") == 5
    assert level_names() == ["NOTSET", "trace", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert presets.testing(level=5)["root"]["level"] == "trace"


@pytest.mark.parametrize(("given", "written"), [("warn", "WARNING"), (logging.ERROR, "ERROR"), ("Debug", "DEBUG")])
def test_a_preset_writes_a_level_by_its_name(given: Any, written: str) -> None:
    assert presets.testing(level=given)["root"]["level"] == written


@pytest.mark.parametrize("given", ["VERBOSE", 15, True, 3.5, ""])
def test_a_preset_refuses_what_is_no_level_with_those_there_are(given: Any) -> None:
    with pytest.raises(ValueError, match=rf"level='{given}' is no level.*DEBUG"):
        presets.testing(level=given)

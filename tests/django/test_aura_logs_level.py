"""Promises of `manage.py aura_logs level`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from aura_logging.handlers.override_notes import overrides_in
from aura_logging.metrics import open_store


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'metrics.db'}"
    with override_settings(AURA={"METRICS": {"store": url}}):
        yield url


def level(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("aura_logs", "level", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_override_is_set_told_and_cleared(url: str) -> None:
    _, said = level("django.db", "debug", "--for", "10m", "--user", "42", "--rate", "0.5")
    assert said.startswith("django.db DEBUG until ")
    assert "(user 42, rate 0.5).\nEvery process follows within 2 s." in said
    (override,) = overrides_in(open_store(url))
    assert (override.logger, override.level, override.user_id, override.rate) == ("django.db", "DEBUG", "42", 0.5)

    told, _ = level()
    assert told.startswith("django.db DEBUG until ")

    _, said = level("django.db", "--clear")
    assert said == "1 override ended; every process follows within 2 s.\n"
    assert level() == ("", "No override is in force: every logger has the level of LOGGING.\n")


def test_a_name_that_is_nearly_a_loggers_is_doubted_and_set_all_the_same(url: str) -> None:
    _, said = level("djnago.db", "DEBUG")
    assert "No logger is called 'djnago.db' in this process; did you mean 'django.db'?" in said
    assert overrides_in(open_store(url))[0].logger == "djnago.db"
    _, said = level("django.db", "DEBUG")
    assert "did you mean" not in said


def test_root_is_the_root_logger(url: str) -> None:
    level("root", "DEBUG", "--for", "1h")
    assert overrides_in(open_store(url))[0].logger == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["shop"], "Give a level too: aura_logs level shop DEBUG --for 10m"),
        (["shop", "DEBUGG"], "LEVEL 'DEBUGG' is no level. Did you mean 'DEBUG'?"),
        (["shop", "DEBUG", "--for", "soon"], "--for 'soon' is no time; give one such as 30s, 10m, 2h or 1d."),
        (["shop", "DEBUG", "--for", "30d"], "--for '30d' must be over 0 and at most 7d"),
        (["shop", "DEBUG", "--rate", "2"], "--rate '2' must be a share from 0 to 1"),
    ],
)
def test_wrong_usage_is_named_and_sets_nothing(url: str, arguments: list[str], told: str) -> None:
    with pytest.raises(CommandError) as error:
        level(*arguments)
    assert told in str(error.value)
    assert error.value.returncode == 2
    assert overrides_in(open_store(url)) == []


@override_settings(AURA={"METRICS": {"store": "memory://"}})
def test_a_store_that_nobody_shares_is_refused() -> None:
    with pytest.raises(CommandError, match="which no other process sees"):
        level("shop", "DEBUG")


@override_settings(AURA={"METRICS": {"store": "sqlite:////proc/nowhere/metrics.db"}})
def test_a_store_that_is_down_is_said_so() -> None:
    with pytest.raises(CommandError, match="cannot be used now") as error:
        level("shop", "DEBUG")
    assert error.value.returncode == 1

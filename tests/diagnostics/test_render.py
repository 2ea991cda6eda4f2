"""Whatever is in a report, the table fits its terminal and drives nothing, and the JSON is what the page says."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aura_logging import health
from aura_logging.diagnostics import report as data
from aura_logging.diagnostics.examination import Questions, examine
from aura_logging.diagnostics.render import as_json, as_summary, as_table
from aura_logging.diagnostics.terminal_text import ascii_only
from aura_logging.health import Health, Status

DOCS = Path(__file__).resolve().parents[2] / "docs" / "health.md"


def filled(kind: Any, text: str, number: float) -> Any:
    """Return a value of a field's type with this text and this number wherever one goes, and one of everything."""
    arguments = get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: filled(hints[field.name], text, number) for field in dataclasses.fields(kind)})
    if type(None) in arguments:
        return filled(next(each for each in arguments if each is not type(None)), text, number)
    if arguments and get_origin(kind) is tuple:
        return (filled(arguments[0], text, number),)
    if arguments:
        return {text: filled(arguments[1], text, number)}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return list(kind)[int(number) % len(kind)]
    return {str: text, int: int(number), float: number, bool: number > 1}.get(kind, text)


@given(st.text(max_size=120), st.floats(0, 4e9))
@settings(max_examples=80, deadline=None)
@example("\x1b[31mred\n\x00\u202e" * 20, 3e9)
def test_any_report_is_a_table_of_eighty_columns_one_line_and_json(text: str, number: float) -> None:
    report = filled(data.HealthReport, text, number)

    table = as_table(report)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", table)
    assert "\n" not in as_summary(report)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", as_table(report, colour=True))
    assert "\x1b" not in plain
    assert max(map(len, [*table.splitlines(), *plain.splitlines()])) <= 80
    assert ascii_only(table).isascii()
    assert json.loads(as_json(report))["status"] == report.status


def test_the_page_documents_every_key() -> None:
    text = DOCS.read_text()
    kinds = [value for value in vars(data).values() if dataclasses.is_dataclass(value)]
    names = {field.name for kind in kinds for field in dataclasses.fields(kind)} - {
        "handler", "name", "kind", "behind", "is_healthy", "failed_requests",
    }  # fmt: skip

    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_a_usual_report_needs_nothing_cut() -> None:
    report = filled(data.HealthReport, "gunicorn", 0.0)
    worker = dataclasses.replace(
        report.workers[0], host="web-07.shop", pid=4_194_304, condition=data.Condition.SILENT,
        told_seconds_ago=119.0, up_seconds=7_100.0,
    )  # fmt: skip

    table = as_table(dataclasses.replace(report, workers=(worker,)))

    (line,) = (line for line in table.splitlines() if "4194304" in line)
    assert line.endswith("told 119 s ago up 118 min")


def test_no_sentence_ends_within_the_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_parts", {"audit trail": lambda: Health(Status.UNHEALTHY, "the disk is full.")})
    # Without what other tests have left there.
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root.manager, "loggerDict", {})

    summary = examine(None, Questions(probe_handlers=True)).summary

    assert summary.startswith("unhealthy; audit trail: the disk is full. (pid")
    assert ".;" not in summary

"""What is no handler is asked too: filters, the audit trail, whatever a process has told of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aura_logging import audit, health
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.trail import Trail, install
from aura_logging.diagnostics.examination import Questions, examine
from aura_logging.diagnostics.machine import look_around
from aura_logging.diagnostics.recommendations import Evidence, advise
from aura_logging.diagnostics.report import (
    Condition,
    FilterState,
    Metrics,
    PartState,
    Recommendation,
    System,
    Worker,
)
from aura_logging.diagnostics.workers import parse, this_process
from aura_logging.handlers.self_report import self_report
from aura_logging.health import Health, Status, hear, heard_parts

NOW = 1_000.0


@pytest.fixture(autouse=True)
def no_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(health, "_parts", {})
    yield


def worker(pid: int, *parts: PartState, condition: Condition = Condition.ALIVE, filters: tuple = ()) -> Worker:  # type: ignore[type-arg]
    return Worker(f"host:{pid}", "host", pid, "gunicorn", condition, 1.0, 9.0, Status.HEALTHY, (), filters, parts)


def advice(*workers: Worker) -> list[Recommendation]:
    system = System("host", None, None, None, ())
    return advise(Evidence((), workers, Metrics("sqlite", 300), system, (), (), ()))


def test_a_part_is_told_of_in_the_report_of_its_process() -> None:
    hear("stock", lambda: Health(Status.DEGRADED, "the shelf is empty", facts={"books": 0}))

    (part,) = this_process(NOW).parts

    assert part == PartState("stock", Status.DEGRADED, "the shelf is empty", {"books": 0})
    assert this_process(NOW).status is Status.DEGRADED


def test_a_part_that_raises_is_a_finding_and_no_error() -> None:
    def broken() -> Health:
        raise RuntimeError("no shelf")

    hear("stock", broken)

    (part,) = this_process(NOW).parts
    assert (part.status, part.detail) == (Status.DEGRADED, "health() raised RuntimeError: no shelf")


def test_what_a_release_without_parts_told_is_understood() -> None:
    told = self_report().replace(',"parts":[]', "")

    assert "parts" not in told
    found = parse("one", told, NOW)
    assert found is not None
    assert found.parts == ()


def test_an_installed_trail_tells_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_logging.audit import trail

    monkeypatch.setattr(trail, "_installed", None)
    install(Trail(MemoryAuditStore(audit.KeyRing({"k": b"k" * 32}))))

    assert list(heard_parts()) == ["audit trail"]
    assert [(each.name, each.status) for each in this_process(NOW).parts] == [("audit trail", Status.HEALTHY)]


def test_the_health_check_names_a_part_that_is_unwell() -> None:
    hear("audit trail", lambda: Health(Status.UNHEALTHY, "database is locked"))

    report = examine(None, Questions())

    (found,) = [each for each in report.recommendations if each.code == "part_unwell"]
    assert (found.about, found.status, report.is_healthy) == ("audit trail", Status.UNHEALTHY, False)
    assert "database is locked" in found.problem
    assert "Another process holds the file" in found.advice


def test_what_many_processes_say_of_a_part_is_one_recommendation() -> None:
    bad, worse = PartState("audit trail", Status.DEGRADED, "waits"), PartState("audit trail", Status.UNHEALTHY, "fails")

    (found,) = advice(worker(1, bad), worker(2, worse), worker(3, PartState("audit trail", Status.HEALTHY)))

    assert (found.status, found.problem) == (Status.UNHEALTHY, "fails (in 2 processes)")


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("shedding DEBUG: processors at 99 %", "short of processors"),
        ("loggers silenced: shop", "heard again by themselves"),
        ("3 records could not be scrubbed and were blanked", "Log plain data"),
    ],
)
def test_a_filter_that_is_unwell_is_told_once_with_what_to_do(detail: str, words: str) -> None:
    filters = (FilterState("SamplingFilter", "console", Status.DEGRADED, detail),)
    gone = worker(3, condition=Condition.GONE, filters=filters)

    found = [each for each in advice(worker(1, filters=filters), worker(2, filters=filters), gone)
             if each.code == "filter_unwell"]  # fmt: skip

    assert [(each.about, words in each.advice) for each in found] == [("SamplingFilter of console", True)]


def test_how_busy_the_processors_are_is_known_at_the_first_look() -> None:
    system = look_around([])

    assert system.cpu_percent is not None
    assert 0 <= system.cpu_percent <= 100

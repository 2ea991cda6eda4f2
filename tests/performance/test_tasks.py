"""A run of a task has ids and logs of its own, nests, and gives everything back as it was."""

from __future__ import annotations

import logging

import pytest

from aura_logging import fields
from aura_logging.performance import outgoing, queries, tasks
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.propagation import unit_of_work
from aura_logging.testing import capture

OPTIONS = PerformanceOptions()


@pytest.fixture(autouse=True)
def _observed() -> None:
    assert logs() == (None, None)
    queries.observed_by("test")
    outgoing.observed_by("test")


def logs() -> tuple[queries.QueryLog | None, outgoing.OutgoingLog | None]:
    return queries.current.get(), outgoing.current.get()


def test_its_record_has_its_own_queries_and_calls_and_all_is_given_back() -> None:
    with capture("aura.task") as records:
        tasks.begin("mail", "1", OPTIONS)
        query_log, calls = logs()
        assert query_log is not None
        assert query_log.of_caches() is not None
        assert calls is not None
        query_log.add("SELECT 1 FROM t", (), "default", 0.5, tasks, 1, 1)
        calls.add_call("smtp", 0.25, is_error=False)
        tasks.end("1", "DONE", task_queue="slow", task_retries=None)

    (line,) = records.fields
    assert (line["task_name"], line["task_state"], line["task_queue"]) == ("mail", "DONE", "slow")
    assert (line["db_queries"], line["http_calls"]) == (1, 1)
    assert "task_retries" not in line
    assert logs() == (None, None)
    assert fields() == {}


def test_runs_nest_and_the_inner_one_s_work_is_the_outer_one_s() -> None:
    with capture("aura.task") as records:
        tasks.begin("outer", "1", OPTIONS)
        outer_logs = logs()
        tasks.begin("inner", "2", OPTIONS)
        assert logs() == outer_logs
        tasks.end("2", "DONE")
        assert fields()["task_name"] == "outer"
        tasks.end("1", "DONE")

    inner, outer = records.fields
    assert (inner["task_name"], outer["task_name"]) == ("inner", "outer")
    assert inner["correlation_id"] == outer["correlation_id"]
    assert inner["parent_span_id"] == outer["span_id"]
    assert "db_queries" not in inner


def test_an_end_that_nobody_waits_for_is_no_error() -> None:
    tasks.end("never begun", "DONE")

    tasks.begin("mail", "1", OPTIONS)
    tasks.end("another", "DONE")
    assert tasks.running("1") is not None
    tasks.end("1", "DONE")
    assert tasks.running("1") is None


def test_without_options_the_last_source_named_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_sources", [lambda: OPTIONS])
    tasks.options_from(lambda: PerformanceOptions(enabled=False))

    with capture("aura.task") as records:
        tasks.begin("mail", "1")
        tasks.end("1", "DONE")

    assert records == []


def test_the_environment_switches_measuring_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_sources", [tasks._from_environment])
    monkeypatch.setenv("PERFORMANCE_MONITORING_ENABLED", "false")
    tasks._from_environment.cache_clear()

    with capture("aura.task") as records:
        tasks.begin("mail", "1")
        inside = fields()
        tasks.end("1", "DONE")
    tasks._from_environment.cache_clear()

    assert records == []
    assert inside["task_name"] == "mail"


def test_the_sender_s_ids_are_taken_over() -> None:
    tasks.begin("mail", "1", OPTIONS, headers={"X-Request-ID": "sender"})
    inside = fields()
    tasks.end("1", "DONE")

    assert inside["correlation_id"] == "sender"


def test_a_filter_that_raises_keeps_nothing_from_being_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise AssertionError

        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("broken filter")

    handler, log = Broken(), logging.getLogger("aura.task")
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    with unit_of_work({"X-Request-ID": "outer"}):
        before = fields()
        tasks.begin("mail", "1", OPTIONS)
        tasks.end("1", "DONE")
        assert fields() == before

    assert "broken filter" in capsys.readouterr().err
    assert logs() == (None, None)

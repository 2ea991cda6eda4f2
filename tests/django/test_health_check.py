"""Whatever breaks, the command names the right handler, says what to do, and its exit code agrees."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from aura_logging import presets
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics import open_store

Logging = dict[str, Any]


class Answer:
    """What the command wrote, and its exit code."""

    def __init__(self, *arguments: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code: Any = 0
        try:
            call_command("logging_health_check", *arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = ended.code
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)

    def advice(self, code: str) -> list[dict[str, Any]]:
        return [each for each in self.report["recommendations"] if each["code"] == code]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logging]:
    """The production preset of a plain service, in a directory of its own; changed, then `configured`."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    config = presets.production(log_dir=tmp_path / "logs")
    config["handlers"]["metrics"]["flush_interval"] = 60.0
    config["filters"]["sampling"]["rates"] = {}
    middleware = [f"aura_logging.django.middleware.{name}" for name in ("PerformanceMonitoringMiddleware",
                                                                        "DatabaseQueryTrackingMiddleware")]  # fmt: skip
    with override_settings(MIDDLEWARE=middleware):
        yield config
    for handler in logging.getLogger().handlers:
        handler.close()


def worker(children: list[int], work: Callable[[], object]) -> int:
    """Fork a process that does its work, says how it is, and then does nothing until it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            for handler in logging.getLogger().handlers:
                if isinstance(handler, MetricsHandler):
                    handler._counting.recorder.tick()
            os.write(writing, b"told")
            signal.pause()
        finally:
            os._exit(1)
    children.append(pid)
    os.close(writing)
    assert os.read(reading, 4) == b"told"
    os.close(reading)
    return pid


def async_file() -> Any:
    return next(each for each in logging.getLogger().handlers if each.name == "async_file")


def wait_until_open() -> None:
    """Wait until the breaker of `async_file` has opened."""
    deadline = time.monotonic() + 20
    while not async_file().health().circuit_open:
        assert time.monotonic() < deadline
        async_file().flush(0.02)


def log_one_request() -> None:
    fields = {"route": "orders/", "method": "GET", "status_code": 200, "request_duration": 0.03, "user_type": "staff"}
    logging.getLogger("aura.request").info("GET /orders/", extra=fields)


def test_all_is_well_and_every_format_says_so(config: Logging, children: list[int]) -> None:
    logging.config.dictConfig(config)
    pid = worker(children, log_one_request)

    table, summary = Answer("--check-handlers", "--alert-thresholds"), Answer("--format=summary", "--check-handlers")
    answer = Answer("--format=json", "--check-handlers", "--alert-thresholds")

    assert (table.code, summary.code, answer.code) == (0, 0, 0)
    assert table.err == summary.err == answer.err == ""
    assert "✔ HEALTHY  nothing to do" in table.out
    assert max(map(len, table.out.splitlines())) <= 80, table.out
    assert summary.out.startswith("healthy; 1/1 workers; ")
    assert summary.out.count("\n") == 1
    report = answer.report
    assert report["status"] == "healthy"
    assert report["recommendations"] == []
    assert [(each["pid"], each["condition"]) for each in report["workers"]] == [(os.getpid(), "self"), (pid, "alive")]
    assert report["handlers"]["async_file"]["circuit_open"] is False
    assert report["handlers"]["async_file"]["accepted"] == 1
    assert report["metrics"]["traffic"]["by_endpoint"][0]["name"] == "orders/"
    assert report["metrics"]["traffic"]["by_user_type"][0]["name"] == "staff"
    assert [each["outcome"] for each in report["probes"] if each["handler"] in ("metrics", "async_file", "json")] == [
        "delivered"
    ] * 3
    assert all(
        each["is_scrubbed"] for each in report["probes"] if each["is_read_back"] and each["handler"] != "metrics"
    )
    assert {each["rule"]: each["value"] for each in report["thresholds"]}["slow_requests"] == 0


def test_a_probe_is_marked_pages_nobody_and_is_not_counted(
    config: Logging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails: list[Any] = []
    monkeypatch.setattr("smtplib.SMTP", lambda *arguments, **options: mails.append(arguments))
    config["handlers"]["pager"] = {
        "class": "logging.handlers.SMTPHandler", "mailhost": ("127.0.0.1", 1), "fromaddr": "a@example.com",
        "toaddrs": ["b@example.com"], "subject": "down", "filters": ["security"],
    }  # fmt: skip
    config["root"]["handlers"].append("pager")
    logging.config.dictConfig(config)

    answer = Answer("--format=json", "--check-handlers")

    probes = {each["handler"]: each for each in answer.report["probes"]}
    assert "127.0.0.1:1 does not answer" in probes["pager"]["detail"]
    assert mails == []
    lines = [json.loads(line) for line in (tmp_path / "logs" / "app.jsonl").read_text().splitlines()]
    assert {(line["logger"], line["synthetic"]) for line in lines} == {("aura.probe", True)}
    assert "4111 1111" not in (tmp_path / "logs" / "app.jsonl").read_text()
    assert open_store(config["handlers"]["metrics"]["store"]).totals(["aura_log_records_total"]) == []


def test_a_request_buffer_in_front_of_the_file_lets_the_record_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    logging.config.dictConfig(presets.production(log_dir=tmp_path, request_buffer=True))

    probes = {each["handler"]: each for each in Answer("--format=json", "--check-handlers").report["probes"]}

    assert (probes["request_buffer"]["outcome"], probes["request_buffer"]["is_scrubbed"]) == ("delivered", True)
    for handler in logging.getLogger().handlers:
        handler.close()


def test_a_full_disk_is_named_with_the_limit_to_lower(config: Logging) -> None:
    config["handlers"]["json"]["filename"] = "/dev/full"
    logging.config.dictConfig(config)

    answer, table = Answer("--format=json", "--check-handlers"), Answer("--check-handlers")

    assert (answer.code, table.code) == (1, 1)
    about = {each["about"]: each for each in answer.advice("probe_failed")}
    assert about.keys() == {"json"}, "one cause, told once"
    assert about["json"]["problem"].endswith("Nor did one through async_file.")
    assert "No space left on device" in about["json"]["problem"]
    assert "make room" in about["json"]["advice"]
    assert (about["json"]["setting"], about["json"]["value"]) == ('LOGGING["handlers"]["json"]["backup_count"]', "5")
    assert "make room" in table.out
    assert "✘ UNHEALTHY" in table.out.splitlines()[-1]


def test_a_refused_connection_is_named_by_its_address(config: Logging, free_port: Callable[[], int]) -> None:
    port = free_port()
    for name, options in {
        "collector": {"class": "logging.handlers.SocketHandler", "host": "127.0.0.1", "port": port},
        "webhook": {"class": "logging.handlers.HTTPHandler", "host": f"127.0.0.1:{port}", "url": "/"},
        "mail": {"class": "logging.handlers.SMTPHandler", "mailhost": ("127.0.0.1", port), "fromaddr": "a@example.com",
                 "toaddrs": ["b@example.com"], "subject": "down"},
        "chat": {"class": "aura_logging.handlers.webhook.WebhookHandler", "url": f"http://127.0.0.1:{port}/secret"},
    }.items():  # fmt: skip
        config["handlers"][name] = options | {"filters": ["security"]}
        config["root"]["handlers"].append(name)
    logging.config.dictConfig(config)

    answer = Answer("--format=json", "--check-handlers")

    assert answer.code == 1
    about = {each["about"]: each for each in answer.advice("probe_failed")}
    assert about.keys() == {"collector", "webhook", "mail", "chat"}
    assert "/secret" not in answer.out
    for each in about.values():
        assert f"127.0.0.1:{port}" in each["problem"]
        assert each["advice"].startswith("Nobody listens there: start the service")


def test_a_store_that_refuses_is_named_and_the_rest_is_still_told(config: Logging, free_port: Any) -> None:
    config["handlers"]["metrics"]["store"] = f"redis://127.0.0.1:{free_port()}/0"
    logging.config.dictConfig(config)

    answer = Answer("--format=json", "--alert-thresholds", "--check-handlers")

    assert answer.code == 1
    (store,) = answer.advice("store_unreachable")
    assert store["about"] == "metrics store (redis)"
    assert "refused" in store["problem"]
    assert store["setting"] == 'AURA["METRICS"]["store"]'
    assert answer.report["handlers"]["async_file"]["status"] == "healthy"
    assert [each["about"] for each in answer.advice("probe_failed")] == ["metrics"]


def test_a_killed_worker_is_shown_as_gone_and_one_that_ended_in_order_is_not(
    config: Logging, children: list[int]
) -> None:
    logging.config.dictConfig(config)
    alive, dead = worker(children, log_one_request), worker(children, log_one_request)
    os.kill(dead, signal.SIGKILL)
    os.waitpid(dead, 0)

    answer, table = Answer("--format=json"), Answer()

    conditions = {each["pid"]: each["condition"] for each in answer.report["workers"]}
    assert conditions == {os.getpid(): "self", alive: "alive", dead: "gone"}
    (gone,) = answer.advice("worker_gone")
    assert f"pid {dead}" in gone["about"]
    assert "OOM" in gone["advice"]
    assert (answer.code, gone["status"]) == (0, "degraded")
    assert f"pid {dead}" in table.out
    os.kill(alive, signal.SIGKILL)
    os.waitpid(alive, 0)
    assert (Answer().code, len(Answer("--format=json").advice("worker_gone"))) == (1, 2), "all of them is unhealthy"


def test_an_open_breaker_in_another_process_is_named(config: Logging, children: list[int]) -> None:
    config["handlers"]["async_file"].update(target="json", failure_threshold=1, journal=None, emergency=None)
    config["handlers"]["json"]["filename"] = "/dev/full"
    logging.config.dictConfig(config)

    def fail() -> None:
        logging.getLogger("shop").error("one")
        wait_until_open()

    worker(children, fail)

    answer, table = Answer("--format=json"), Answer("--no-color")

    assert answer.code == 1
    (breaker,) = answer.advice("circuit_open")
    assert breaker["about"] == "async_file"
    assert "No space left on device" in breaker["problem"]
    assert answer.report["handlers"]["async_file"]["circuit_open"] is True
    assert "1 open" in table.out


def test_a_file_that_cannot_be_written_is_named_before_and_after_it_is_tried(config: Logging, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    config["handlers"]["json"]["filename"] = str(tmp_path / "file" / "app.jsonl")
    logging.config.dictConfig(config)

    answer = Answer("--format=json", "--check-handlers")

    assert answer.code == 1
    assert [each["about"] for each in answer.advice("aura.E002")] == ["json"]
    about = {each["about"]: each for each in answer.advice("probe_failed")}
    assert about["json"]["advice"].startswith("The path leads to something else")


def test_an_exceeded_threshold_is_unhealthy_only_when_it_is_asked(config: Logging, children: list[int]) -> None:
    def be_slow() -> None:
        fields = {"route": "reports/", "method": "GET", "status_code": 200, "request_duration": 9.0}
        logging.getLogger("aura.request").warning("GET /reports/", extra=fields)

    logging.config.dictConfig(config)
    worker(children, be_slow)

    assert Answer().code == 0
    answer = Answer("--format=json", "--alert-thresholds", "--metrics-window=60")
    assert answer.code == 1
    units = {each["rule"]: (each["threshold"], each["unit"]) for each in answer.report["thresholds"]}
    assert units["error_rate"] == (0.05, "share")
    table = Answer("--alert-thresholds").out
    assert re.search(r"error_rate +no data +5 %  ✔", table)
    assert re.search(r"slow_requests +1 +0  ✘ exceeded", table)
    (exceeded,) = answer.advice("threshold_exceeded")
    assert "most of all on reports/" in exceeded["problem"]
    assert exceeded["setting"] == 'AURA["ALERTS"]["slow_request_seconds"]'


def test_lost_records_are_told_with_a_larger_buffer(config: Logging, children: list[int]) -> None:
    config["handlers"]["async_file"].update(buffer_size=10, journal=None, emergency=None, flush_interval=60.0)
    logging.config.dictConfig(config)

    def flood() -> None:
        for worker_thread in async_file()._workers:
            worker_thread.start = lambda: True
            worker_thread.wake = lambda: None
        for number in range(500):
            logging.getLogger("shop").warning("line %s", number)

    worker(children, flood)

    (lost,) = Answer("--format=json").advice("records_lost")
    assert lost["about"] == "async_file"
    assert "490 buffer_full" in lost["problem"]
    assert (lost["setting"], lost["value"]) == ('LOGGING["handlers"]["async_file"]["buffer_size"]', "40")


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "soon", "99999999999"])
def test_wrong_usage_ends_with_2(config: Logging, seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="metrics-window"):
        Answer(f"--metrics-window={seconds}")


def test_wrong_usage_from_the_shell_ends_with_2_and_writes_no_data(manage: Callable[..., Any]) -> None:
    done = manage("logging_health_check", "--format=xml")

    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'xml'" in done.stderr


def test_the_table_is_plain_in_a_pipe_and_coloured_for_a_person(config: Logging, monkeypatch: Any) -> None:
    logging.config.dictConfig(config)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown() -> str:
        out = Terminal()
        call_command("logging_health_check", stdout=out)
        return out.getvalue()

    assert "\x1b[" in shown()
    assert "\x1b[" not in Answer().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown()


def test_a_monitor_reads_the_same_over_http_and_nobody_else_does(config: Logging, children: list[int]) -> None:
    logging.config.dictConfig(config)
    client = Client()

    worker(children, log_one_request)
    report = client.get("/aura/health?thresholds")

    assert report.status_code == 200
    assert report.json()["handlers"]["async_file"]["circuit_open"] is False
    assert "; 2/2 workers; " in report.json()["summary"], "the one that answers, and the other"
    assert report["Content-Type"] == "application/json"
    assert client.get("/aura/health?window=soon").status_code == 400
    assert client.get("/aura/health/live").json() == {"status": "alive"}
    assert client.get("/aura/health/ready").json() == {"status": "ready", "reasons": {}}
    for path in ("/aura/health", "/aura/health/live", "/aura/health/ready"):
        assert client.get(path, REMOTE_ADDR="203.0.113.7").status_code == 403
        assert client.post(path).status_code == 405


def test_the_worker_that_is_asked_answers_for_one_that_was_killed(config: Logging) -> None:
    logging.config.dictConfig(config)
    pid = worker(children := [], log_one_request)
    os.kill(children.pop(), signal.SIGKILL)
    os.waitpid(pid, 0)

    report = Client().get("/aura/health")

    assert (report.status_code, report.json()["status"]) == (200, "degraded")
    assert "; 1/2 workers; " in report.json()["summary"]


def test_a_worker_whose_lines_do_not_arrive_is_alive_and_not_ready(config: Logging) -> None:
    config["handlers"]["async_file"].update(target="json", failure_threshold=1, journal=None, emergency=None)
    config["handlers"]["json"]["filename"] = "/dev/full"
    logging.config.dictConfig(config)
    logging.getLogger("shop").error("one")
    wait_until_open()

    client = Client()

    ready = client.get("/aura/health/ready")
    assert ready.status_code == 503
    assert "No space left on device" in ready.json()["reasons"]["async_file"]
    assert client.get("/aura/health/live").status_code == 200
    assert client.get("/aura/health").status_code == 503

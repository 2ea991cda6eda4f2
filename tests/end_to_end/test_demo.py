"""The demo keeps its word: what two preloaded workers wrote agrees with what the clients saw."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"

EXPECTED_KINDS = {
    "book", "card number in query", "export (streamed)", "front page", "hostile request id", "injection attempt",
    "line break in query", "login", "login form", "login that fails", "not found", "order", "order that crashes",
    "own orders", "page behind login", "search", "shelf, N+1 queries", "shelf, one query", "slow report",
    "stock (async view)",
}  # fmt: skip


def _demo(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        cwd=SHOP, env=os.environ | {"SHOP_BOOKKEEPING_SECONDS": "0.55"} | environment, text=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """One finished demo: what it printed, what its clients say they sent, what its server's processes logged."""

    exit_code: int
    printed: str
    sent: list[dict[str, Any]]
    lines: list[dict[str, Any]]

    def lines_of(self, correlation_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("correlation_id") == correlation_id]

    def sent_of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.sent if one["kind"] == kind]


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> list[Demo]:
    """Run two short demos at the same time in what each takes for the same place."""
    home = tmp_path_factory.mktemp("demo")
    running = [_demo("--seconds", "0.5", "--state", home / "run", PYTHONIOENCODING="utf-8") for _ in range(2)]
    printed = [process.communicate(timeout=120)[0] for process in running]
    assert sorted(path.name for path in home.iterdir()) == ["run", "run-2"], printed
    return [_finished(process.returncode, text) for process, text in zip(running, printed, strict=True)]


def _finished(exit_code: int, printed: str) -> Demo:
    account = re.search(r"\S+/requests\.jsonl", printed)
    assert account, printed
    directory = Path(account[0]).parent
    return Demo(exit_code, printed, _read_jsonl(directory / "requests.jsonl"), _read_jsonl(directory / "app.jsonl"))


@pytest.fixture(params=[0, 1], ids=["first", "second"])
def demo(demos: list[Demo], request: pytest.FixtureRequest) -> Demo:
    return demos[request.param]


def test_it_ends_well_and_fits_eighty_columns(demo: Demo) -> None:
    assert demo.exit_code == 0, demo.printed
    assert [line for line in demo.printed.splitlines() if len(line) > 80 and not line.endswith(("log", "jsonl"))] == []
    assert "\x1b" not in demo.printed
    assert "nothing lost, nothing twice" in demo.printed


def test_it_sends_every_kind_of_traffic_and_gets_the_answers_it_expects(demo: Demo) -> None:
    assert {one["kind"] for one in demo.sent} == EXPECTED_KINDS
    assert [one for one in demo.sent if one["status"] != one["expected_status"]] == []


def test_each_request_has_exactly_one_request_line_under_the_id_its_client_was_told(demo: Demo) -> None:
    told = Counter(one["correlation_id"] for one in demo.sent)

    written = Counter(line["correlation_id"] for line in demo.lines if line["logger"] == "aura.request")

    assert written == told
    assert set(told.values()) == {1}


def test_the_request_line_tells_what_the_client_saw(demo: Demo) -> None:
    for one in demo.sent:
        (line,) = (line for line in demo.lines_of(one["correlation_id"]) if line["logger"] == "aura.request")
        seen = (line["method"], line["path"], line["status_code"])
        assert seen == (one["method"], one["path"].partition("?")[0], one["status"])
        assert line["request_duration"] > 0


def test_the_store_has_counted_each_request_once(demo: Demo) -> None:
    requests = len([line for line in demo.lines if line["logger"] == "aura.request"])

    assert f"{requests:,} in the log, {requests:,} in the store" in demo.printed


def test_a_slow_request_is_marked_as_slow(demo: Demo) -> None:
    for one in demo.sent_of("slow report"):
        (line,) = (line for line in demo.lines_of(one["correlation_id"]) if line["logger"] == "aura.request")
        assert (line["level"], line["slow"]) == ("WARNING", True)


def test_an_id_from_outside_is_kept_and_a_hostile_one_is_not(demo: Demo) -> None:
    given = [one for one in demo.sent if one["given_id"]]

    assert given
    assert all(one["correlation_id"] == one["given_id"] for one in given)
    answers_to_hostile_ids = [one for one in demo.sent_of("hostile request id") if not one["given_id"]]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", one["correlation_id"]) for one in answers_to_hostile_ids)


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("order", ["order placed"]),
        ("search", ["search answered"]),
        ("stock (async view)", ["warehouse answered", "warehouse answered"]),
        ("export (streamed)", ["orders exported"]),
        ("login that fails", ["login failed"]),
        ("slow report", ["bookkeeping answered"]),
    ],
)
def test_what_the_application_logs_carries_its_requests_id(demo: Demo, kind: str, messages: list[str]) -> None:
    for one in demo.sent_of(kind):
        # Not the debug lines, which an order that was slow has as well.
        lines = [line for line in demo.lines_of(one["correlation_id"]) if line["level"] != "DEBUG"]
        assert [line["message"] for line in lines if line["logger"].startswith("shop.")] == messages


def test_a_crash_is_written_with_its_traceback_under_the_id_the_client_holds(demo: Demo) -> None:
    crashes = demo.sent_of("order that crashes")

    assert crashes
    for one in crashes:
        tracebacks = [line["exception"] for line in demo.lines_of(one["correlation_id"]) if "exception" in line]
        assert any("PostageRateMissingError: no postage rate for country 'AQ'" in text for text in tracebacks)


def test_a_line_break_in_a_query_forges_no_line(demo: Demo) -> None:
    assert demo.sent_of("line break in query")
    assert [line for line in demo.lines if line["message"] == "forged"] == []


def test_a_server_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    process = _demo("--state", tmp_path, SLOW_REQUEST_THRESHOLD="soon")

    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "SLOW_REQUEST_THRESHOLD" in printed


def test_a_port_in_use_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = _demo("serve", "--port", str(port), "--state", tmp_path)
        printed, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"Port {port}" in printed
    assert "make serve PORT=" in printed


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with _demo("serve", "--state", tmp_path, PYTHONUNBUFFERED="1") as process:
        yield process
        process.kill()


def test_a_stopped_shop_leaves_no_server_behind(open_shop: subprocess.Popen[str]) -> None:
    assert open_shop.stdout is not None
    printed = ""
    while "Ctrl-C" not in printed:
        row = open_shop.stdout.readline()
        assert row, printed
        printed += row
    port = int(re.findall(r"http://127\.0\.0\.1:(\d+)/", printed)[0])

    open_shop.send_signal(signal.SIGTERM)

    assert open_shop.wait(timeout=60) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

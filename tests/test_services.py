"""The servers that conftest starts for other tests are there, empty and private."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def _ask_redis(url: str, command: bytes) -> bytes:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(command + b"\r\n")
        return connection.recv(256)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_finds_redis_empty(redis_url: str, turn: str) -> None:
    assert _ask_redis(redis_url, b"DBSIZE") == b":0\r\n"

    assert _ask_redis(redis_url, b"SET left-behind " + turn.encode()) == b"+OK\r\n"


def test_postgres_answers_queries(postgres_dsn: str, require_service: Callable[[str], Path]) -> None:
    psql = require_service("psql")

    answer = subprocess.run(
        [psql, postgres_dsn, "-tAc", "select 6 * 7"], capture_output=True, text=True, check=True, timeout=30
    )

    assert answer.stdout.strip() == "42"


PROBE = """
def test_it(require_service):
    require_service("no-such-server")
"""


def _run_probe(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    conftest = Path(__file__).with_name("conftest.py")
    (directory / "conftest.py").write_text(conftest.read_text())
    (directory / "test_probe.py").write_text(PROBE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(directory)],
        cwd=directory, env=os.environ | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_missing_service_skips_its_tests_and_says_so_loudly_once(tmp_path: Path) -> None:
    outcome = _run_probe(tmp_path, AURA_REQUIRE_SERVICES="0")

    assert outcome.returncode == 0
    assert outcome.stdout.count("NOT TESTED: 1 tests need no-such-server.") == 1
    assert "1 skipped" in outcome.stdout.splitlines()[-1]


def test_a_missing_service_fails_its_tests_where_services_are_required(tmp_path: Path) -> None:
    outcome = _run_probe(tmp_path, AURA_REQUIRE_SERVICES="1")

    assert outcome.returncode == 1
    assert "no-such-server is not installed" in outcome.stdout

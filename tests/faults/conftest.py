"""Run a program in a process of its own, and read what it left in a file of lines."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

SECONDS = 60.0
# From 3.12 on Python warns of the very thing that is tested here: a fork in a process with threads.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Return a function that starts a Python program in `tmp_path`; keyword arguments are Popen's."""

    def start(program: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(program))
        return subprocess.Popen([sys.executable, *WARNINGS, str(path), *arguments], cwd=tmp_path, **options)

    return start


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a Python program in `tmp_path` to its end."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = start(program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"the program hangs\n{out.decode()}\n{err.decode()}")
        return subprocess.CompletedProcess([], process.returncode, out.decode(), err.decode())

    return run


@pytest.fixture
def read_lines() -> Callable[[Path], list[dict[str, Any]]]:
    """Return a function that reads a file of JSON lines; each must be whole."""
    return lambda path: [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Return a function that waits until something has come true."""

    def until(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            os.sched_yield()
            time.sleep(0.002)

    return until

"""The pytest plugin fails tests that log what must not leave, and says where without saying what."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aura_logging import privacy

SOURCE = Path(privacy.__file__).parents[2]

TESTS = """
import logging
import pytest

log = logging.getLogger("shop")

def test_leaks({fixture}):
    log.warning("mail %s", "jane@example.com")

def test_is_clean({fixture}):
    log.warning("order %s", 5)

@pytest.mark.pii_allowed("email")
def test_may({fixture}):
    log.warning("mail %s", "jane@example.com")
"""


def run(directory: Path, fixture: str, settings: str) -> str:
    (directory / "conftest.py").write_text('pytest_plugins = ["aura_logging.testing.pytest_plugin"]\n')
    (directory / "test_shop.py").write_text(TESTS.format(fixture=fixture))
    (directory / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-markers\n{settings}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--show-capture=no", str(directory)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=directory,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    return done.stdout


@pytest.mark.parametrize(("fixture", "settings"), [("no_pii_logged", ""), ("", "aura_no_pii = true")])
def test_a_leaking_test_fails_and_the_others_pass(tmp_path: Path, fixture: str, settings: str) -> None:
    output = run(tmp_path, fixture, settings)

    assert "3 passed, 1 error" in output
    assert "test_shop.py:8: email in message" in output
    assert "jane@example.com" not in output


def test_detectors_can_be_allowed_for_all_tests(tmp_path: Path) -> None:
    output = run(tmp_path, "no_pii_logged", "aura_pii_allowed = email")

    assert "3 passed" in output
    assert "error" not in output

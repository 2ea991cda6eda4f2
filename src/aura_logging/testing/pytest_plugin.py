"""Fail a test in which something personal or secret was logged; a plugin for pytest.

Load it with `pytest_plugins = ["aura_logging.testing.pytest_plugin"]` in the top conftest.py. Then ask for the fixture
`no_pii_logged` in a test, or set `aura_no_pii = true` in pytest's configuration for all of them; `aura_pii_allowed`
lists detectors whose findings are all right, as the mark `@pytest.mark.pii_allowed("email")` does for a test.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from aura_logging.privacy.assertions import find_pii
from aura_logging.privacy.findings import Finding

__all__ = ["no_pii_logged"]


class _Watch(logging.Handler):
    """Look at each record while it is fresh and keep what was found, without the record."""

    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__(logging.NOTSET)
        self.found: list[tuple[str, int, Finding]] = []
        self._allowed = allowed

    def emit(self, record: logging.LogRecord) -> None:
        for finding in find_pii(record, allow=self._allowed):
            self.found.append((record.pathname, record.lineno, finding))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the two settings."""
    parser.addini("aura_no_pii", "fail every test in which personal data or a secret is logged", "bool", default=False)
    parser.addini("aura_pii_allowed", "detectors whose findings in log records are all right", "args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "pii_allowed(*detectors): what this test may log")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test the fixture if the configuration says so."""
    if config.getini("aura_no_pii"):
        for item in items:
            names = getattr(item, "fixturenames", None)
            if names is not None and "no_pii_logged" not in names:
                names.append("no_pii_logged")


@pytest.fixture
def no_pii_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test if a record that reached the root logger held what must not leave."""
    marked = [str(name) for mark in request.node.iter_markers("pii_allowed") for name in mark.args]
    watch = _Watch(frozenset((*request.config.getini("aura_pii_allowed"), *marked)))
    root = logging.getLogger()
    root.addHandler(watch)
    try:
        yield
    finally:
        root.removeHandler(watch)
    if watch.found:
        places = "\n".join(
            f"  {path}:{line}: {finding.detector} in {finding.path or 'the record'}"
            for path, line, finding in watch.found
        )
        pytest.fail(f"Logged what must not leave:\n{places}", pytrace=False)

"""Begin each test outside any work, whatever another has left in this thread's context."""

from __future__ import annotations

import pytest

from aura_logging.performance import outgoing, queries


@pytest.fixture(autouse=True)
def _outside_any_work() -> None:
    queries.current.set(None)
    outgoing.current.set(None)

"""What a user's type checker must accept: checked by mypy, never run."""

from __future__ import annotations

import aura_logging


@aura_logging.bound(task="import")
def run(path: str) -> int:
    aura_logging.bind(path=path)
    return len(path)


@aura_logging.bound(task="import")
async def run_async(path: str) -> int:
    return len(path)


def results() -> tuple[int, str | None, dict[str, str]]:
    aura_logging.unbind("path")
    return run("x"), aura_logging.correlation_id(), aura_logging.outgoing_headers({"Accept": "*/*"})


def in_thread() -> int:
    return aura_logging.run_in_context(run)("x")

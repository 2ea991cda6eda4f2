"""Keep our own statements out of what a request is told about its queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aura_logging.performance.queries import current

__all__ = ["unobserved"]


@contextmanager
def unobserved() -> Iterator[None]:
    """Let the statements of the block count neither as queries nor as repetition: no code of the project asked them."""
    token = current.set(None)
    try:
        yield
    finally:
        current.reset(token)

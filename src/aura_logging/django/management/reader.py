"""Let whoever reads a command's output stop reading: `aura_logs query … | head`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import OutputWrapper

__all__ = ["may_leave"]


@contextmanager
def may_leave(out: OutputWrapper) -> Iterator[None]:
    """End the process with 1 and without a word when what is written to `out` is read no more."""
    try:
        yield
        out.flush()
    except BrokenPipeError:
        # Python flushes once more as it ends, and would complain: see "Note on SIGPIPE" in its `signal` module.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)

"""Read the last whole line of a file without reading the file."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["last_line"]

_FIRST_LOOK_BYTES = 1 << 14


def last_line(path: Path) -> bytes:
    """Return the last line that ends with a newline, without it; nothing if there is none. `OSError` as from `open`."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        size = min(end, _FIRST_LOOK_BYTES)
        while True:
            stream.seek(end - size)
            tail = stream.read(size)
            whole = tail[: tail.rfind(b"\n") + 1]
            start = whole.rfind(b"\n", 0, -1)
            if start >= 0 or size == end:
                return whole[start + 1 : -1]
            size = min(end, size * 8)

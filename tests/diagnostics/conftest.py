"""Log files as the handlers leave them: a live one, segments beside it, some of them compressed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

START = 1_800_000_000  # 2027-01-15T08:00:00Z


def line(number: int, **fields: Any) -> bytes:
    """Return a line that was logged `number` seconds after START."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(START + number, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    known = {"timestamp": at, "level": "INFO", "logger": "shop.orders", "message": f"line {number}"}
    return json.dumps(known | fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@pytest.fixture
def log_line() -> Callable[..., bytes]:
    return line


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., Path]:
    """Write `segments`, oldest first, each `(lines, compression)`, closed an hour apart, and the live file's lines."""

    def write(segments: Sequence[tuple[Sequence[bytes], str | None]], live: Sequence[bytes] = ()) -> Path:
        names = SegmentNames("app.jsonl")
        for number, (lines, compression) in enumerate(segments):
            codec = choose_codec(compression)
            closed = Segment((START + (number + 1) * 3_600) * 1_000_000, number + 1)
            path = tmp_path / names.name(SegmentFile(closed, codec.suffix if codec else ""))
            content = b"".join(lines)
            if codec is not None:
                compressor = codec.begin()
                content = compressor.compress(content) + compressor.flush()
            path.write_bytes(content)
        path = tmp_path / "app.jsonl"
        path.write_bytes(b"".join(live))
        return path

    return write

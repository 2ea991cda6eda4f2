"""How long `aura_logs show` takes over two gigabytes of segments: plain, gzip and zstd, new requests and old ones.

    python benchmarks/log_search.py [DIRECTORY] [SEGMENTS]

Writes 32 segments of 64 MiB in the directory for each compression (once), and asks for a request in the newest file,
in the eighth newest, in the oldest, and for one that is not there. Medians of three; the page cache is warm.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import orjson

from aura_logging.diagnostics.log_reader import files_of, find_request
from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.id_index import IdCollector, index_path
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

SEGMENT_BYTES = 64 << 20
LINES_PER_REQUEST = 4
ROUTES = [f"shop/section-{number}/<int:pk>/" for number in range(40)]


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "aura-log-search")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    for compression in (None, "gzip", "zstd"):
        directory = home / (compression or "plain")
        if not directory.exists():
            write_segments(directory, compression, count)
        files = files_of(directory / "app.jsonl")
        size = sum(file.path.stat().st_size for file in files)
        held = f"{count * SEGMENT_BYTES / 1e9:.1f} GB of lines, {size / 1e9:.2f} on disk"
        print(f"{compression or 'plain':<6} {len(files)} files, {held}")
        places = {"newest": count - 1, "8th newest": max(0, count - 8), "oldest": 0, "absent": None}
        for place, number in places.items():
            wanted = request_id(count if number is None else number, 1000)
            walls, processors = [], []
            for _ in range(3):
                started, worked = time.perf_counter(), time.process_time()
                found = find_request(files, wanted)
                walls.append(time.perf_counter() - started)
                processors.append(time.process_time() - worked)
                assert len(found.lines) == (0 if number is None else LINES_PER_REQUEST), len(found.lines)
            wall, processor = statistics.median(walls), statistics.median(processors)
            print(f"  {place:<10} {wall:6.2f} s, {processor:6.2f} s of processor ({found.files_read} files read)")


def request_id(segment: int, number: int) -> str:
    return uuid.UUID(int=(segment << 64) + number, version=4).hex


def write_segments(directory: Path, compression: str | None, count: int) -> None:
    directory.mkdir(parents=True)
    names, codec = SegmentNames("app.jsonl"), choose_codec(compression)
    for number in range(count):
        lines = segment(number)
        file = SegmentFile(
            Segment((1_800_000_000 + number * 3_600) * 1_000_000, number + 1), codec.suffix if codec else ""
        )
        path = directory / names.name(file)
        if codec is None:
            path.write_bytes(lines)
            continue
        compressor, ids = codec.begin(), IdCollector()
        path.write_bytes(compressor.compress(lines) + compressor.flush())
        ids.add(lines)
        index_path(path).write_bytes(ids.index() or b"")


def segment(number: int) -> bytes:
    chance = random.Random(number)
    lines: list[bytes] = []
    size, request = 0, 0
    while size < SEGMENT_BYTES:
        correlation_id = request_id(number, request)
        route, user = chance.choice(ROUTES), chance.randrange(100_000)
        for step in range(LINES_PER_REQUEST):
            at = f"{number % 24:02}:{request // 60_000 % 60:02}:{request // 1000 % 60:02}.{request % 1000:03}{step:03}"
            line = b"%b\n" % orjson.dumps({
                "timestamp": f"2026-11-23T{at}Z", "level": "INFO", "logger": "shop.orders",
                "message": f"step {step} of order {chance.randrange(10**9)} took {chance.random():.6f}",
                "correlation_id": correlation_id, "trace_id": f"{chance.getrandbits(128):032x}",
                "span_id": f"{chance.getrandbits(64):016x}", "user_id": str(user),
                "client_ip": f"10.{user % 250}.{user // 250 % 250}.7", "route": route, "method": "GET",
                "file": "orders.py", "line": 100 + step, "function": "place", "pid": 4711, "service_name": "shop",
                "environment": "production",
            })  # fmt: skip
            lines.append(line)
            size += len(line)
        request += 1
    return b"".join(lines)


if __name__ == "__main__":
    main()

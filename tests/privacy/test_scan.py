"""Scanning written files: every hit has its place, and no value is repeated."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from aura_logging.privacy import Scrubber
from aura_logging.privacy.scan import Hit, Progress, scan_file

LINES = [
    json.dumps(
        {
            "timestamp": "2025-11-23T05:41:00.123456Z",
            "message": "fine",
            "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    ),
    json.dumps({"message": "paid with 4111111111111111", "user": {"password": "hunter2"}}),
    "plain text about jane@example.com and joan@example.com",
    "",
    '["a list", "4111111111111111"]',
    json.dumps({"message": "fine again"}),
]


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber()


def expected(path: Path) -> list[Hit]:
    return [
        Hit(path, 2, "credit_card", "message"),
        Hit(path, 2, "secret", "user.password"),
        Hit(path, 3, "email"),
        Hit(path, 5, "credit_card"),
    ]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".jsonl", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_hits_have_path_line_detector_and_field(tmp_path: Path, scrubber: Scrubber, suffix: str, compress: Any) -> None:
    path = tmp_path / f"log{suffix}"
    path.write_bytes(compress("\n".join(LINES).encode()))

    hits = list(scan_file(path, scrubber))

    assert hits == expected(path)
    assert "4111" not in repr(hits)


def test_line_numbers_hold_across_batches(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "long.log"
    with path.open("w") as file:
        for number in range(1, 5_001):
            file.write("jane@example.com\n" if number % 1_000 == 0 else f"line {number} of nothing in particular\n")

    assert [hit.line for hit in scan_file(path, scrubber)] == [1_000, 2_000, 3_000, 4_000, 5_000]


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"nothing to see here\n" * 50_000))
    told: list[Progress] = []

    assert list(scan_file(path, scrubber, told.append)) == []

    assert len(told) > 5
    assert [p.done_bytes for p in told] == sorted(p.done_bytes for p in told)
    assert told[-1].done_bytes == told[-1].total_bytes == path.stat().st_size


def test_a_damaged_file_gives_what_it_has_and_then_an_error(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "log.gz"
    content = b"jane@example.com\n" + b"".join(b"%d nothing\n" % n for n in range(100_000))
    path.write_bytes(gzip.compress(content)[:-20_000])
    hits = []

    with pytest.raises(OSError, match="is damaged"):
        for hit in scan_file(path, scrubber):
            hits.append(hit)

    assert [hit.line for hit in hits] == [1]


def test_bytes_that_are_no_text_and_lines_without_end_are_scanned(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "odd.log"
    path.write_bytes(b"\xff\xfe jane@example.com \xff\n" + b"x" * 3_000_000 + b" 4111111111111111")

    assert [(hit.line, hit.detector) for hit in scan_file(path, scrubber)] == [(1, "email"), (2, "credit_card")]


def test_what_was_read_before_the_damage_is_told_even_of_a_short_file(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"jane@example.com\n" * 500)[:-8])
    hits = []

    with pytest.raises(OSError, match="is damaged"):
        for hit in scan_file(path, scrubber):
            hits.append(hit)

    assert len(hits) == 500


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_file_that_is_not_what_its_name_says_is_named_and_not_quoted(
    tmp_path: Path, scrubber: Scrubber, suffix: str
) -> None:
    path = tmp_path / f"log{suffix}"
    path.write_bytes(b"hunter2 and so on\n")

    with pytest.raises(OSError, match="is damaged") as raised:
        list(scan_file(path, scrubber))

    assert str(path) in str(raised.value)
    assert "hu" not in str(raised.value).replace(str(path), "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_what_windows_writes_is_read(tmp_path: Path, scrubber: Scrubber, encoding: str) -> None:
    path = tmp_path / "log.txt"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes(f"{mark}fine\r\nmail jane@example.com\r\n".encode(encoding))

    assert list(scan_file(path, scrubber)) == [Hit(path, 2, "email")]


def test_a_value_is_not_lost_where_a_very_long_line_is_cut(tmp_path: Path, scrubber: Scrubber) -> None:
    path = tmp_path / "one_line.txt"
    path.write_bytes(b"a " * ((1 << 19) - 4) + b"jane@example.com and more\n")

    assert list(scan_file(path, scrubber)) == [Hit(path, 1, "email")]

"""Whoever follows a log sees every line once, whatever is rotated under them."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from aura_logging.diagnostics.log_reader.following import follow, last_lines
from aura_logging.handlers import StructuredFileHandler


def followed(path: Path, *steps: Callable[[], object]) -> list[bytes]:
    """Return what is seen while the steps happen, one whenever the follower rests."""
    waiting: Iterator[Callable[[], object]] = iter(steps)
    more = [True]

    def rest(seconds: float) -> None:
        step = next(waiting, None)
        if step is None:
            more[0] = False
        else:
            step()

    return list(follow(path, rest, lambda: more[0]))


def append(path: Path, text: bytes) -> Callable[[], object]:
    def write() -> None:
        with path.open("ab") as file:
            file.write(text)

    return write


def test_new_lines_are_seen_and_half_a_line_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_bytes(b"old\n")

    seen = followed(path, append(path, b"one\ntw"), append(path, b"o\n"), append(path, b"three\n"), lambda: None)

    assert seen == [b"one", b"two", b"three"]


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"

    seen = followed(path, lambda: None, append(path, b"one\n"), append(path, b"two\n"), lambda: None)

    assert seen == [b"one", b"two"]


def test_our_own_rotations_lose_no_line_not_even_several_at_once(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    handler = StructuredFileHandler(path, max_bytes=200, compress=None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    number = 0

    def write(lines: int) -> Callable[[], object]:
        def log() -> None:
            nonlocal number
            for _ in range(lines):
                handler.emit(logging.makeLogRecord({"msg": f"{number:060}"}))
                number += 1

        return log

    write(1)()
    seen = followed(path, write(1), write(2), write(20), write(0), write(3), write(0))
    handler.close()

    assert [int(line) for line in seen] == list(range(1, 27))


def test_renamed_compressed_and_truncated_files_are_followed_too(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"")

    def rotate() -> None:
        append(path, b"last\n")()
        (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.replace(tmp_path / "app.log.1")
        path.write_bytes(b"new\n")

    seen = followed(
        path, append(path, b"one\n"), rotate, lambda: None, lambda: path.write_bytes(b"x\n"), lambda: None
    )  # fmt: skip

    assert seen == [b"one", b"last", b"new", b"x"]


def test_the_last_lines_of_a_file_are_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(1_000)))

    assert last_lines(path, 3) == [b"997", b"998", b"999"]
    assert last_lines(path, 0) == last_lines(tmp_path / "absent", 3) == []

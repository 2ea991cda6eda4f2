"""What waits in a journal's directory can be told without touching it."""

from __future__ import annotations

from pathlib import Path

from aura_logging.diagnostics.journals import Waiting, waiting_in
from aura_logging.resilience.journal import Journal


def journal(directory: Path, name: str, *lines: bytes) -> Journal:
    made = Journal(directory, name=name, segment_bytes=16 << 10, max_bytes=64 << 10)
    for line in lines:
        assert made.append(line)
    return made


def test_nothing_waits_where_there_is_nothing(tmp_path: Path) -> None:
    assert waiting_in(tmp_path / "missing") == []


def test_the_dead_are_told_from_the_living(tmp_path: Path) -> None:
    journal(tmp_path, "a", b"one\n", b"two\n").close()
    journal(tmp_path, "a", b"three\n").close()
    alive = journal(tmp_path, "a", b"mine\n")
    journal(tmp_path, "b", b"other\n").close()
    (tmp_path / "b.0123456789abcdef01234567.000001.journal").write_bytes(b"rubbish" * 1000)

    found = waiting_in(tmp_path)

    assert found == [
        Waiting("a", lines=3, line_bytes=14, dead=2, alive=1, unreadable=0),
        Waiting("b", lines=1, line_bytes=6, dead=1, alive=0, unreadable=1),
    ]
    assert waiting_in(tmp_path, "b") == found[1:]
    alive.close()

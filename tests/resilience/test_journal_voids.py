"""Lines may be settled in any order; recovery delivers those that were not, in order, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.resilience.journal import AnyOrderJournal, Journal, Place, pending, recover


def left_in(directory: Path) -> list[bytes]:
    lines = []
    with recover(directory) as recovery:
        for batch in recovery:
            lines += [frame.line for frame in batch.frames]
            batch.acknowledge()
    return lines


def journal_in(directory: Path) -> AnyOrderJournal:
    return AnyOrderJournal(Journal(directory, name="held", segment_bytes=16 << 10, max_bytes=256 << 10))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just("append"), st.integers(0, 40), st.just("settle many")), max_size=80))
def test_what_is_not_settled_comes_back(tmp_path_factory: pytest.TempPathFactory, steps: list[object]) -> None:
    directory = tmp_path_factory.mktemp("voids")
    writing, written = os.pipe()
    child = os.fork()
    if not child:  # dies without closing, as a killed worker does
        journal = journal_in(directory)
        waiting: list[tuple[bytes, Place]] = []
        for number, step in enumerate(steps):
            if step == "append":
                line = b"line %d " % number + b"." * 150
                place = journal.append(line, 10)
                assert place is not None
                waiting.append((line, place))
            elif step == "settle many":
                journal.settle([place for _, place in waiting[1::2]])
                waiting = waiting[::2]
            elif isinstance(step, int) and step < len(waiting):
                journal.settle([waiting.pop(step)[1]])
        os.write(written, b"\n".join(line for line, _ in waiting) or b"-")
        os._exit(0)
    os.close(written)
    with os.fdopen(writing, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    expected = [] if told == b"-" else told.split(b"\n")
    assert left_in(directory) == expected
    assert pending(directory) == []


def test_what_is_settled_twice_is_settled_once(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    first, second = journal.append(b"first", 10), journal.append(b"second", 10)
    assert first is not None and second is not None
    journal.settle([second])
    journal.settle([second, first])
    journal.journal.close()
    assert left_in(tmp_path) == []

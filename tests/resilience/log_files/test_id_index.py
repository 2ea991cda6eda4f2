"""An index never denies an id that its segment has, in whatever pieces it came, and seldom affirms another."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.log_files import id_index
from aura_logging.resilience.log_files.id_index import IdCollector, index_path, may_mention

ids = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["C"]), min_size=1, max_size=40)


def index_of(directory: Path, *pieces: bytes) -> Path:
    collector = IdCollector()
    for piece in pieces:
        collector.add(piece)
    segment = directory / "app.jsonl.gz"
    index_path(segment).write_bytes(collector.index() or b"")
    return segment


@given(st.lists(ids, min_size=1, max_size=20), st.integers(1, 50), st.booleans())
def test_every_id_is_known_however_the_lines_were_cut(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[str], size: int, is_spaced: bool
) -> None:
    separators = (", ", ": ") if is_spaced else (",", ":")
    names = ("correlation_id", "trace_id", "trace.id", "http.request.id")
    lines = b"".join(
        json.dumps({"n": n, names[n % 4]: id_}, separators=separators, ensure_ascii=False).encode() + b"\n"
        for n, id_ in enumerate(wanted)
    )
    segment = index_of(tmp_path_factory.mktemp("index"), *(lines[at : at + size] for at in range(0, len(lines), size)))

    assert all(may_mention(segment, id_.encode()) for id_ in wanted)


def test_few_other_ids_are_affirmed(tmp_path: Path) -> None:
    line = b'{"correlation_id":"%b"}\n'
    segment = index_of(tmp_path, b"".join(line % uuid.UUID(int=n).hex.encode() for n in range(2_000)))

    affirmed = sum(may_mention(segment, uuid.UUID(int=n).hex.encode()) for n in range(10_000, 12_000))

    assert affirmed < 80
    assert index_path(segment).stat().st_size < 2_600


@pytest.mark.parametrize("damage", [b"", b"aura ids 1\n", b"something else that is as long as a header"])
def test_where_nobody_knows_the_segment_may_have_it(tmp_path: Path, damage: bytes) -> None:
    segment = index_of(tmp_path, b'{"correlation_id":"one"}\n')
    assert not may_mention(segment, b"two")
    whole = index_path(segment).read_bytes()

    for found in (damage, whole[:-1], whole[:-1] + b"\x00", whole + b"\x00"):
        index_path(segment).write_bytes(found)
        assert may_mention(segment, b"two")
    index_path(segment).unlink()
    assert may_mention(segment, b"two")


def test_an_id_that_json_escapes_is_not_judged_by_the_index(tmp_path: Path) -> None:
    odd = 'a"b'
    segment = index_of(tmp_path, json.dumps({"correlation_id": odd}).encode() + b"\n")

    assert may_mention(segment, json.dumps(odd)[1:-1].encode())


def test_more_ids_than_are_worth_it_make_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_index, "_MOST_IDS", 2)
    collector = IdCollector()
    for number in range(5):
        collector.add(b'{"correlation_id":"%d"}\n' % number)

    assert collector.index() is None

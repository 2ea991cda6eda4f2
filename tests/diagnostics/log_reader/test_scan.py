"""A plain file is looked through as it lies on the disk: every line with the needle, once, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.diagnostics.log_reader import scan
from aura_logging.diagnostics.log_reader.scan import lines_with

lines = st.lists(st.text("abx", max_size=30).map(str.encode), max_size=30)


@given(lines, st.sampled_from([b"a", b"ab", b"abab", b"xxxxx"]), st.integers(1, 20), st.booleans())
def test_each_line_with_the_needle_is_found_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, written: list[bytes], needle: bytes, window: int, is_ended: bool
) -> None:
    path = tmp_path_factory.mktemp("scan") / "app.jsonl"
    path.write_bytes(b"\n".join(written) + (b"\n" if is_ended else b""))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_WINDOW_BYTES", window)
        found = list(lines_with(path, needle))

    assert found == [line for line in written if needle in line]


def test_it_stops_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_bytes(b"one\n")

    assert list(lines_with(path, b"one", lambda: True)) == []

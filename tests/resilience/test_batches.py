"""Consecutive entries stay together, in order, until a target takes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.resilience.batches import Batch, ItemBatch, LineBatch, Losses, single_lines

KINDS = pytest.mark.parametrize("kind", [LineBatch, ItemBatch])

Make = Callable[[int, Losses, int], Batch]


def filled(kind: Make, count: int) -> Batch:
    batch = kind(10, {"buffer_full": 2}, 100)
    for number in range(count):
        batch.add(20 + number, b"%d\n" % number, 101 + number)
    return batch


def payloads(batch: Batch) -> list[bytes]:
    return list(batch.lines() if isinstance(batch, LineBatch) else batch.items())  # type: ignore[attr-defined]


@KINDS
def test_a_batch_gives_back_what_was_put_in(kind: Make) -> None:
    batch = filled(kind, 3)

    assert len(batch) == 3
    assert payloads(batch) == [b"0\n", b"1\n", b"2\n"]
    assert (batch.first, batch.begins_after, batch.ends_at) == (10, 100, 103)


@KINDS
def test_what_is_removed_from_the_head_comes_with_its_level(kind: Make) -> None:
    batch = filled(kind, 3)

    assert batch.remove_first(2) == [(20, b"0\n"), (21, b"1\n")]

    assert (len(batch), batch.first, payloads(batch)) == (1, 12, [b"2\n"])


@KINDS
@given(count=st.integers(1, 20), data=st.data())
def test_a_split_loses_nothing_and_leaves_the_losses_in_front(kind: Make, count: int, data: st.DataObject) -> None:
    batch = filled(kind, count)
    whole = payloads(batch)
    removed = data.draw(st.integers(0, count - 1))
    batch.remove_first(removed)
    taken = data.draw(st.integers(1, count - removed))

    head = batch.split(taken)

    assert payloads(head) + payloads(batch) == whole[removed:]
    assert (head.first, batch.first) == (10 + removed, 10 + removed + taken)
    assert (head.losses, batch.losses) == ({"buffer_full": 2}, {})
    # Acknowledging up to where the rest begins never passes a line of the rest.
    assert head.begins_after <= batch.begins_after <= 100 + removed + taken
    assert batch.ends_at == 100 + count


def test_a_block_of_lines_is_one_piece_also_behind_removed_ones() -> None:
    batch = LineBatch(1, {}, 0)
    for line in (b"a\n", b"bb\n", b"ccc\n"):
        batch.add(20, line, 0)
    assert bytes(batch.block()) == b"a\nbb\nccc\n"

    batch.remove_first(1)

    assert bytes(batch.block()) == b"bb\nccc\n"
    assert batch.lines() == [b"bb\n", b"ccc\n"]


def test_blocks_of_lines_come_apart_into_lines() -> None:
    assert single_lines([b"a\nb\n", bytearray(b"c\n"), memoryview(b"d\ne\n")]) == [
        b"a\n", b"b\n", b"c\n", b"d\n", b"e\n",
    ]  # fmt: skip

from __future__ import annotations

import pickle

from aura_logging.performance.loads import Load, Subject

BOOK_AUTHOR = Subject("Book", "author", "forward", "book", "author")


def test_no_more_than_hashes_of_rows_are_kept() -> None:
    load = Load(BOOK_AUTHOR)

    load.seen("path", "('somebody@example.com',)", 2)
    load.is_led_to("somebody@example.com", "somebody@example.com")

    assert b"somebody" not in pickle.dumps(load)


def test_rows_whose_keys_have_the_same_hash_are_two_rows() -> None:
    load = Load(BOOK_AUTHOR)

    load.seen("path", -1, 2)
    load.seen("path", -2, 2)

    assert load.is_settled


def test_a_loop_is_found_however_high_the_threshold() -> None:
    load = Load(BOOK_AUTHOR)

    for row in range(100):
        assert load.wants_evidence
        load.seen("path", row, 100)

    assert load.is_settled


def test_a_chain_of_any_length_takes_bounded_memory() -> None:
    load = Load(BOOK_AUTHOR)
    row = 0

    while load.wants_evidence:
        load.is_led_to(row, row + 1)
        row += 1

    assert row < 100
    assert not load.is_settled
    assert len(pickle.dumps(load)) < 1_000

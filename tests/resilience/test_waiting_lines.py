"""What many units of work hold back stays within one limit, in memory and in the journal."""

from __future__ import annotations

import threading
from pathlib import Path

from aura_logging.resilience.journal import AnyOrderJournal, Journal, recover
from aura_logging.resilience.waiting_lines import WaitingLines


def with_journal(directory: Path) -> WaitingLines:
    waiting = WaitingLines(10_000, 20_000)
    waiting.journal = AnyOrderJournal(Journal(directory, name="waits", segment_bytes=64 << 10, max_bytes=256 << 10))
    return waiting


def test_what_was_written_anew_is_recovered_once_and_in_the_order_it_was_logged(tmp_path: Path) -> None:
    waiting = with_journal(tmp_path)
    assert waiting.journal is not None
    long_one, short_one = waiting.new_unit(), waiting.new_unit()
    for number in range(3):
        waiting.hold(long_one, b'{"long":%d}' % number, 10)
    for _ in range(5):
        waiting.hold(short_one, b"x" * 9_000, 10)
        waiting.settle(waiting.take_all(short_one))
    before = waiting.journal.journal.usage().unacknowledged_bytes

    waiting.renew(spare_bytes=0)

    assert waiting.journal.journal.usage().unacknowledged_bytes < before / 100
    waiting.hold(long_one, b'{"long":3}', 20)
    waiting.journal.journal.close()
    with recover(tmp_path) as recovery:
        frames = [(frame.line, frame.level) for batch in recovery for frame in batch.frames]
    assert frames == [(b'{"long":%d}' % number, 20 if number == 3 else 10) for number in range(4)]


def test_a_journal_that_is_little_more_than_what_waits_is_left_as_it_is(tmp_path: Path) -> None:
    waiting = with_journal(tmp_path)
    assert waiting.journal is not None
    for _ in range(3):
        waiting.hold(waiting.new_unit(), b"x" * 5_000, 10)
    before = waiting.journal.journal.usage()

    waiting.renew()

    assert waiting.journal.journal.usage() == before
    waiting.journal.journal.close()


def test_a_unit_may_be_collected_while_any_lock_is_held() -> None:
    waiting = WaitingLines(10_000, 20_000)
    held = waiting.new_unit()
    waiting.hold(held, b"{}", 10)
    finaliser = threading.Thread(target=waiting.abandon, args=(held,))

    with held.lock, waiting._lock:
        finaliser.start()
        finaliser.join()

    assert waiting.take_abandoned() == [held]
    assert waiting.take_abandoned() == []

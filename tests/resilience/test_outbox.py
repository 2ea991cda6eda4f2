"""What an outbox accepts is delivered, dropped, waiting, on its way or in the journal; nothing else."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from aura_logging.resilience.batches import Batch, ItemBatch
from aura_logging.resilience.journal import Journal, recover
from aura_logging.resilience.ledger import Entry, WhenFull
from aura_logging.resilience.outbox import Outbox
from aura_logging.testing import ManualClock

SECONDS = 10.0
INFO = 20


def journal_in(directory: Path, **options: Any) -> Journal:
    return Journal(directory, name="a", **{"segment_bytes": 16 << 10, "max_bytes": 64 << 10, **options})


def numbered(outbox: Outbox) -> Outbox:
    outbox.stamp = lambda payload, number: b"%d %b" % (number, payload)
    return outbox


def contents(batch: Batch | None) -> list[Any]:
    assert isinstance(batch, ItemBatch)
    return list(batch.items())


def left_for_others(directory: Path) -> list[bytes]:
    lines = []
    with recover(directory) as recovery:
        for batch in recovery:
            lines += [frame.line for frame in batch.frames]
            batch.acknowledge()
    return lines


def fill(outbox: Outbox, count: int) -> list[Entry]:
    lost: list[Entry] = []
    for _ in range(count):
        lost += outbox.put(INFO, b"x") or ()
    return lost


# Within bounds ------------------------------------------------------------------------------------------------------


def test_entries_come_out_in_the_order_they_went_in_each_with_the_next_number() -> None:
    outbox = numbered(Outbox(10))
    fill(outbox, 3)

    batch = outbox.take()

    assert contents(batch) == [b"1 x", b"2 x", b"3 x"]
    assert batch is not None and batch.first == 1
    assert outbox.take() is None


def test_drop_oldest_makes_room_and_says_what_gave_way() -> None:
    outbox = numbered(Outbox(3, WhenFull.DROP_OLDEST))

    lost = fill(outbox, 5)

    assert lost == [Entry(INFO, b"1 x"), Entry(INFO, b"2 x")]
    batch = outbox.take()
    assert contents(batch) == [b"3 x", b"4 x", b"5 x"]
    assert batch is not None and (batch.first, batch.losses) == (3, {"buffer_full": 2})


def test_drop_newest_refuses_the_entry_that_comes() -> None:
    outbox = numbered(Outbox(3, WhenFull.DROP_NEWEST))

    lost = fill(outbox, 5)

    assert lost == [Entry(INFO, b"4 x"), Entry(INFO, b"5 x")]
    first = outbox.take()
    assert contents(first) == [b"1 x", b"2 x", b"3 x"]
    fill(outbox, 1)
    behind_the_gap = outbox.take()
    assert behind_the_gap is not None and (behind_the_gap.first, behind_the_gap.losses) == (6, {"buffer_full": 2})


def test_block_waits_for_room_and_finds_it() -> None:
    outbox = numbered(Outbox(1, WhenFull.BLOCK, block_seconds=SECONDS))
    fill(outbox, 1)
    blocked = threading.Thread(target=fill, args=(outbox, 3))
    blocked.start()

    taken: list[bytes] = []
    while len(taken) < 4:
        batch = outbox.take()
        if batch is not None:
            taken += contents(batch)
            outbox.settle(batch)
    blocked.join(SECONDS)

    assert taken == [b"1 x", b"2 x", b"3 x", b"4 x"]
    assert outbox.lost == 0


def test_block_gives_up_at_its_deadline_and_drops_the_new_entry() -> None:
    outbox = numbered(Outbox(1, WhenFull.BLOCK, block_seconds=0.001))

    assert fill(outbox, 2) == [Entry(INFO, b"2 x")]


def test_block_does_not_wait_where_the_caller_must_not() -> None:
    outbox = numbered(Outbox(1, WhenFull.BLOCK, block_seconds=3600.0))
    fill(outbox, 1)

    assert outbox.put(INFO, b"x", may_wait=False) == [Entry(INFO, b"2 x")]


def test_several_that_are_blocked_are_all_let_in() -> None:
    outbox = Outbox(1, WhenFull.BLOCK, block_seconds=SECONDS)
    fill(outbox, 1)
    blocked = [threading.Thread(target=fill, args=(outbox, 1)) for _ in range(5)]
    for thread in blocked:
        thread.start()

    while any(thread.is_alive() for thread in blocked) or outbox.queued:
        batch = outbox.take()
        if batch is not None:
            outbox.settle(batch)

    assert outbox.ledger().delivered == 6


def test_block_does_not_wait_where_the_journal_has_room(tmp_path: Path) -> None:
    outbox = Outbox(1, WhenFull.BLOCK, block_seconds=3600.0)
    outbox.journal = journal_in(tmp_path)

    assert fill(outbox, 5) == []

    assert outbox.ledger().spilled == 4


# Settling -----------------------------------------------------------------------------------------------------------


def test_what_the_target_did_not_take_comes_first_next_time() -> None:
    outbox = numbered(Outbox(10))
    fill(outbox, 3)
    batch = outbox.take()
    assert batch is not None
    fill(outbox, 1)

    outbox.settle(batch, taken=1)

    again = outbox.take()
    assert contents(again) == [b"2 x", b"3 x"]
    assert again is not None and again.first == 2
    assert contents(outbox.take()) == [b"4 x"]


def test_a_poison_entry_is_dropped_and_the_next_batch_says_so() -> None:
    outbox = numbered(Outbox(10))
    fill(outbox, 3)
    batch = outbox.take()
    assert batch is not None

    lost = outbox.settle(batch, taken=1, lost=1, reason="target_error")

    assert lost == [Entry(INFO, b"2 x")]
    rest = outbox.take()
    assert contents(rest) == [b"3 x"]
    assert rest is not None and (rest.first, rest.losses) == (3, {"target_error": 1})


def test_a_poison_entry_at_the_end_is_announced_by_whatever_comes_next() -> None:
    outbox = Outbox(10)
    fill(outbox, 1)
    batch = outbox.take()
    assert batch is not None
    outbox.settle(batch, taken=0, lost=1, reason="target_error")
    fill(outbox, 1)

    following = outbox.take()

    assert following is not None and (following.first, following.losses) == (2, {"target_error": 1})


def test_a_worker_may_take_a_few_at_a_time() -> None:
    outbox = numbered(Outbox(10))
    fill(outbox, 5)

    assert [contents(outbox.take(2)) for _ in range(3)] == [[b"1 x", b"2 x"], [b"3 x", b"4 x"], [b"5 x"]]
    ledger = outbox.ledger()
    assert (ledger.in_flight, ledger.queued) == (5, 0)


def test_waiting_for_what_is_settled_ends_as_soon_as_it_is() -> None:
    outbox = Outbox(10)
    fill(outbox, 2)
    batch = outbox.take()
    assert batch is not None
    settler = threading.Timer(0.01, outbox.settle, args=(batch,))
    settler.start()

    assert outbox.wait_until_settled(2, deadline=float("inf"))
    settler.join()


def test_waiting_ends_at_its_deadline() -> None:
    outbox = Outbox(10, clock=(clock := ManualClock(100.0)))
    fill(outbox, 1)

    assert not outbox.wait_until_settled(1, deadline=clock())


def test_waiting_does_not_wait_for_what_came_later() -> None:
    outbox = Outbox(10, clock=ManualClock())
    fill(outbox, 1)
    batch = outbox.take()
    assert batch is not None
    fill(outbox, 1)
    outbox.settle(batch)

    assert outbox.wait_until_settled(1, deadline=0.0)


# Interrupted --------------------------------------------------------------------------------------------------------


def test_an_entry_put_while_another_is_being_put_follows_it() -> None:
    outbox = Outbox(10)

    def stamp(payload: bytes, number: int) -> bytes:
        if payload == b"outer":
            assert outbox.put(INFO, b"inner") is None  # as a signal handler's or a finaliser's log call would
        return b"%d %b" % (number, payload)

    outbox.stamp = stamp
    outbox.put(INFO, b"outer")

    assert contents(outbox.take()) == [b"1 outer", b"2 inner"]
    assert outbox.ledger().balances


def test_a_refusal_while_an_entry_is_being_put_is_counted_once_that_is_done() -> None:
    outbox = Outbox(10)

    def stamp(payload: bytes, number: int) -> bytes:
        outbox.refuse("internal_error")
        return payload

    outbox.stamp = stamp
    outbox.put(INFO, b"x")

    ledger = outbox.ledger()
    assert (ledger.accepted, ledger.queued, ledger.dropped) == (2, 1, {"internal_error": 1})


def test_asking_what_is_outstanding_in_the_middle_of_a_put_disturbs_nothing() -> None:
    outbox = Outbox(10)

    def stamp(payload: bytes, number: int) -> bytes:
        if payload == b"outer":
            outbox.put(INFO, b"inner")
            assert outbox.is_busy_here
            outbox.oldest_outstanding()
            outbox.abandon("shutdown")
        return b"%d %b" % (number, payload)

    outbox.stamp = stamp
    outbox.put(INFO, b"outer")

    assert contents(outbox.take()) == [b"1 outer", b"2 inner"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_entry_that_an_exception_kept_out_was_never_accepted(error: type[BaseException]) -> None:
    outbox = Outbox(10)
    fill(outbox, 2)

    def interrupt(payload: bytes, number: int) -> bytes:
        raise error

    outbox.stamp = interrupt
    with pytest.raises(error):
        outbox.put(INFO, b"x")

    outbox.stamp = lambda payload, number: payload
    fill(outbox, 1)
    ledger = outbox.ledger()
    assert ledger.balances
    assert (ledger.accepted, ledger.queued) == (3, 3)


def test_finalisers_that_run_inside_put_are_heard(tmp_path: Path) -> None:
    outbox = Outbox(10_000)

    class Logs:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            outbox.put(INFO, b"from a finaliser")

    def stamp(payload: bytes, number: int) -> bytes:
        if payload == b"x":
            Logs()
            if number % 10 == 0:
                gc.collect(0)
        return payload

    outbox.stamp = stamp
    fill(outbox, 300)
    gc.collect()

    ledger = outbox.ledger()
    assert ledger.balances
    assert ledger.accepted == 600


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # what is tested is what it warns of
def test_a_forked_child_begins_empty_though_another_thread_held_the_lock() -> None:
    outbox = Outbox(10)
    fill(outbox, 2)
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with outbox._lock:
            holding.set()
            let_go.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(SECONDS)

    child = os.fork()
    if child == 0:
        fill(outbox, 1)
        ledger = outbox.ledger()
        os._exit(0 if ledger.balances and ledger.accepted == ledger.queued == 1 else 1)
    exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    let_go.set()
    thread.join(SECONDS)

    assert exit_code == 0
    assert outbox.ledger().queued == 2


# With a journal -----------------------------------------------------------------------------------------------------


@pytest.fixture
def journaled(tmp_path: Path) -> Outbox:
    outbox = numbered(Outbox(4))
    outbox.journal = journal_in(tmp_path)
    return outbox


def test_what_does_not_fit_into_memory_waits_in_the_journal_in_order(journaled: Outbox) -> None:
    assert fill(journaled, 10) == []
    assert (journaled.ledger().queued, journaled.ledger().spilled) == (4, 6)

    taken: list[bytes] = []
    while (batch := journaled.take()) is not None:
        taken += contents(batch)
        journaled.settle(batch)

    assert taken == [b"%d x" % number for number in range(1, 11)]
    assert journaled.ledger().balances


def test_what_is_delivered_is_gone_from_the_journal(journaled: Outbox, tmp_path: Path) -> None:
    fill(journaled, 10)
    while (batch := journaled.take()) is not None:
        journaled.settle(batch)

    assert journaled.journal is not None
    journaled.journal.close()

    assert left_for_others(tmp_path) == []


def test_a_failed_try_acknowledges_nothing(journaled: Outbox, tmp_path: Path) -> None:
    fill(journaled, 3)
    batch = journaled.take()
    assert batch is not None

    journaled.settle(batch, taken=0)

    assert journaled.journal is not None
    journaled.journal.close()
    assert left_for_others(tmp_path) == [b"1 x", b"2 x", b"3 x"]


def test_a_later_batch_that_is_delivered_first_acknowledges_nothing_of_an_earlier_one(
    journaled: Outbox, tmp_path: Path
) -> None:
    fill(journaled, 2)
    slow = journaled.take()
    fill(journaled, 2)
    quick = journaled.take()
    assert slow is not None and quick is not None

    journaled.settle(quick)

    assert journaled.journal is not None
    journaled.journal.close()
    assert left_for_others(tmp_path) == [b"1 x", b"2 x", b"3 x", b"4 x"]


def test_of_a_batch_taken_in_part_only_the_rest_is_left(journaled: Outbox, tmp_path: Path) -> None:
    fill(journaled, 3)
    batch = journaled.take()
    assert batch is not None

    journaled.settle(batch, taken=1)

    assert journaled.journal is not None
    journaled.journal.close()
    assert left_for_others(tmp_path) == [b"2 x", b"3 x"]


def test_at_the_end_what_is_in_the_journal_is_left_there_and_not_counted_as_lost(
    journaled: Outbox, tmp_path: Path
) -> None:
    fill(journaled, 1)

    assert journaled.abandon("shutdown") == []

    ledger = journaled.ledger()
    assert ledger.balances
    assert (ledger.spilled, ledger.dropped) == (1, {})
    assert journaled.journal is not None
    journaled.journal.close()
    assert left_for_others(tmp_path) == [b"1 x"]


def test_at_the_end_what_the_journal_had_refused_is_lost_and_only_that(journaled: Outbox, tmp_path: Path) -> None:
    def put(size: int) -> None:
        journaled.put(INFO, b"x" * size)

    put(1)
    put(32 << 10)  # larger than a segment: the journal refuses it
    put(32 << 10)
    put(2)

    lost = journaled.abandon("shutdown")

    ledger = journaled.ledger()
    assert [len(entry.payload) > 1000 for entry in lost] == [True, True]
    assert ledger.balances
    assert (ledger.spilled, ledger.dropped, ledger.unjournaled) == (2, {"shutdown": 2}, {"journal_line_too_large": 2})
    assert journaled.journal is not None
    journaled.journal.close()
    assert left_for_others(tmp_path) == [b"1 x", b"4 xx"]


def test_when_the_journal_is_full_the_newest_gives_way_and_the_gap_is_announced(tmp_path: Path) -> None:
    outbox = numbered(Outbox(2))
    outbox.journal = journal_in(tmp_path)
    lost: list[Entry] = []
    while not lost:
        lost += outbox.put(INFO, b"x" * 1000) or ()
    accepted = outbox.accepted

    taken: list[bytes] = []
    while (batch := outbox.take()) is not None:
        taken += contents(batch)
        outbox.settle(batch)
    outbox.put(INFO, b"after")
    after = outbox.take()

    assert [int(line.split()[0]) for line in taken] == list(range(1, accepted))
    assert after is not None and (after.first, after.losses) == (accepted + 1, {"journal_full": 1})
    assert outbox.ledger().balances


def test_a_gap_among_those_that_wait_on_disk_is_announced_in_its_place(tmp_path: Path) -> None:
    outbox = numbered(Outbox(1))
    outbox.journal = journal_in(tmp_path)
    fill(outbox, 3)
    outbox.refuse("internal_error")
    fill(outbox, 2)

    seen = []
    while (batch := outbox.take()) is not None:
        seen.append((batch.first, dict(batch.losses), len(batch)))
        outbox.settle(batch)

    assert [first for first, _, _ in seen] == sorted(first for first, _, _ in seen)
    assert [(first, losses) for first, losses, _ in seen if losses] == [(5, {"internal_error": 1})]
    assert sum(count for _, _, count in seen) == 5


def test_lines_overwritten_in_the_journal_are_counted_and_the_next_goes_on(tmp_path: Path) -> None:
    outbox = numbered(Outbox(2))
    outbox.journal = journal_in(tmp_path)
    fill(outbox, 6)
    (file,) = [path for path in tmp_path.iterdir() if path.suffix == ".journal"]
    content = file.read_bytes()
    with file.open("r+b") as handle:  # in place: the writer has this very file mapped
        handle.write(content[:4096] + b"\xff" * 4096)

    while (batch := outbox.take()) is not None:
        outbox.settle(batch)

    ledger = outbox.ledger()
    assert ledger.balances
    assert (ledger.delivered, ledger.dropped) == (2, {"journal_damaged": 4})


# Whatever happens ---------------------------------------------------------------------------------------------------


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Puts, takes, successes, failures, poison, refusals, interruptions and the end, in any order."""

    in_flight = Bundle("in_flight")

    @initialize(
        size=st.integers(1, 6), when_full=st.sampled_from([WhenFull.DROP_OLDEST, WhenFull.DROP_NEWEST, WhenFull.BLOCK])
    )
    def begin(self, size: int, when_full: WhenFull) -> None:
        self.outbox = self.make(size, when_full)
        self.fates: dict[int, str] = {}

    def make(self, size: int, when_full: WhenFull) -> Outbox:
        outbox = Outbox(size, when_full, block_seconds=1e-6)
        outbox.stamp = lambda payload, number: b"%d" % number
        return outbox

    def met(self, numbers: list[int], fate: str) -> None:
        for number in numbers:
            assert self.fates.setdefault(number, fate) == fate, "an entry has one fate"

    @rule(count=st.integers(1, 9))
    def put(self, count: int) -> None:
        self.met([int(entry.payload) for entry in fill(self.outbox, count)], "lost")

    @rule(nested=st.integers(0, 3))
    def put_interrupted(self, nested: int) -> None:
        def stamp(payload: bytes, number: int) -> bytes:
            if payload == b"outer":
                for _ in range(nested):
                    self.outbox.put(INFO, b"inner")
                self.outbox.refuse("internal_error")
            return b"%d" % number

        usual, self.outbox.stamp = self.outbox.stamp, stamp
        self.met([int(entry.payload) for entry in self.outbox.put(INFO, b"outer") or ()], "lost")
        self.outbox.stamp = usual

    @rule(target=in_flight, at_most=st.none() | st.integers(1, 3))
    def take(self, at_most: int | None) -> Any:
        batch = self.outbox.take(at_most)
        return multiple() if batch is None else batch

    @rule(batch=consumes(in_flight))
    def succeed(self, batch: ItemBatch) -> None:
        numbers = list(map(int, batch.items()))
        assert numbers == list(range(batch.first, batch.first + len(batch)))
        self.met(numbers, "delivered")
        self.outbox.settle(batch)

    @rule(batch=consumes(in_flight), data=st.data())
    def fail(self, batch: ItemBatch, data: st.DataObject) -> None:
        taken = data.draw(st.integers(0, len(batch) - 1))
        poison = data.draw(st.booleans())
        self.met(list(map(int, batch.items()))[:taken], "delivered")
        lost = self.outbox.settle(batch, taken, lost=int(poison), reason="target_error" if poison else "")
        self.met([int(entry.payload) for entry in lost], "lost")

    @rule()
    def refuse(self) -> None:
        self.outbox.refuse("internal_error")

    @rule()
    def abandon(self) -> None:
        self.met([int(entry.payload) for entry in self.outbox.abandon("shutdown")], "lost")

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "outbox"):
            return
        ledger = self.outbox.ledger()
        assert ledger.balances
        # Each batch in flight was a whole queue at most, and may come back beside what has come meanwhile.
        self.most_workers = max(getattr(self, "most_workers", 0), len(self.outbox._in_flight))
        assert ledger.queued <= (1 + self.most_workers) * self.outbox.size
        assert ledger.delivered == sum(fate == "delivered" for fate in self.fates.values())
        assert sum(ledger.dropped.values()) == self.outbox.lost


class AnyOrderOfEventsWithAJournal(AnyOrderOfEvents):
    """The same, with a small journal; what was not delivered or lost is still in it at the end."""

    def make(self, size: int, when_full: WhenFull) -> Outbox:
        self.directory = tempfile.TemporaryDirectory()
        outbox = super().make(size, when_full)
        outbox.journal = journal_in(Path(self.directory.name), segment_bytes=8 << 10, max_bytes=16 << 10)
        return outbox

    def teardown(self) -> None:
        if not hasattr(self, "outbox"):
            return
        journal = self.outbox.journal
        assert journal is not None
        unjournaled = sum(self.outbox.ledger().unjournaled.values())
        journal.close()
        left = set(map(int, left_for_others(Path(self.directory.name))))
        self.directory.cleanup()
        ledger = self.outbox.ledger()
        unsettled = ledger.queued + ledger.in_flight + ledger.spilled
        assert len(left) >= unsettled - unjournaled


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyOrderOfEventsWithAJournal = AnyOrderOfEventsWithAJournal.TestCase
TestAnyOrderOfEventsWithAJournal.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)

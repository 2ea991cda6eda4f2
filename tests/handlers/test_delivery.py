"""A target that fails is tried again, left in peace, and found well again; no record at fault stops the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from aura_logging.handlers.delivery import Delivery
from aura_logging.handlers.targets import line_stamp, target_for
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.journal import Journal
from aura_logging.resilience.ledger import WhenFull
from aura_logging.resilience.outbox import Outbox
from aura_logging.testing import ManualClock


class Rig:
    """A delivery whose worker is the test."""

    def __init__(self, sink: logging.Handler, size: int = 10, when_full: WhenFull = WhenFull.DROP_OLDEST) -> None:
        self.clock = ManualClock(1000.0)
        self.target = target_for(sink)
        self.outbox = Outbox(size, when_full, new_batch=self.target.new_batch, clock=self.clock)
        self.outbox.stamp = self.target.stamp("0a1b2c3d")
        self.outbox.stamp_line = line_stamp("0a1b2c3d")
        self.outbox.from_line = self.target.from_line
        self.said: list[Any] = []
        self.delivery = Delivery(
            self.outbox,
            self.target,
            CircuitBreaker(3, 30.0, self.clock),
            idle_seconds=1.0,
            last_words=lambda payload: self.said.append(payload) or True,
            clock=self.clock,
        )
        self.delivery.stream = "0a1b2c3d"
        self.delivery.name = "async_file"

    def log(self, *messages: str, level: int = logging.INFO) -> None:
        for message in messages:
            record = logging.LogRecord("shop", level, __file__, 1, message, None, None)
            line = self.target.journal_line(record) if self.outbox.journal is not None else None
            self.delivery.say_last_words(self.outbox.put(level, self.target.payload(record), line) or ())


@pytest.fixture
def rig(sink: Any) -> Rig:
    return Rig(sink)


def test_a_round_delivers_all_that_waits_and_then_idles(rig: Rig, sink: Any) -> None:
    rig.log("a", "b")

    assert rig.delivery.work() == 1.0

    assert sink.messages == ["a", "b"]
    assert [(record.stream, record.seq) for record in sink.records] == [("0a1b2c3d", 1), ("0a1b2c3d", 2)]


def test_a_target_that_is_down_is_tried_again_after_growing_pauses(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: OSError("down")
    rig.log("a")

    assert [rig.delivery.work() for _ in range(3)] == [0.05, 0.1, 0.2]

    sink.fail = lambda record: None
    rig.clock.advance(30.0)
    assert rig.delivery.work() == 1.0
    assert sink.messages == ["a"]
    assert rig.delivery.failures_in_a_row == 0


def test_the_breaker_opens_probes_once_and_closes_by_itself(rig: Rig, sink: Any) -> None:
    tries = []

    def down(record: logging.LogRecord) -> OSError:
        tries.append(record.msg)
        return OSError("down")

    sink.fail = down
    rig.log("a", "b")
    for _ in range(3):
        rig.delivery.work()
    assert rig.delivery.breaker.is_open

    for _ in range(5):
        assert rig.delivery.work() == 1.0
    assert len(tries) == 3, "nothing is offered behind an open breaker"

    rig.clock.advance(30.0)
    rig.delivery.work()
    assert len(tries) == 4, "one probe"
    rig.delivery.work()
    assert len(tries) == 4

    sink.fail = lambda record: None
    rig.clock.advance(30.0)
    rig.delivery.work()
    assert sink.messages == ["a", "b"]
    assert not rig.delivery.breaker.is_open
    assert rig.outbox.ledger().delivered == 2


def test_a_poison_record_is_dropped_and_counted_while_the_others_go_on(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: TypeError("poison") if record.msg == "poison" else None
    rig.log("a", "poison", "b")

    rig.delivery.work()

    assert sink.messages == ["a", "1 records lost", "b"]
    assert rig.outbox.ledger().dropped == {"target_error": 1}
    assert rig.delivery.errors == {"TypeError": 1}
    assert not rig.delivery.breaker.is_open


def test_every_record_being_poison_leaves_the_breaker_closed_and_the_books_right(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: TypeError("poison")
    rig.log(*"abcdefgh")

    rig.delivery.work()

    ledger = rig.outbox.ledger()
    assert ledger.balances and ledger.dropped == {"target_error": 8}


def test_serious_poison_gets_last_words(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: TypeError("poison")
    rig.log("fine")
    rig.log("serious", level=logging.ERROR)

    rig.delivery.work()

    assert [record.msg for record in rig.said] == ["serious"]
    assert rig.delivery.emergencies == 1


def test_the_first_line_after_a_gap_says_how_many_and_why(lines: Any) -> None:
    rig = Rig(lines, size=3)
    rig.log(*"abcdefg")

    rig.delivery.work()

    notice, *rest = map(orjson.loads, lines.lines)
    assert (notice["message"], notice["dropped"]) == ("4 records lost", {"buffer_full": 4})
    assert (notice["logger"], notice["handler"], notice["stream"]) == ("aura.delivery", "async_file", "0a1b2c3d")
    assert [line["seq"] for line in rest] == [5, 6, 7]


def test_a_notice_carries_the_context_that_filters_add_whatever_they_decide(lines: Any) -> None:
    rig = Rig(lines, size=1)

    def add_service(record: logging.LogRecord) -> bool:
        record.service_name = "shop"
        return False

    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("no request here")

    rig.delivery.filters = [broken, add_service]
    rig.log("a", "b")

    rig.delivery.work()

    assert orjson.loads(lines.lines[0])["service_name"] == "shop"
    assert len(lines.lines) == 2


def test_what_the_target_logs_about_its_own_lines_is_not_delivered_for_ever(rig: Rig, sink: Any) -> None:
    from aura_logging.handlers.hearing import may_log_inside

    allowed = []

    def logs_by_itself(record: logging.LogRecord) -> None:
        allowed.append(may_log_inside())
        if allowed[-1]:
            rig.log("connecting")
            rig.delivery.note_own_line()

    sink.fail = logs_by_itself
    rig.log("a")

    rig.delivery.work()

    assert sink.messages == ["a", "connecting"]
    assert allowed == [True, False]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_thread_told_to_end_loses_no_batch(rig: Rig, sink: Any, error: type[BaseException]) -> None:
    sink.fail = lambda record: error()
    rig.log("a")

    with pytest.raises(error):
        rig.delivery.work()

    sink.fail = lambda record: None
    rig.delivery.work()
    assert sink.messages == ["a"]


def test_draining_tries_once_where_there_is_no_time_to_wait(rig: Rig, sink: Any) -> None:
    tries = []
    sink.fail = lambda record: tries.append(1) or OSError("down")
    rig.log("a")

    rig.delivery.drain(rig.clock() + 5.0, may_sleep=False)

    assert len(tries) == 1
    assert rig.outbox.queued == 1


def test_draining_does_not_wait_out_a_breaker_that_stays_open_longer(
    rig: Rig, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("slept") if seconds else None)
    sink.fail = lambda record: OSError("down")
    rig.log("a")
    for _ in range(3):
        rig.delivery.work()

    rig.delivery.drain(rig.clock() + 5.0, may_sleep=True)

    assert rig.outbox.queued == 1


def test_draining_a_slow_target_ends_at_the_deadline(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: rig.clock.advance(1.0)  # type: ignore[func-returns-value]
    rig.log(*"abcdefgh")

    rig.delivery.drain(rig.clock() + 4.0, may_sleep=True)

    assert (len(sink.messages), rig.outbox.queued) == (5, 3), "the record that the deadline came in was the last"
    ledger = rig.outbox.ledger()
    assert ledger.balances and ledger.delivered == 5


def test_a_worker_that_is_told_to_stop_leaves_the_rest_of_its_batch(rig: Rig, sink: Any) -> None:
    sink.fail = lambda record: rig.delivery.stop()  # type: ignore[func-returns-value]
    rig.log("a", "b", "c")

    rig.delivery.work()

    assert sink.messages == ["a"]
    assert (rig.outbox.ledger().queued, rig.outbox.ledger().in_flight) == (2, 0)


def test_a_target_that_does_not_return_shows(rig: Rig, sink: Any) -> None:
    seen = []

    def slow(record: logging.LogRecord) -> None:
        rig.clock.advance(12.0)
        seen.append(rig.delivery.stuck_seconds())

    sink.fail = slow
    rig.log("a")
    rig.delivery.work()

    assert seen == [12.0]
    assert rig.delivery.stuck_seconds() == 0.0


# Orphans ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def orphaned(tmp_path: Path) -> Callable[..., None]:
    def leave(*lines: bytes, name: str = "a") -> None:
        journal = Journal(tmp_path, name=name, segment_bytes=16 << 10, max_bytes=64 << 10)
        for line in lines:
            assert journal.append(line, logging.INFO)
        journal.close()

    return leave


def with_journal(rig: Rig, directory: Path) -> Rig:
    rig.outbox.journal = Journal(directory, name="a", segment_bytes=16 << 10, max_bytes=64 << 10)
    return rig


def test_what_the_dead_left_is_delivered_and_marked(lines: Any, tmp_path: Path, orphaned: Callable[..., None]) -> None:
    orphaned(b'{"message":"left","stream":"dead0000","seq":1}\n', b"plain text\n")
    rig = with_journal(Rig(lines), tmp_path)

    rig.delivery.work()

    assert lines.lines == [
        b'{"message":"left","stream":"dead0000","seq":1,"recovered":true}\n',
        b"plain text\n",
    ]
    assert rig.delivery.recovered.delivered == 2
    assert rig.outbox.ledger().accepted == 0, "they are not this process's"


def test_records_are_made_again_of_lines_even_of_one_that_is_not_json(
    rig: Rig, sink: Any, tmp_path: Path, orphaned: Callable[..., None]
) -> None:
    orphaned(b'{"level":"ERROR","logger":"shop","message":"left"}\n', b"plain text\n")

    with_journal(rig, tmp_path).delivery.work()

    first, second = sink.records
    assert (first.name, first.levelno, first.getMessage(), first.recovered) == ("shop", 40, "left", True)
    assert second.getMessage() == "plain text"


def test_of_orphans_a_target_took_in_part_none_comes_twice(
    rig: Rig, sink: Any, tmp_path: Path, orphaned: Callable[..., None]
) -> None:
    orphaned(*(b'{"message":"%d"}\n' % number for number in range(5)))
    sink.fail = lambda record: OSError("down") if record.msg == "3" else None
    with_journal(rig, tmp_path).delivery.work()
    assert sink.messages == ["0", "1", "2"]

    sink.fail = lambda record: None
    rig.clock.advance(5.0)
    rig.delivery.work()

    assert sink.messages == ["0", "1", "2", "3", "4"]


def test_an_orphan_that_is_poison_does_not_stop_the_others(
    rig: Rig, sink: Any, tmp_path: Path, orphaned: Callable[..., None]
) -> None:
    orphaned(*(b'{"message":"%d"}\n' % number for number in range(3)))
    sink.fail = lambda record: TypeError("poison") if record.msg == "1" else None

    with_journal(rig, tmp_path)
    recovered = rig.delivery.recover_now()

    assert sink.messages == ["0", "2"]
    assert (recovered.delivered, recovered.refused) == (2, 1)


def test_orphans_wait_while_there_is_plenty_of_new(
    rig: Rig, sink: Any, tmp_path: Path, orphaned: Callable[..., None]
) -> None:
    orphaned(*(b'{"message":"%d"}\n' % number for number in range(3)))
    with_journal(rig, tmp_path)
    sink.fail = lambda record: rig.log("new") if record.msg == "0" else None  # type: ignore[func-returns-value]
    rig.delivery._plenty = 1

    rig.delivery.work()
    assert sink.messages == ["0"]
    rig.delivery.work()

    assert sink.messages == ["0", "new", "1", "2"]


def test_another_services_orphans_are_left_alone(
    rig: Rig, sink: Any, tmp_path: Path, orphaned: Callable[..., None]
) -> None:
    orphaned(b'{"message":"left"}\n', name="other")

    with_journal(rig, tmp_path).delivery.work()

    assert sink.messages == []


def test_a_directory_of_rubbish_stops_nothing(rig: Rig, sink: Any, tmp_path: Path) -> None:
    (tmp_path / "a.0123456789abcdef01234567.000001.journal").write_bytes(b"rubbish" * 1000)
    with_journal(rig, tmp_path)
    rig.log("a")

    rig.delivery.work()

    assert sink.messages == ["a"]

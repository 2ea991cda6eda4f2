"""The debug lines of a request are written if it went wrong, and vanish, counted, if it went well."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
import logging
import logging.config
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging import context, propagation, records, units
from aura_logging.filters import RequestContextFilter, SamplingFilter
from aura_logging.handlers import AsyncBufferedHandler, RequestBuffer, StructuredFileHandler, request_buffer
from aura_logging.options import OptionError
from aura_logging.resilience.journal import pending
from aura_logging.testing import ManualClock


@pytest.fixture(autouse=True)
def no_context() -> Iterator[None]:
    context.release()
    yield
    context.release()


def end_request(level: int = logging.INFO, **fields: Any) -> None:
    """Log what the middleware logs at a request's end, then release the context, as Django does."""
    logging.getLogger("aura.request").log(level, "request finished", extra={"status_code": 200, **fields})
    context.release()


@pytest.fixture
def buffer(sink: Any) -> Iterator[RequestBuffer]:
    with attached(RequestBuffer(sink)) as handler:
        yield handler


@contextlib.contextmanager
def attached(handler: RequestBuffer) -> Iterator[RequestBuffer]:
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    handler.close()


log = logging.getLogger("shop")


@pytest.mark.parametrize(
    "end",
    [
        lambda: end_request(logging.ERROR, status_code=500),
        lambda: end_request(logging.WARNING, slow=True),
        lambda: log.error("out of paper") or end_request(),
        lambda: end_request(logging.INFO, status_code=503),
    ],
    ids=["ended 500", "slow", "logged an error", "ended 503"],
)
def test_a_request_that_went_wrong_is_told_whole_and_in_order(
    buffer: RequestBuffer, sink: Any, end: Callable[[], None]
) -> None:
    context.start({"correlation_id": "one"})
    log.debug("first")
    log.debug("second %d", 2)
    end()
    assert sink.messages[:2] == ["first", "second 2"]
    assert [r.released for r in sink.records[:2]] == [True, True]
    assert not hasattr(sink.records[2], "released")


def test_healthy_requests_write_no_debug_line_and_memory_stays_flat(buffer: RequestBuffer, sink: Any) -> None:
    for number in range(10_000):
        context.start({"correlation_id": str(number)})
        log.debug("looking for %d", number)
        end_request()
    assert set(sink.messages) == {"request finished"}
    health = buffer.health().as_dict()
    assert (health["discarded"], health["queued"], health["held_bytes"]) == (10_000, 0, 0)
    assert health["requests_waiting"] == 0


def test_what_a_log_call_was_given_is_kept_as_it_was(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    basket = ["tea"]
    log.debug("basket %s", basket, extra={"items": len(basket)})
    basket.append("milk")
    log.error("no")
    assert sink.messages[0] == "basket ['tea']"
    assert sink.records[0].items == 1
    assert sink.records[0].levelname == "DEBUG"


def test_after_an_error_debug_records_go_on_at_once(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("before")
    log.error("no")
    log.debug("after")
    assert sink.messages == ["before", "no", "after"]


def test_records_at_the_threshold_never_wait(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("waits")
    log.info("goes")
    assert sink.messages == ["goes"]


def test_outside_a_request_nothing_waits(buffer: RequestBuffer, sink: Any) -> None:
    log.debug("starting")
    assert sink.messages == ["starting"]


def test_outside_a_request_debug_records_can_be_discarded(sink: Any) -> None:
    with attached(RequestBuffer(sink, outside="discard")) as handler:
        log.debug("starting")
        log.info("started")
        assert (sink.messages, handler.health().as_dict()["discarded"]) == (["started"], 1)


def test_what_somebody_asked_to_see_does_not_wait(sink: Any) -> None:
    with attached(RequestBuffer(sink, outside="discard")) as handler:
        handler.addFilter(lambda record: records.exempt(record) is None)
        log.debug("outside")
        context.start({"correlation_id": "one"})
        log.debug("inside")
        assert sink.messages == ["outside", "inside"]


def test_requests_are_told_apart_also_with_one_correlation_id(buffer: RequestBuffer, sink: Any) -> None:
    async def request(number: int) -> None:
        context.start({"correlation_id": "the same"})
        log.debug("in %d", number)
        await asyncio.sleep(0)
        end_request(logging.ERROR if number == 3 else logging.INFO, status_code=500 if number == 3 else 200)

    async def serve() -> None:
        await asyncio.gather(*(request(number) for number in range(8)))

    asyncio.run(serve())
    assert [r.getMessage() for r in sink.records if r.name == "shop"] == ["in 3"]


def test_threads_that_carry_the_context_belong_to_the_request(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("here")
    work = threading.Thread(target=context.run_in_context(lambda: log.debug("there")))
    work.start()
    work.join()
    end_request(logging.ERROR, status_code=500)
    assert sink.messages == ["here", "there", "request finished"]


def test_a_task_that_raises_is_told_and_one_that_does_not_is_not(buffer: RequestBuffer, sink: Any) -> None:
    with propagation.unit_of_work(task="good"):
        log.debug("good")
    with pytest.raises(ZeroDivisionError), propagation.unit_of_work(task="bad"):
        log.debug("bad")
        1 / 0  # noqa: B018
    assert sink.messages == ["bad"]


def test_a_task_inside_a_request_is_told_with_the_request(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("of the request")
    with propagation.unit_of_work():
        log.debug("of a task")
        logging.getLogger("aura.task").info("task finished")
    with propagation.unit_of_work():
        log.debug("of another")
    assert sink.messages == ["task finished"]
    end_request(logging.ERROR, status_code=500)
    assert sink.messages[1:] == ["of the request", "of a task", "of another", "request finished"]
    health = buffer.health().as_dict()
    assert (health["discarded"], health["queued"], health["released_requests"]) == (0, 0, 1)


def test_an_error_in_a_task_inside_a_request_is_one_of_the_request(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("of the request")
    with propagation.unit_of_work():
        log.debug("of the task")
        log.error("no")
    with propagation.unit_of_work():
        log.debug("of another")
    end_request()
    assert sink.messages == ["of the request", "of the task", "no", "of another", "request finished"]


def test_a_loop_of_tasks_that_went_well_inside_an_endless_one_loses_nothing(sink: Any) -> None:
    with attached(RequestBuffer(sink, max_request_bytes=5_000)) as handler, propagation.unit_of_work():
        for number in range(100):
            with propagation.unit_of_work():
                log.debug("task %d", number)
        health = handler.health().as_dict()
        assert (health["dropped"], health["discarded"] + health["queued"]) == ({}, 100)
        assert 0 < health["held_bytes"] <= 5_000


def test_a_request_that_never_says_how_it_ended_vanishes_with_its_context(buffer: RequestBuffer, sink: Any) -> None:
    context.start({"correlation_id": "one"})
    log.debug("waits")
    context.release()
    assert (sink.messages, buffer.health().as_dict()["discarded"]) == ([], 1)


def test_a_context_that_is_abandoned_is_forgotten(buffer: RequestBuffer, sink: Any) -> None:
    def abandoned() -> None:
        context.start({"correlation_id": "one"})
        log.debug("waits")

    thread = threading.Thread(target=abandoned)
    thread.start()
    thread.join()
    gc.collect()
    health = buffer.health().as_dict()
    assert (health["discarded"], health["queued"], health["requests_waiting"]) == (1, 0, 0)


def test_of_a_long_request_the_newest_lines_are_kept(sink: Any) -> None:
    with attached(RequestBuffer(sink, max_request_bytes=2_000)) as handler:
        context.start({"correlation_id": "one"})
        for number in range(100):
            log.debug("line %03d", number)
        log.error("no")
        kept = [m for m in sink.messages if m.startswith("line")]
        assert kept == [f"line {n:03}" for n in range(100 - len(kept), 100)]
        assert handler.health().as_dict()["dropped"] == {"request_full": 100 - len(kept)}


def test_a_line_longer_than_there_is_room_for_is_counted(sink: Any) -> None:
    with attached(RequestBuffer(sink, max_request_bytes=2_000)) as handler:
        context.start({"correlation_id": "one"})
        log.debug("x" * 3_000)
        assert handler.health().as_dict()["dropped"] == {"request_full": 1}
        assert handler.health().as_dict()["held_bytes"] == 0


def test_of_too_many_requests_the_oldest_gives_way(sink: Any) -> None:
    with attached(RequestBuffer(sink, max_request_bytes=4_000, max_bytes=8_000)) as handler:
        contexts = []
        for number in range(20):
            context.start({"correlation_id": str(number)})
            for _ in range(5):
                log.debug("of %d", number)
                assert handler.health().as_dict()["held_bytes"] <= 8_000
            contexts.append(threading.Thread(target=context.run_in_context(lambda: log.error("no"))))
        for thread in contexts:
            thread.start()
            thread.join()
        told = {m for m in sink.messages if m != "no"}
        assert "of 0" not in told
        assert "of 19" in told
        health = handler.health().as_dict()
        assert health["accepted"] == health["delivered"] + sum(health["dropped"].values())


def test_the_limit_of_all_requests_holds_whatever_the_order_they_log_in(sink: Any) -> None:
    numbers = random.Random(3)  # the same order each time
    with attached(RequestBuffer(sink, max_request_bytes=4_000, max_bytes=8_000)) as handler:
        requests = []
        for number in range(12):
            context.start({"correlation_id": str(number)})
            requests.append(contextvars.copy_context())
        for _ in range(400):
            requests[numbers.randrange(12)].run(log.debug, "x" * numbers.randrange(900))
            assert handler.health().as_dict()["held_bytes"] <= 8_000
        health = handler.health().as_dict()
        assert health["accepted"] == health["queued"] + sum(health["dropped"].values())


def test_what_is_released_is_not_sampled_away(sink: Any) -> None:
    sink.addFilter(SamplingFilter(rates={"DEBUG": 0.0}))
    with attached(RequestBuffer(sink)):
        context.start({"correlation_id": "one"})
        log.debug("waits")
        log.error("no")
        log.debug("after")
        assert sink.messages == ["waits", "no", "after"]


def test_what_sampling_left_out_of_a_request_that_then_fails_is_told_with_the_rest(sink: Any) -> None:
    sink.addFilter(SamplingFilter(rates={"DEBUG": 0.0, "INFO": 0.0}))
    with attached(RequestBuffer(sink)) as handler:
        context.start({"correlation_id": "healthy"})
        log.info("of a healthy one")
        end_request()
        context.start({"correlation_id": "one"})
        log.debug("first")
        log.info("second")
        log.warning("third")
        log.error("no")
        log.info("after")
        assert sink.messages == ["third", "first", "second", "no", "after"]
        health = handler.health().as_dict()
        assert (health["delivered"], health["released"], health["discarded"]) == (6, 2, 1)


def test_when_all_requests_fail_so_many_a_second_are_told_whole_and_the_errors_of_all(sink: Any) -> None:
    clock = ManualClock()
    with attached(RequestBuffer(sink, releases_per_second=2, clock=clock)) as handler:
        for number in range(50):
            context.start({"correlation_id": str(number)})
            log.debug("before")
            log.error("no")
            log.debug("after")
        assert [sink.messages.count(each) for each in ("before", "no", "after")] == [20, 50, 20]
        assert handler.health().as_dict()["dropped"] == {"held_down": 60}
        assert handler.health().as_dict()["held_down_requests"] == 30
        clock.advance(1.0)
        for number in range(5):
            context.start({"correlation_id": f"later {number}"})
            log.debug("later")
            log.error("no")
        assert sink.messages.count("later") == 2


def test_a_thread_that_the_target_waits_for_loses_a_line_and_hangs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_buffer, "_PATIENCE_SECONDS", 0.05)

    class Waits(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            if record.getMessage() == "waits":
                thread = threading.Thread(target=context.run_in_context(lambda: log.debug("of the same request")))
                thread.start()
                thread.join()
            return True

    with attached(RequestBuffer(Waits())) as handler:
        context.start({"correlation_id": "one"})
        log.debug("waits")
        log.error("no")
        assert handler.health().as_dict()["dropped"] == {"busy": 1}


def test_a_target_that_raises_harms_nobody_and_is_counted(sink: Any) -> None:
    sink.fail = lambda record: RuntimeError("down")
    with attached(RequestBuffer(sink)) as handler:
        context.start({"correlation_id": "one"})
        log.debug("waits")
        log.error("no")
        health = handler.health().as_dict()
        assert health["dropped"] == {"target_failed": 2}
        assert (health["status"], health["detail"]) == ("degraded", "RuntimeError: down")


def test_a_forked_child_leaves_its_parents_requests_alone(buffer: RequestBuffer, sink: Any, tmp_path: Path) -> None:
    context.start({"correlation_id": "one"})
    log.debug("of the parent")
    child = os.fork()
    if not child:
        log.error("of the child")
        (tmp_path / "told").write_text("|".join(sink.messages))
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "told").read_text() == "of the child"
    log.error("no")
    assert sink.messages == ["of the parent", "no"]


def test_a_forked_child_that_ends_its_copy_of_a_task_tells_nothing_of_the_parents(
    buffer: RequestBuffer, sink: Any, tmp_path: Path
) -> None:
    with propagation.unit_of_work():
        log.debug("of the parent")
        child = os.fork()
        if not child:
            with contextlib.suppress(SystemExit), propagation.unit_of_work():
                log.debug("of the child")
                raise SystemExit
        if not child:
            units.end()  # its copy of the outer one
            log.error("no")
    if not child:
        (tmp_path / "told").write_text("|".join(sink.messages))
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "told").read_text() == "of the child|no"
    assert (buffer.health().as_dict()["discarded"], sink.messages) == (1, [])


def test_a_request_that_never_ends_does_not_keep_the_journal_from_the_others(sink: Any, tmp_path: Path) -> None:
    with attached(RequestBuffer(sink, journal=tmp_path, journal_max_bytes=8 << 20)) as handler:
        context.start({"correlation_id": "endless"})
        log.debug("began")
        log.debug("listens")
        for number in range(300):
            other = contextvars.Context()
            other.run(context.start, {"correlation_id": str(number)})
            other.run(log.debug, "x" * 60_000)
            other.run(end_request)
        assert handler.health().as_dict()["journal_refused"].get("journal_full", 0) <= 4
        assert handler.health().as_dict()["queued"] == 2
        end_request(logging.ERROR, status_code=500)
        assert sink.messages[-3:-1] == ["began", "listens"]


def test_a_worker_that_is_killed_leaves_what_its_requests_had_been_doing(tmp_path: Path) -> None:
    journal, out = tmp_path / "journal", tmp_path / "app.jsonl"

    def handler() -> RequestBuffer:
        target = AsyncBufferedHandler(StructuredFileHandler(out))
        buffer = RequestBuffer(target, journal=journal)
        buffer.addFilter(RequestContextFilter())
        return buffer

    ready, told = os.pipe()
    child = os.fork()
    if not child:
        with attached(handler()):
            # One goes on all the while, so that nothing behind it can be acknowledged.
            context.start({"correlation_id": "long"})
            log.debug("long 1")
            long_one = context.run_in_context(lambda: log.debug("long 2"))
            for number in range(50):
                context.start({"correlation_id": f"healthy {number}"})
                log.debug("healthy %d", number)
                end_request()
            context.start({"correlation_id": "failed"})
            log.debug("failed")
            log.error("no")
            logging.getLogger().handlers[-1].flush()
            long_one()
            os.write(told, b"x")
            signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert sum(file.unacknowledged_frames for file in pending(journal)) == 2

    heir = handler()
    recovered = heir.recover()
    heir.flush()
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert recovered.delivered == 2
    assert [(line["message"], line["correlation_id"]) for line in lines if line.get("recovered")] == [
        ("long 1", "long"),
        ("long 2", "long"),
    ]
    assert sum(line["message"] == "failed" for line in lines) == 1
    assert not any(line["message"].startswith("healthy") for line in lines)
    heir.close()
    os.close(ready)
    os.close(told)


def test_the_journal_is_empty_again_when_nothing_waits(sink: Any, tmp_path: Path) -> None:
    with attached(RequestBuffer(sink, journal=tmp_path)) as handler:
        for number in range(1_000):
            context.start({"correlation_id": str(number)})
            log.debug("looking")
            end_request()
        handler.close()
        assert pending(tmp_path) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["debug", "info", "error", "end", "fail"])),
        max_size=60,
    )
)
def test_whatever_happens_every_record_is_accounted_for(events: list[tuple[int, str]]) -> None:
    kept: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record.getMessage())

    with attached(RequestBuffer(Keeps(), max_request_bytes=1_500, max_bytes=3_000)) as handler:
        requests: dict[int, Callable[[Callable[[], Any]], Any]] = {}
        for request, event in events:
            if request not in requests:
                context.start({"correlation_id": str(request)})
                requests[request] = context.run_in_context(lambda call: call())
            run = requests[request]
            if event == "end":
                run(end_request)
                del requests[request]
            elif event == "fail":
                run(lambda: end_request(logging.ERROR, status_code=500))
                del requests[request]
            else:
                run(lambda event=event, request=request: getattr(log, event)("%s of %d", event, request))
        health = handler.health().as_dict()
        assert health["accepted"] == (
            health["delivered"] + sum(health["dropped"].values()) + health["queued"] + health["discarded"]
        )
        assert health["held_bytes"] <= 3_000
        assert len(kept) == health["delivered"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"threshold": "INFOO"}, "threshold='INFOO' is no level. Did you mean 'INFO'?"),
        ({"threshold": "ERROR", "trigger_level": "INFO"}, "trigger_level='INFO' is below threshold='ERROR'"),
        ({"releases_per_second": 0}, "releases_per_second=0 must be a number over 0"),
        ({"max_bytes": 10}, "max_bytes=10 is less than max_request_bytes=65536."),
        ({"max_request_bytes": 0}, "max_request_bytes=0 must be a whole number over 0."),
        ({"outside": "drop"}, "outside='drop' is unknown. Known: discard, pass."),
        ({"journal": ""}, "journal='' names no directory"),
    ],
)
def test_a_bad_option_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told.replace("?", r"\?").replace("(", r"\(")):
        RequestBuffer(logging.NullHandler(), **options)


def test_it_is_configured_by_name_in_any_order(tmp_path: Path) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_context": {"()": RequestContextFilter}},
            "handlers": {
                "a_buffer": {
                    "class": "aura_logging.handlers.RequestBuffer",
                    "target": "file",
                    "filters": ["request_context"],
                },
                "file": {
                    "class": "aura_logging.handlers.StructuredFileHandler",
                    "filename": str(tmp_path / "app.jsonl"),
                },
            },
            "loggers": {"configured": {"level": "DEBUG", "handlers": ["a_buffer"], "propagate": False}},
        }
    )
    own = logging.getLogger("configured")
    context.start({"correlation_id": "one"})
    own.debug("before")
    own.error("no")
    lines = [json.loads(line) for line in (tmp_path / "app.jsonl").read_text().splitlines()]
    assert [(line["message"], line.get("released"), line["correlation_id"]) for line in lines] == [
        ("before", True, "one"),
        ("no", None, "one"),
    ]
    own.handlers[0].close()
    own.handlers.clear()

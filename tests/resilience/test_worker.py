"""A worker works now and then and when woken, and no error of its work ends it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from aura_logging.resilience.worker import Worker

SECONDS = 10.0


@contextmanager
def running(work: Callable[[], float]) -> Iterator[Worker]:
    worker = Worker(work, "worker-under-test")
    try:
        yield worker
    finally:
        assert worker.stop(SECONDS)


def test_no_thread_exists_before_start() -> None:
    before = threading.active_count()

    with running(lambda: 1.0) as worker:
        assert worker.thread is None
        assert threading.active_count() == before


def test_it_works_at_once_and_again_when_woken() -> None:
    rounds = threading.Semaphore(0)

    def work() -> float:
        rounds.release()
        return 3600.0

    with running(work) as worker:
        assert worker.start()
        assert rounds.acquire(timeout=SECONDS)
        worker.wake()
        assert rounds.acquire(timeout=SECONDS)


def test_a_wake_during_the_work_is_not_lost() -> None:
    rounds = threading.Semaphore(0)

    def work() -> float:
        rounds.release()
        if rounds._value == 1:
            worker.wake()
        return 3600.0

    with running(work) as worker:
        worker.start()
        assert rounds.acquire(timeout=SECONDS)
        assert rounds.acquire(timeout=SECONDS)


def test_it_works_by_itself_after_the_pause_it_asked_for() -> None:
    rounds = threading.Semaphore(0)

    def work() -> float:
        rounds.release()
        return 0.001

    with running(work) as worker:
        worker.start()
        for _ in range(3):
            assert rounds.acquire(timeout=SECONDS)


@pytest.mark.parametrize("pause", [float("inf"), 1e300, -1.0])
def test_no_pause_is_too_long_or_too_short_for_the_thread_to_live(pause: float) -> None:
    rounds = threading.Semaphore(0)

    def work() -> float:
        rounds.release()
        return pause

    with running(work) as worker:
        worker.start()
        assert rounds.acquire(timeout=SECONDS)
        worker.wake()
        assert rounds.acquire(timeout=SECONDS)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_an_error_of_the_work_is_counted_and_the_thread_goes_on(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aura_logging.resilience.worker._AFTER_A_CRASH_SECONDS", 0.0)
    rounds = threading.Semaphore(0)
    raised: list[bool] = []

    def work() -> float:
        if not raised:
            raised.append(True)
            raise error("boom")
        rounds.release()
        return 3600.0

    with running(work) as worker:
        worker.start()
        assert rounds.acquire(timeout=SECONDS)
        assert worker.crashes == 1
        assert worker.last_crash == f"{error.__name__}: boom"


def test_many_threads_that_start_it_at_once_start_one_thread() -> None:
    started = threading.Barrier(8)
    idents = set()

    def work() -> float:
        idents.add(threading.get_ident())
        return 0.001

    with running(work) as worker:

        def start() -> None:
            started.wait()
            worker.start()

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([t for t in threading.enumerate() if t.name == "worker-under-test"]) == 1


def test_a_worker_that_cannot_have_a_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert not Worker(lambda: 1.0, "w").start()


def test_a_stopped_worker_does_not_start_again() -> None:
    worker = Worker(lambda: 1.0, "w")
    assert worker.stop(SECONDS)

    assert not worker.start()


def test_stop_says_when_the_work_is_under_way_still() -> None:
    let_go, at_work = threading.Event(), threading.Event()

    def work() -> float:
        at_work.set()
        let_go.wait(SECONDS)
        return 1.0

    worker = Worker(work, "w")
    worker.start()
    assert at_work.wait(SECONDS)

    assert not worker.stop(0.0)

    let_go.set()
    assert worker.stop(SECONDS)


def test_the_thread_itself_may_ask_it_to_stop() -> None:
    asked = threading.Event()

    def work() -> float:
        assert worker.is_current
        worker.stop(SECONDS)
        asked.set()
        return 3600.0

    worker = Worker(work, "w")
    worker.start()
    assert asked.wait(SECONDS)
    thread = worker.thread
    assert thread is not None
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert not worker.is_current


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # what is tested is what it warns of
def test_a_forked_child_begins_without_a_thread_and_can_start_one() -> None:
    rounds = threading.Semaphore(0)

    def work() -> float:
        rounds.release()
        return 3600.0

    with running(work) as worker:
        worker.start()
        assert rounds.acquire(timeout=SECONDS)

        child = os.fork()
        if child == 0:
            ok = worker.thread is None and worker.start() and rounds.acquire(timeout=SECONDS)
            os._exit(0 if ok else 1)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

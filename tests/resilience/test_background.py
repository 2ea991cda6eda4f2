from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

from aura_logging.resilience.background import BackgroundJob

PATIENCE_SECONDS = 20


class GatedJob:
    """A job that waits, each time, until the test lets it go on."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.runs = 0

    def __call__(self) -> None:
        self.runs += 1
        self.started.release()
        assert self.go_on.acquire(timeout=PATIENCE_SECONDS)


def threads_named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_no_thread_exists_before_there_is_something_to_do() -> None:
    BackgroundJob(lambda: None, name="early")

    assert threads_named("early") == []


def test_the_thread_is_gone_when_nothing_is_left() -> None:
    ran = threading.Event()
    job = BackgroundJob(ran.set, name="short")

    assert job.wake()
    assert ran.wait(PATIENCE_SECONDS)
    assert job.stop(PATIENCE_SECONDS, 0)

    assert threads_named("short") == []


def test_a_wake_during_a_run_makes_one_more_and_no_second_thread() -> None:
    gate = GatedJob()
    job = BackgroundJob(gate, name="gated")
    job.wake()
    assert gate.started.acquire(timeout=PATIENCE_SECONDS)

    job.wake()
    job.wake()

    assert len(threads_named("gated")) == 1
    gate.go_on.release(2)
    assert job.stop(PATIENCE_SECONDS, 0)
    assert gate.runs == 2


def test_stopping_asks_a_running_job_to_leave_off() -> None:
    started = threading.Event()

    def run() -> None:
        started.set()
        while not job.is_stopping:
            started.wait(0.001)

    job = BackgroundJob(run, name="patient")
    job.wake()
    assert started.wait(PATIENCE_SECONDS)

    assert job.stop(finish_seconds=0.0, abandon_seconds=PATIENCE_SECONDS)
    assert not job.wake()


def test_a_job_that_does_not_leave_off_is_not_waited_for() -> None:
    gate = GatedJob()
    job = BackgroundJob(gate, name="stubborn")
    job.wake()
    assert gate.started.acquire(timeout=PATIENCE_SECONDS)

    assert not job.stop(finish_seconds=0.0, abandon_seconds=0.0)

    gate.go_on.release()
    for thread in threads_named("stubborn"):
        thread.join(PATIENCE_SECONDS)


def test_a_stopped_job_that_never_ran_starts_no_thread() -> None:
    job = BackgroundJob(lambda: None, name="idle")

    assert job.stop(1.0, 1.0)

    assert not job.wake()


def test_a_forked_child_starts_a_thread_of_its_own() -> None:
    script = textwrap.dedent("""
        import os, threading, warnings
        from aura_logging.resilience.background import BackgroundJob
        warnings.simplefilter("ignore")  # from 3.12 on, about the fork this test is for

        release, ran = threading.Event(), threading.Event()
        def run():
            ran.set()
            release.wait(20)
        job = BackgroundJob(run, name="forked")
        job.wake()
        assert ran.wait(20)
        child = os.fork()
        if child == 0:
            ran.clear()
            release.set()
            os._exit(0 if job.wake() and ran.wait(20) else 1)
        assert os.waitpid(child, 0)[1] == 0
        release.set()
    """)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")

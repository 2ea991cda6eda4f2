"""Side jobs run once each, in order, in their asker's context, and never on the asker's thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from aura_logging import context
from aura_logging.health import Status
from aura_logging.resilience.side_jobs import SideJobs


def test_jobs_run_in_order_in_the_context_of_whoever_asked_and_on_another_thread() -> None:
    jobs, done = SideJobs("test"), []
    for number in range(50):
        with context.bound(number=number):
            assert jobs.do(lambda n: done.append((n, context.fields()["number"], threading.get_ident())), number)
    assert jobs.wait(10.0)
    assert [(n, bound) for n, bound, _ in done] == [(n, n) for n in range(50)]
    assert threading.get_ident() not in {thread for _, _, thread in done}


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    jobs, gate, done = SideJobs("test", at_most=2), threading.Event(), []
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(10.0)

    jobs.do(hold)
    assert begun.wait(10.0)
    taken = [jobs.do(done.append, number) for number in range(4)]
    gate.set()
    assert jobs.wait(10.0)
    assert (taken, done) == ([True, True, False, False], [0, 1])
    assert jobs.health().dropped == {"queue_full": 2}
    assert jobs.health().status is Status.DEGRADED


def test_a_job_that_raises_is_counted_and_the_next_one_runs() -> None:
    jobs, done = SideJobs("test"), []
    jobs.do(lambda: 1 / 0)
    jobs.do(done.append, 1)
    assert jobs.wait(10.0)
    assert done == [1]
    assert jobs.health().facts["failures"] == {"ZeroDivisionError": 1}


def test_a_job_that_ends_its_thread_ends_nothing_else() -> None:
    jobs, done, gate = SideJobs("test"), [], threading.Event()
    jobs.do(gate.wait, 10.0)
    jobs.do(sys.exit)
    jobs.do(done.append, 1)
    gate.set()
    assert jobs.wait(10.0)
    assert done == [1]
    assert jobs.health().facts["failures"] == {"SystemExit": 1}


def test_a_forked_child_leaves_the_parent_its_jobs() -> None:
    jobs, done = SideJobs("test"), []
    jobs._waiting.append((context.contextvars.copy_context(), done.append, ("the parent's",)))
    child = os.fork()
    if child == 0:
        jobs.do(done.append, "the child's")
        os._exit(0 if jobs.wait(10.0) and done == ["the child's"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_left_at_exit_is_done() -> None:
    code = """
from aura_logging.resilience.side_jobs import SideJobs
jobs = SideJobs("test")
for number in range(200):
    jobs.do(lambda n: print(n) , number)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert outcome.stdout.split() == [str(number) for number in range(200)]

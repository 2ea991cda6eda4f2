"""Every child has a worker, a stream and a journal of its own, however it was forked and however it ends."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
ReadLines = Callable[..., list[dict[str, Any]]]

SETUP = """
    import logging, multiprocessing, os, sys, threading
    from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

    logging.config = __import__("logging.config").config
    logging.config.dictConfig({
        "version": 1,
        "handlers": {
            "file": {"class": "aura_logging.handlers.StructuredFileHandler", "filename": "app.jsonl"},
            "async_file": {
                "class": "aura_logging.handlers.AsyncBufferedHandler",
                "target": "file",
                "buffer_size": 2000,
                "flush_interval": 3600.0,  # so that only what happens at the end delivers the last of them
                "journal": sys.argv[2] or None,
            },
        },
        "root": {"level": "INFO", "handlers": ["async_file"]},
    })
    log = logging.getLogger("shop")
    handler = logging.getLogger().handlers[0]

    def work(number):
        for count in range(1000):
            log.info("from a child", extra={"child": number, "count": count})
"""

START_METHODS = {
    "os.fork": """
    if __name__ == "__main__":
        log.info("from the parent")
        children = []
        for number in range(4):
            child = os.fork()
            if child == 0:
                work(number)
                sys.exit(0)
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
    """,
    **{
        method: f"""
    if __name__ == "__main__":
        log.info("from the parent")
        context = multiprocessing.get_context("{method}")
        children = [context.Process(target=work, args=(number,)) for number in range(4)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0, child.exitcode
    """
        for method in ("fork", "forkserver", "spawn")
    },
}


@pytest.mark.parametrize(
    ("method", "journal"),
    [*((method, "journal") for method in START_METHODS), ("os.fork", ""), ("fork", "")],
    ids=lambda value: value or "memory",
)
def test_four_children_times_a_thousand_and_the_parents_one(
    method: str, journal: str, tmp_path: Path, run: Run, read_lines: ReadLines
) -> None:
    ended = run(SETUP + START_METHODS[method], method, journal)
    assert (ended.returncode, ended.stderr) == (0, "")

    written = read_lines(tmp_path / "app.jsonl")

    assert len(written) == 4001
    assert Counter(line.get("child") for line in written) == {None: 1, **dict.fromkeys(range(4), 1000)}
    for number in range(4):
        of_child = [line for line in written if line.get("child") == number]
        assert [line["count"] for line in of_child] == list(range(1000)), "in order"
        assert [line["seq"] for line in of_child] == list(range(1, 1001))
        assert len({line["stream"] for line in of_child}) == 1
    assert len({line["stream"] for line in written}) == 5
    if journal:
        assert list((tmp_path / "journal").iterdir()) == []


def test_a_child_that_a_c_library_forked_is_noticed_at_its_first_record(
    tmp_path: Path, run: Run, read_lines: ReadLines
) -> None:
    program = (
        SETUP
        + """
    import ctypes
    libc = ctypes.PyDLL(None)
    log.info("from the parent")
    assert handler.flush(30)
    log.info("waits in the parent")
    # Without its hooks CPython itself does not survive a fork at whose moment another thread asks for the GIL.
    for worker in handler._workers:
        assert worker.stop(30)
    child = libc.fork()  # runs none of Python's hooks, as uWSGI's does not
    if child == 0:
        work(0)
        delivered = handler.flush(30)
        os._exit(0 if delivered else 1)
    assert os.waitpid(child, 0)[1] == 0
    handler._delivery.work()
    """
    )

    ended = run(program, "libc", "journal")
    assert (ended.returncode, ended.stderr) == (0, "")

    written = read_lines(tmp_path / "app.jsonl")
    assert Counter(line["message"] for line in written) == {
        "from a child": 1000, "from the parent": 1, "waits in the parent": 1,
    }  # fmt: skip
    assert len({line["stream"] for line in written}) == 2


def test_a_fork_while_another_thread_is_inside_every_lock(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    file = handler._target.handler
    held, let_go = threading.Event(), threading.Event()

    def hold():
        with handler._outbox._lock, file.lock:
            held.set()
            let_go.wait(30)

    log.info("from the parent")
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        work(0)
        os._exit(0 if handler.flush(30) else 1)
    assert os.waitpid(child, 0)[1] == 0
    let_go.set()
    thread.join()
    """
    )

    ended = run(program, "locks", "")
    assert (ended.returncode, ended.stderr) == (0, "")

    assert len(read_lines(tmp_path / "app.jsonl")) == 1001


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_as_celery_keeps_one_loses_nothing_of_its_workers(
    method: str, tmp_path: Path, run: Run, read_lines: ReadLines
) -> None:
    program = (
        SETUP
        + f"""
    def task(number):
        log.info("did a task", extra={{"number": number}})

    if __name__ == "__main__":
        with multiprocessing.get_context("{method}").Pool(2, maxtasksperchild=3) as pool:
            pool.map(task, range(9), chunksize=1)
            pool.close()
            pool.join()
    """
    )

    ended = run(program, method, "")
    assert ended.returncode == 0, ended.stderr

    assert {line["number"] for line in read_lines(tmp_path / "app.jsonl")} == set(range(9))


def test_a_worker_that_is_shot_leaves_its_lines_to_the_next(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    import signal
    for number in range(3):
        child = os.fork()
        if child == 0:
            work(number)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
    handler.recover()
    """
    )

    ended = run(program, "shot", "journal")
    assert ended.returncode == 0, ended.stderr

    written = read_lines(tmp_path / "app.jsonl", shot=3)
    assert len({(line["child"], line["count"]) for line in written}) == 3000


def test_a_billiard_process_as_celery_starts_it_loses_nothing(tmp_path: Path, run: Run, read_lines: ReadLines) -> None:
    program = (
        SETUP
        + """
    import billiard

    if __name__ == "__main__":
        log.info("from the parent")
        children = [billiard.Process(target=work, args=(number,)) for number in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0, child.exitcode
    """
    )

    ended = run(program, "billiard", "")
    assert ended.returncode == 0, ended.stderr

    assert len(read_lines(tmp_path / "app.jsonl")) == 2001

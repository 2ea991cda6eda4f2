"""Real processes die in real ways; what they had appended comes back, once."""

from __future__ import annotations

import faulthandler
import mmap
import os
import random
import signal
import struct
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aura_logging.resilience.journal import Journal, pending, recover

OPTIONS: dict[str, Any] = {"segment_bytes": 256 << 10, "max_bytes": 16 << 20}
COUNT = 20_000


class SharedNumber:
    """A number both sides of a fork see, and a kill does not take back."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 8)

    def set(self, value: int) -> None:
        struct.pack_into("=Q", self._page, 0, value)

    def get(self) -> int:
        return int(struct.unpack_from("=Q", self._page)[0])


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(99)
    return child


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def recovered_numbers(directory: Path) -> list[int]:
    numbers = []
    with recover(directory) as recovery:
        for batch in recovery:
            numbers += [int(frame.line.split()[0]) for frame in batch.frames]
            batch.acknowledge()
    assert recovery.report.corrupt_frames == recovery.report.set_aside == 0
    return numbers


def line(number: int) -> bytes:
    return b"%d %s\n" % (number, b"x" * (number % 700))


DEATHS: dict[str, Callable[[], None]] = {
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGABRT": lambda: os.kill(os.getpid(), signal.SIGABRT),
    "_exit": lambda: os._exit(0),
}


@pytest.mark.parametrize("death", DEATHS)
def test_twenty_thousand_lines_survive_the_death_of_their_process(tmp_path: Path, death: str) -> None:
    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        faulthandler.disable()  # pytest's; a deliberate abort needs no traceback
        journal = Journal(tmp_path, name="a", **OPTIONS)
        for number in range(COUNT):
            assert journal.append(line(number)) is not None
        DEATHS[death]()

    wait(fork(work))

    assert recovered_numbers(tmp_path) == list(range(COUNT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_any_moment_loses_no_line_whose_append_returned(tmp_path: Path, seed: int) -> None:
    appended, taken, acknowledging = SharedNumber(), SharedNumber(), SharedNumber()
    every = random.Random(seed).choice([0, 50, 333])

    def work() -> None:
        journal = Journal(tmp_path, name="a", **OPTIONS)
        number = 0
        while True:
            while journal.append(line(number)) is None:
                acknowledging.set(number)
                journal.acknowledge(journal.position)
                taken.set(number)
            number += 1
            appended.set(number)
            if every and number % every == 0:
                frames = journal.read(0, max_lines=every // 2)
                acknowledging.set(frames[-1].sequence + 1)
                journal.acknowledge(frames[-1].position)
                taken.set(frames[-1].sequence + 1)
                journal.maintain()

    child = fork(work)
    enough = random.Random(seed).randrange(1, COUNT)
    while appended.get() < enough:
        pass
    os.kill(child, signal.SIGKILL)
    assert wait(child) == -signal.SIGKILL

    numbers = recovered_numbers(tmp_path)

    # One more may have been whole already when the kill came before its append returned.
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[-1] in (appended.get() - 1, appended.get())
    assert taken.get() <= numbers[0] <= acknowledging.get()


def test_a_killed_parents_lines_are_free_at_once_though_its_child_lives(tmp_path: Path) -> None:
    (ready_read, ready_write), (end_read, end_write) = os.pipe(), os.pipe()

    def parent() -> None:
        journal = Journal(tmp_path, name="a", **OPTIONS)
        journal.append(line(0))
        journal.maintain()

        def child_that_never_logs() -> None:
            os.close(end_write)
            os.write(ready_write, b"%d" % os.getpid())
            os.read(end_read, 1)  # ends when the test closes its end

        fork(child_that_never_logs)
        os.kill(os.getpid(), signal.SIGSTOP)

    pid = fork(parent)
    os.close(end_read)
    child = int(os.read(ready_read, 20))
    os.kill(pid, signal.SIGKILL)
    wait(pid)

    assert recovered_numbers(tmp_path) == [0]
    os.kill(child, 0)  # it is still there
    os.close(end_write)


def test_a_child_forked_while_a_thread_makes_a_file_does_not_keep_its_lock(tmp_path: Path) -> None:
    (ready_read, ready_write), (end_read, end_write) = os.pipe(), os.pipe()

    def parent() -> None:
        warnings.simplefilter("ignore")  # a fork beside a thread is the point
        journal = Journal(tmp_path, name="a", **OPTIONS)
        inside, forked = threading.Event(), threading.Event()
        allocate = os.posix_fallocate

        def allocate_slowly(*arguments: int) -> None:
            inside.set()
            forked.wait()
            allocate(*arguments)

        os.posix_fallocate = allocate_slowly
        thread = threading.Thread(target=journal.append, args=(line(0),))
        thread.start()
        inside.wait()

        def child_that_never_logs() -> None:
            os.close(end_write)
            os.write(ready_write, b"%d" % os.getpid())
            os.read(end_read, 1)

        fork(child_that_never_logs)
        forked.set()
        thread.join()
        os.kill(os.getpid(), signal.SIGKILL)

    wait(fork(parent))
    os.close(end_read)
    child = int(os.read(ready_read, 20))

    assert recovered_numbers(tmp_path) == [0]
    os.kill(child, 0)
    os.close(end_write)


def test_a_whole_tree_of_forks_delivers_every_line_once(tmp_path: Path) -> None:
    """A parent, four children and their children share one `Journal` object; half of them are killed."""

    def parent() -> None:
        journal = Journal(tmp_path, name="a", **OPTIONS)
        journal.append(line(0))

        def member(first: int, depth: int) -> None:
            for number in range(first, first + 1000):
                assert journal.append(line(number)) is not None
                if depth and number == first + 500:
                    grandchild = fork(lambda: member(first + 10_000, depth - 1))
            if depth:
                wait(grandchild)
            if first % 2000:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)

        children = [fork(lambda n=n: member(n * 1000, 1)) for n in range(1, 5)]
        for child in children:
            wait(child)
        journal.append(line(1))
        os.kill(os.getpid(), signal.SIGKILL)

    wait(fork(parent))

    counted = Counter(recovered_numbers(tmp_path))
    expected = {0, 1} | {g + n * 1000 + i for g in (0, 10_000) for n in range(1, 5) for i in range(1000)}
    assert set(counted) == expected
    assert set(counted.values()) == {1}


def test_a_killed_child_leaves_its_parents_journal_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, name="a", **OPTIONS)
    journal.append(line(0))

    def work() -> None:
        journal.append(line(1))
        os.kill(os.getpid(), signal.SIGKILL)

    wait(fork(work))
    journal.append(line(2))

    assert recovered_numbers(tmp_path) == [1]
    assert [frame.line for frame in journal.read(0)] == [line(0), line(2)]
    journal.close()


def test_recoverers_that_start_at_once_share_the_orphans_between_them(tmp_path: Path) -> None:
    directory, results = tmp_path / "journal", tmp_path / "results"
    results.mkdir()
    for stream in range(6):

        def work(stream: int = stream) -> None:
            journal = Journal(directory, name="a", **OPTIONS)
            for number in range(stream * 1000, stream * 1000 + 1000):
                journal.append(line(number))
            os._exit(0)

        wait(fork(work))
    start_read, start_write = os.pipe()

    def recoverer() -> None:
        os.close(start_write)
        os.read(start_read, 1)
        numbers = recovered_numbers(directory)
        (results / str(os.getpid())).write_text(" ".join(map(str, numbers)))
        os._exit(0)

    recoverers = [fork(recoverer) for _ in range(4)]
    os.close(start_write)  # all of them wake
    assert [wait(child) for child in recoverers] == [0] * 4

    everything = Counter(int(n) for path in results.iterdir() for n in path.read_text().split())
    everything.update(recovered_numbers(directory))  # what all four passed by while another looked at it
    assert everything == Counter(range(6000))
    assert list(directory.iterdir()) == []


def test_an_adopter_killed_midway_is_followed_from_its_last_acknowledgement(tmp_path: Path) -> None:
    def work() -> None:
        journal = Journal(tmp_path, name="a", **OPTIONS)
        for number in range(3000):
            journal.append(line(number))
        os._exit(0)

    taken = SharedNumber()

    def adopter() -> None:
        recovery = recover(tmp_path, max_lines=100)
        for _ in range(7):
            batch = next(recovery)
            batch.acknowledge()
            taken.set(taken.get() + len(batch.frames))
        next(recovery)
        os.kill(os.getpid(), signal.SIGKILL)

    wait(fork(work))
    wait(fork(adopter))

    assert recovered_numbers(tmp_path) == list(range(taken.get(), 3000))
    assert taken.get() > 600


def test_a_maker_killed_before_its_file_has_a_name_leaves_nothing(tmp_path: Path) -> None:
    def work() -> None:
        os.posix_fallocate = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        Journal(tmp_path, name="a", **OPTIONS).append(b"never")

    wait(fork(work))
    assert len(list(tmp_path.iterdir())) == 1

    assert recovered_numbers(tmp_path) == []
    assert pending(tmp_path) == []
    assert list(tmp_path.iterdir()) == []

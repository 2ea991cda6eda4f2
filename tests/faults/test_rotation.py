"""Several processes share one file and rotate it; whatever happens, every line is there once, whole and in order."""

from __future__ import annotations

import gzip
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aura_logging.handlers.files import StructuredFileHandler

Start = Callable[..., "subprocess.Popen[str]"]

PATIENCE_SECONDS = 60


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start_process(script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    return start_process


def let_go(processes: list[subprocess.Popen[str]]) -> None:
    """Wait until all have said that they are ready, then let them run against each other."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (0, "")
    return out


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.jsonl"


def closed_segments(log: Path) -> list[Path]:
    return sorted(log.parent.glob("app.2*"))


def all_lines(log: Path) -> list[str]:
    """What is in the segments, oldest first, and in the live file."""
    contents = [
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in [*closed_segments(log), *([log] if log.exists() else [])]
    ]
    assert all(content.endswith(b"\n") for content in contents if content)
    return b"".join(contents).decode().splitlines()


def by_writer(lines: list[str]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for line in lines:
        writer, number, padding = line.split(" ")
        assert padding == "x" * 40
        numbers.setdefault(writer, []).append(int(number))
    return numbers


WRITER = """
    import sys
    from aura_logging.handlers.files import StructuredFileHandler
    path, writer, count, max_bytes, compress = sys.argv[1:]
    handler = StructuredFileHandler(
        path, max_bytes=int(max_bytes), backup_count=None, compress=compress or None, max_wait_seconds=50
    )
    lines = [b"%b %d %b\\n" % (writer.encode(), number, b"x" * 40) for number in range(int(count))]
    print("ready", flush=True)
    sys.stdin.readline()
    while lines:
        size = 1 + len(lines) % 5
        handler.write_lines(lines[:size])
        del lines[:size]
    print(handler.health().facts["rotated"])
    handler.close()
"""


@pytest.mark.parametrize("compress", ["", "gzip"])
def test_four_processes_rotate_a_small_file_and_every_line_is_there_once_whole_and_in_order(
    start: Start, log: Path, compress: str
) -> None:
    processes = [start(WRITER, log, f"writer{name}", 2_000, 1_500, compress) for name in range(4)]
    let_go(processes)

    rotated = [int(finish(process).split()[-1]) for process in processes]

    assert by_writer(all_lines(log)) == {f"writer{name}": list(range(2_000)) for name in range(4)}
    assert sum(rotated) == len(closed_segments(log)) > 100
    assert all(path.stat().st_size <= 1_500 for path in closed_segments(log))
    sequence = [int(path.name.split("-")[1].split(".")[0]) for path in closed_segments(log)]
    assert sequence == list(range(1, len(sequence) + 1))


WRITER_UNTIL_TOLD = """
    import sys
    from pathlib import Path
    from aura_logging.handlers.files import StructuredFileHandler
    path, writer, stop = sys.argv[1:]
    handler = StructuredFileHandler(path, max_bytes=None, max_wait_seconds=50)
    written = 0
    print("ready", flush=True)
    sys.stdin.readline()
    while written == 0 or not Path(stop).exists():
        pair = (written, written + 1)
        handler.write_lines([b"%b %d %b\\n" % (writer.encode(), number, b"x" * 40) for number in pair])
        written += 2
    print(written)
"""


def test_programs_that_move_the_file_away_cost_no_line(start: Start, log: Path) -> None:
    stop = log.with_name("stop")
    processes = {f"writer{name}": start(WRITER_UNTIL_TOLD, log, f"writer{name}", stop) for name in range(2)}
    let_go(list(processes.values()))
    moved = [log.with_name(f"moved{number}") for number in range(10)]

    for target in moved:
        while not log.exists() or log.stat().st_size < 10_000:
            assert all(process.poll() is None for process in processes.values())
        log.rename(target)
    stop.touch()

    written = {writer: list(range(int(finish(process)))) for writer, process in processes.items()}
    parts = [*moved, *([log] if log.exists() else [])]
    assert by_writer([line for part in parts for line in part.read_text().splitlines()]) == written


# Every system call that changes a file is a moment at which the process may be killed: before it, or right after it.
KILLED_EVERYWHERE = """
    import os, signal, sys
    from pathlib import Path
    from aura_logging.resilience.log_files.compression import choose_codec
    from aura_logging.resilience.log_files.housekeeping import SegmentKeeper
    from aura_logging.resilience.log_files.retention import RetentionPolicy
    from aura_logging.resilience.log_files.rotation import RotationPolicy
    from aura_logging.resilience.log_files.shared_file import SharedFile

    directory = Path(sys.argv[1])

    def write(log, lines, acknowledged):
        keeper = SegmentKeeper(RetentionPolicy(None), choose_codec("gzip"), mode=0o600, clock=lambda: 1e9)
        file = SharedFile(
            log, rotation=RotationPolicy(150), mode=0o600, max_wait_seconds=10, clock=lambda: 1e9,
            on_segment_closed=keeper.tidy,
        )
        for line in lines:
            file.append([line])
            os.pwrite(acknowledged, line, os.fstat(acknowledged).st_size)

    def die_at(moment):
        calls = iter(range(10**6))
        def deadly(call):
            def called(*arguments, **options):
                if next(calls) == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                result = call(*arguments, **options)
                if next(calls) == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result
            return called
        for name in ("open", "write", "writev", "rename", "unlink", "fsync", "close", "ftruncate"):
            setattr(os, name, deadly(getattr(os, name)))

    lines = [b"victim %d %b\\n" % (number, b"x" * 40) for number in range(8)]
    for moment in range(10**6):
        place = directory / f"{moment:04}"
        place.mkdir()
        acknowledged = os.open(place / "acknowledged", os.O_RDWR | os.O_CREAT)
        child = os.fork()
        if child == 0:
            die_at(moment)
            write(place / "app.jsonl", lines, acknowledged)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        survivor = [b"survivor %d %b\\n" % (number, b"x" * 40) for number in range(4)]
        write(place / "app.jsonl", survivor, os.open(os.devnull, os.O_RDWR))
        os.close(acknowledged)
        if status == 0:
            print(moment)
            break
"""


def test_a_process_may_be_killed_at_any_moment_and_the_next_one_finishes_its_work(start: Start, tmp_path: Path) -> None:
    moments = int(finish(start(KILLED_EVERYWHERE, tmp_path)))

    assert moments > 60
    for moment in range(moments):
        log = tmp_path / f"{moment:04}" / "app.jsonl"
        numbers = by_writer(all_lines(log))
        acknowledged = (log.parent / "acknowledged").read_text().splitlines()
        assert numbers["survivor"] == list(range(4)), moment
        # The batch under way when it was killed may be there, whole, or not.
        assert numbers.get("victim", []) in (list(range(len(acknowledged))), list(range(len(acknowledged) + 1))), moment
        segments = closed_segments(log)
        assert segments, moment
        assert all(path.suffix == ".gz" for path in segments), moment


def test_a_process_killed_while_it_compresses_leaves_that_to_another(start: Start, log: Path) -> None:
    victim = start(
        """
        import signal, sys, threading
        from aura_logging.handlers.files import StructuredFileHandler
        from aura_logging.resilience.log_files import compression

        class Stuck:
            def compress(self, data):
                print("compressing", flush=True)
                threading.Event().wait()

        compression.zlib.compressobj = lambda *arguments, **options: Stuck()
        handler = StructuredFileHandler(sys.argv[1], max_bytes=1, backup_count=None)
        for number in range(2):
            handler.write_lines([b"victim %d %b\\n" % (number, b"x" * 40)])
        signal.pause()
        """,
        log,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "compressing\n"
    victim.kill()
    victim.communicate(timeout=PATIENCE_SECONDS)
    assert [path.suffix for path in closed_segments(log)] == [".jsonl", ".partial"]

    handler = StructuredFileHandler(log, max_bytes=1, backup_count=None)
    handler.write_lines([b"survivor 0 %b\n" % (b"x" * 40)])
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while list(log.parent.glob("app.2*.jsonl")):
        assert handler.health().facts["housekeeping_failures"] == 0
        assert time.monotonic() < give_up_at
    handler.close()

    assert [path.suffix for path in closed_segments(log)] == [".gz", ".gz"]
    assert by_writer(all_lines(log)) == {"victim": [0, 1], "survivor": [0]}


def test_forks_under_fire_lose_nothing_and_deadlock_nobody(start: Start, log: Path) -> None:
    out = finish(
        start(
            """
            import os, sys, threading
            from aura_logging.handlers.files import StructuredFileHandler
            handler = StructuredFileHandler(sys.argv[1], max_bytes=2_000, backup_count=None, max_wait_seconds=50)

            def write(writer):
                for number in range(300):
                    handler.write_lines([b"%b %d %b\\n" % (writer.encode(), number, b"x" * 40)])

            threads = [threading.Thread(target=write, args=(f"thread{name}",)) for name in range(2)]
            for thread in threads:
                thread.start()
            children = []
            for name in range(6):
                child = os.fork()
                if child == 0:
                    write(f"child{name}")
                    os.write(1, b"%d\\n" % handler.health().delivered)
                    handler.close()
                    os._exit(0)
                children.append(child)
            for child in children:
                assert os.waitpid(child, 0)[1] == 0
            for thread in threads:
                thread.join()
            handler.close()
            """,
            log,
        )
    )

    assert out.split() == ["300"] * 6
    writers = ["thread0", "thread1", *(f"child{name}" for name in range(6))]
    assert by_writer(all_lines(log)) == {writer: list(range(300)) for writer in writers}


def test_a_child_does_not_keep_the_lock_of_a_parent_that_was_killed(start: Start, log: Path) -> None:
    finish(
        start(
            """
            import os, signal, sys, threading
            from aura_logging.handlers.files import StructuredFileHandler
            handler = StructuredFileHandler(sys.argv[1], max_wait_seconds=50)
            alive, dead = os.pipe()

            parent = os.fork()
            if parent == 0:
                holding = threading.Event()
                real_writev = os.writev
                def hang(fd, pieces):
                    holding.set()
                    threading.Event().wait()
                os.writev = hang
                threading.Thread(target=handler.write_lines, args=([b"lost\\n"],), daemon=True).start()
                holding.wait()
                if os.fork() == 0:  # while the other thread holds both locks
                    os.writev = real_writev
                    os.close(dead)
                    os.read(alive, 1)  # returns when nobody else has the other end
                    handler.write_lines([b"written by the child\\n"])
                    os._exit(0)
                os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(parent, 0)
            handler.write_lines([b"written by another process\\n"])
            """,
            log,
        )
    )

    # The child goes on alone; its end is the end of the pipe to its standard output, which `finish` has waited for.
    assert sorted(log.read_text().splitlines()) == ["written by another process", "written by the child"]


def test_an_exit_in_the_middle_of_compression_is_quick_and_leaves_nothing_half_done(start: Start, log: Path) -> None:
    finish(
        start(
            """
            import logging, sys
            from aura_logging.handlers import files
            files._FINISH_SECONDS = 0.0
            handler = files.StructuredFileHandler(sys.argv[1], max_bytes=10_000_000, backup_count=None)
            logging.getLogger().addHandler(handler)
            handler.write_lines([b"a %d %b\\n" % (number, b"x" * 40) for number in range(600_000)])
            handler.write_lines([b"a 600000 %b\\n" % (b"x" * 40)])
            """,
            log,
        )
    )

    assert [path.suffix for path in closed_segments(log)] == [".jsonl"]
    assert by_writer(all_lines(log)) == {"a": list(range(600_001))}

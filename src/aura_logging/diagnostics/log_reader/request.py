"""Find the lines of one request among gigabytes of segments: by its id's bytes, newest first, on all processors.

A compressed segment of ours has an index of the ids in it, so that those without the id are not decompressed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from aura_logging.diagnostics.log_reader.blocks import blocks
from aura_logging.diagnostics.log_reader.lines import LogLine
from aura_logging.diagnostics.log_reader.log_files import LogFile
from aura_logging.diagnostics.log_reader.scan import lines_with
from aura_logging.diagnostics.log_reader.search import Problem, lines_in
from aura_logging.diagnostics.log_reader.wanted import Wanted
from aura_logging.resilience.log_files.id_index import may_mention

__all__ = ["RequestLines", "find_request"]

_EMPTY_AFTER = 1
"""After lines were found, so many older files without one end the search: a request's lines lie together."""

_MOST_LINES = 10_000


@dataclass(frozen=True, slots=True)
class RequestLines:
    """The lines of one request, oldest first, and how far they were looked for."""

    lines: tuple[LogLine, ...]
    files_read: int
    """How many were looked through; of some of them an index said enough."""
    files_left: int
    """Older files that were not read: the request had been found in newer ones, or it was time to stop."""
    problems: tuple[Problem, ...]

    @property
    def is_cut(self) -> bool:
        """Whether there are more lines than are returned."""
        return len(self.lines) >= _MOST_LINES


def find_request(
    files: Sequence[LogFile],
    correlation_id: str,
    *,
    everywhere: bool = False,
    threads: int | None = None,
    go_on: Callable[[LogFile], bool] = lambda file: True,
) -> RequestLines:
    """Return the lines with this correlation id or trace id; never raises for a file that cannot be read.

    `files` is newest first. Reading stops when the request was found and an older file has nothing of it; with
    `everywhere` all are read, for an id that was used again later (a retried task). Threads do: decompression and
    reading let go of the GIL. `go_on` is asked after each file, on the caller's thread; false ends the search.
    """
    wanted = Wanted(correlation_id=correlation_id)
    ((needle,),) = wanted.needles() or [(b"",)]
    if not needle:
        return RequestLines((), 0, len(files), ())
    stopped = False

    def read(file: LogFile) -> tuple[list[LogLine], Problem | None]:
        found: list[LogLine] = []
        try:
            for block in _blocks_with(file, needle, lambda: stopped):
                found.extend(lines_in(block, wanted, file.path, [(needle,)]))
        except OSError as error:
            return found, Problem(file.path, str(error))
        return found, None

    found: list[LogLine] = []
    problems: list[Problem] = []
    files_read = empty = 0
    workers = threads or min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="aura-log-reader") as pool:
        waiting = iter(files)
        under_way = [(file, pool.submit(read, file)) for file in islice(waiting, workers)]
        while under_way:
            file, future = under_way.pop(0)
            lines, problem = future.result()
            files_read += 1
            found += lines
            if problem is not None:
                problems.append(problem)
            empty = 0 if lines or not found else empty + 1
            if len(found) >= _MOST_LINES or (empty >= _EMPTY_AFTER and not everywhere) or not go_on(file):
                stopped = True
                break
            under_way += [(file, pool.submit(read, file)) for file in islice(waiting, 1)]
        for _, future in under_way:
            future.cancel()
    return RequestLines(
        tuple(sorted(_each_once(found), key=lambda line: line.timestamp))[:_MOST_LINES],
        files_read,
        len(files) - files_read,
        tuple(problems),
    )


def _blocks_with(file: LogFile, needle: bytes, should_stop: Callable[[], bool]) -> Iterator[bytes]:
    """Yield what of a file may have the needle in it, in whole lines."""
    if not file.compressed:
        try:
            yield from lines_with(file.path, needle, should_stop)
        except FileNotFoundError:  # compressed meanwhile: it is there under another name
            yield from blocks(file, should_stop)
    elif may_mention(file.path, needle):
        yield from blocks(file, should_stop)


def _each_once(lines: Sequence[LogLine]) -> Iterator[LogLine]:
    # A segment that is compressed while we read may be met under both of its names.
    return iter({line.raw: line for line in lines}.values())

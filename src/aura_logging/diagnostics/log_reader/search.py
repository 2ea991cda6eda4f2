"""Look for lines in a log, newest first, by their bytes before any of them is parsed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from aura_logging.diagnostics.log_reader.blocks import blocks, blocks_backwards
from aura_logging.diagnostics.log_reader.lines import LogLine, fields_of
from aura_logging.diagnostics.log_reader.log_files import LogFile
from aura_logging.diagnostics.log_reader.wanted import Needles, Wanted

__all__ = ["Problem", "lines_in", "search"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read, or not to its end."""

    path: Path
    reason: str


def search(
    files: Iterable[LogFile],
    wanted: Wanted,
    limit: int | None = None,
    on_problem: Callable[[Problem], None] = lambda problem: None,
) -> Iterator[LogLine]:
    """Yield the wanted lines, newest first, at most `limit` of them; lazily, file after file.

    `files` is newest first, as `files_of` returns them. A plain file is read from its end; a compressed one must be
    read from its beginning, and of it no more than `limit` lines are kept in memory (all of them without a limit).
    """
    found = (
        line
        for file in files
        if file.may_hold(wanted.since, wanted.until)
        for line in _newest_first(file, wanted, limit, on_problem)
    )
    return islice(found, limit)


def lines_in(block: bytes, wanted: Wanted, path: Path, needles: Sequence[Needles] | None = None) -> Iterator[LogLine]:
    """Yield the wanted lines of a block of whole lines, in order."""
    needles = wanted.needles() if needles is None else needles
    candidates: Iterable[bytes]
    if not needles and wanted.text:
        # Lower case has as many bytes, so a place in the one is the place in the other.
        candidates = _lines_with(block, (wanted.text_in_json.lower(),), block.lower())
    elif not needles:
        candidates = block.split(b"\n")
    else:
        # The longest is the rarest, as a rule; the others are asked of the lines that it is in.
        first, *others = sorted(needles, key=lambda each: -min(map(len, each)))
        candidates = (
            raw
            for raw in _lines_with(block, first)
            if all(any(needle in raw for needle in alternatives) for alternatives in others)
        )
    for raw in candidates:
        if raw:
            fields = fields_of(raw)
            if wanted.matches(raw, fields):
                yield LogLine(raw, fields, path)


def _newest_first(
    file: LogFile, wanted: Wanted, limit: int | None, on_problem: Callable[[Problem], None]
) -> Iterator[LogLine]:
    needles = wanted.needles()
    try:
        if not file.compressed:
            for block in blocks_backwards(file.path):
                yield from reversed(list(lines_in(block, wanted, file.path, needles)))
            return
    except FileNotFoundError:
        pass  # compressed meanwhile: it is there under another name
    except OSError as error:
        on_problem(Problem(file.path, str(error)))
        return
    newest: deque[LogLine] = deque(maxlen=limit)
    try:
        for block in blocks(file):
            newest.extend(lines_in(block, wanted, file.path, needles))
    except OSError as error:
        on_problem(Problem(file.path, str(error)))
    yield from reversed(newest)


def _lines_with(block: bytes, alternatives: Needles, haystack: bytes | None = None) -> Iterator[bytes]:
    """Yield the lines in which one of the needles is, in order, each once; looked for in `haystack` if given."""
    find = (block if haystack is None else haystack).find
    nexts = {needle: find(needle) for needle in alternatives}
    while True:
        ahead = [at for at in nexts.values() if at >= 0]
        if not ahead:
            return
        at = min(ahead)
        begin = block.rfind(b"\n", 0, at) + 1
        end = find(b"\n", at)
        end = len(block) if end < 0 else end
        yield block[begin:end]
        for needle, position in nexts.items():
            if 0 <= position < end:
                nexts[needle] = find(needle, end)

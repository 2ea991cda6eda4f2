"""Deliver what a dead process left behind: claim its segments, yield what is unacknowledged, delete them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.journal.claim import Claim, Foreign, StreamAlive, claim_all
from aura_logging.resilience.journal.frames import Damage, RawFrame, scan
from aura_logging.resilience.journal.headers import (
    HEADER_BYTES,
    SegmentHeader,
    Unreadable,
    read_acknowledgement,
    read_header,
)
from aura_logging.resilience.journal.names import names_in
from aura_logging.resilience.journal.tidying import delete_unfinished, set_aside, trim_aside
from aura_logging.resilience.journal.voids import VOIDS, voided_by

__all__ = ["RecoveredBatch", "RecoveredFrame", "Recovery", "RecoveryReport", "recover"]


@dataclass(slots=True)
class RecoveryReport:
    """What a recovery has met so far; only the first four are more than 0 in a healthy directory."""

    recovered: int = 0
    """Frames yielded and acknowledged by the caller."""
    files: int = 0
    """Files finished: everything in them delivered, and deleted."""
    alive_streams: int = 0
    """Streams left alone because their writer, or another adopter, lives."""
    torn_tails: int = 0
    """Files whose last frame was cut off when the writer died inside an `append`, which had not returned."""
    corrupt_frames: int = 0
    """Frames that were written whole and are no longer."""
    skipped_bytes: int = 0
    """Bytes that were no frame, torn tails included."""
    truncated_files: int = 0
    """Files shorter than they were made: a power cut, or somebody's hand."""
    set_aside: int = 0
    """Files renamed to `.corrupt`: no header could be read, or frames were corrupt."""
    deleted_aside: int = 0
    """Older `.corrupt` files deleted to keep those within their limits."""
    from_the_future: int = 0
    """Files of a later format, left for the version that wrote them."""
    foreign: int = 0
    """Things with our kind of name that are no regular file, or another user's; left alone."""
    failed_files: int = 0
    """Files an `OSError` kept from being read; left for another try."""
    last_error: str | None = None


class RecoveredFrame(NamedTuple):
    """One line a dead process had appended."""

    sequence: int
    level: int
    kind: int
    line: bytes


@dataclass(slots=True)
class RecoveredBatch:
    """Some frames of one dead stream, in order; `acknowledge` once all of them are delivered."""

    header: SegmentHeader
    """Who wrote them: `name`, `stream`, `pid`, `created_ns`, `boot_id`."""
    frames: list[RecoveredFrame]
    _claim: Claim
    _end: int
    acknowledged: bool = field(default=False, init=False)

    def acknowledge(self) -> None:
        """Persist that the target took them, so that no later recovery yields them.

        Raises `OSError`, also once the recovery has ended: the claim is no longer ours.
        """
        self._claim.acknowledge(self.header.generation, self._end)
        self.acknowledged = True


def recover(
    directory: str | os.PathLike[str],
    name: str | None = None,
    *,
    max_lines: int = 500,
    max_bytes: int = 256 << 10,
) -> Recovery:
    """Adopt the orphans in `directory`: all of them, or those of the journals called `name`.

        with recover(directory, "async_file") as recovery:
            for batch in recovery:
                target.write_lines([frame.line for frame in batch.frames])
                batch.acknowledge()

    Any process may do this at any time, also one whose own journal lies there; of several at once, each
    stream is claimed by one. If the adopter dies or stops, another goes on after the last
    acknowledgement. Asking for the next batch without having acknowledged the last ends the recovery: the
    target takes no lines now.

    Raises nothing, whatever lies in the directory; `report` tells what was met. Holds one segment in memory.
    """
    return Recovery(Path(directory), name, max_lines, max_bytes)


class Recovery:
    """An iterator of batches that holds the claims of the stream it is at; see `recover`. For one thread."""

    def __init__(self, directory: Path, name: str | None, max_lines: int, max_bytes: int) -> None:
        self.report = RecoveryReport()
        self._directory = directory
        self._name = name
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._claims: list[Claim] = []
        self._batches: Iterator[RecoveredBatch] = self._all()
        tell_after_fork(self)

    def __iter__(self) -> Iterator[RecoveredBatch]:
        return self

    def __next__(self) -> RecoveredBatch:
        return next(self._batches)

    def __enter__(self) -> Recovery:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop and let the claims go; idempotent. What was not acknowledged waits for another recovery."""
        self._batches = iter(())
        self._release()

    def after_fork_in_child(self) -> None:
        """Leave the claims to the parent; this process's copy is at its end."""
        self.close()

    def _release(self) -> None:
        for claim in self._claims:
            claim.release()
        self._claims = []

    def _all(self) -> Generator[RecoveredBatch, None, None]:
        try:
            yield from self._all_streams()
        finally:  # also when nobody closed this and it was collected
            self._release()

    def _all_streams(self) -> Generator[RecoveredBatch, None, None]:
        try:
            found = names_in(self._directory, self._name)
        except OSError as error:
            self.report.last_error = str(error)
            return
        whole = [name for name in found if not name.fate]
        for _, names in itertools.groupby(whole, key=lambda name: (name.stream, name.name)):
            target_takes = yield from self._stream([self._directory / name.file_name() for name in names])
            self._release()
            if not target_takes:
                return
        delete_unfinished(self._directory, found)
        self.report.deleted_aside += trim_aside(self._directory, found)

    def _stream(self, paths: list[Path]) -> Generator[RecoveredBatch, None, bool]:
        """Yield one stream's batches; returns False when the caller left one unacknowledged."""
        try:
            self._claims, refused = claim_all(paths)
        except StreamAlive:
            self.report.alive_streams += 1
            return True
        for _, error in refused:
            self._count_refused(error)
        readable = [(header, claim) for claim in self._claims if (header := self._header(claim)) is not None]
        readable.sort(key=lambda pair: pair[0].first_sequence)
        # A line may be taken back in a later segment, so all are looked through before the first is delivered.
        voided = {sequence for header, claim in readable for sequence in self._voided_in(header, claim)}
        for header, claim in readable:
            try:
                target_takes = yield from self._segment(header, claim, voided)
            except OSError as error:
                self._count_refused(error)
                continue
            if not target_takes:
                return False
        return True

    def _voided_in(self, header: SegmentHeader, claim: Claim) -> list[int]:
        try:
            content = claim.content(0, min(claim.size(), header.segment_bytes))
        except OSError:
            return []  # it is counted when its lines are read
        start = read_acknowledgement(content, header.generation).offset
        frames = (found for found in scan(content, start, header.key) if isinstance(found, RawFrame))
        return [sequence for frame in frames if frame.kind == VOIDS for sequence in voided_by(frame.line)]

    def _segment(
        self, header: SegmentHeader, claim: Claim, voided: Collection[int]
    ) -> Generator[RecoveredBatch, None, bool]:
        content = claim.content(0, min(claim.size(), header.segment_bytes))
        start = read_acknowledgement(content, header.generation).offset
        self.report.truncated_files += len(content) < header.segment_bytes
        corrupt_before = self.report.corrupt_frames
        frames: list[RecoveredFrame] = []
        held, end = 0, start
        for found in scan(content, start, header.key):
            if isinstance(found, Damage):
                self._count_damage(found)
                continue
            if found.kind == VOIDS or header.first_sequence + found.number in voided:
                end = found.end
                continue
            if frames and (len(frames) >= self._max_lines or held + len(found.line) > self._max_bytes):
                batch = RecoveredBatch(header, frames, claim, end)
                yield batch
                if not self._is_taken(batch):
                    return False
                frames, held = [], 0
            frames.append(RecoveredFrame(header.first_sequence + found.number, found.level, found.kind, found.line))
            held, end = held + len(found.line), found.end
        if frames:
            batch = RecoveredBatch(header, frames, claim, end)
            yield batch
            if not self._is_taken(batch):
                return False
        if self.report.corrupt_frames > corrupt_before:
            set_aside(claim)
            self.report.set_aside += 1
        else:
            claim.delete()
            self.report.files += 1
        return True

    def _is_taken(self, batch: RecoveredBatch) -> bool:
        if batch.acknowledged:
            self.report.recovered += len(batch.frames)
        return batch.acknowledged

    def _header(self, claim: Claim) -> SegmentHeader | None:
        try:
            if claim.is_blank():  # a spare never begun, or a power cut: there is nothing to lose in it
                claim.delete()
                self.report.files += 1
                return None
            return read_header(claim.content(0, HEADER_BYTES))
        except Unreadable as unreadable:
            self.report.last_error = f"{claim.path}: {unreadable}"
            if unreadable.from_the_future:
                self.report.from_the_future += 1
                return None
        except OSError as error:
            self._count_refused(error)
            return None
        try:
            set_aside(claim)
        except OSError as error:
            self._count_refused(error)
        else:
            self.report.set_aside += 1
        return None

    def _count_damage(self, damage: Damage) -> None:
        self.report.skipped_bytes += damage.skipped_bytes
        if damage.frames is None:
            self.report.torn_tails += 1
        else:
            self.report.corrupt_frames += damage.frames

    def _count_refused(self, error: Exception) -> None:
        if isinstance(error, Foreign):
            self.report.foreign += 1
        else:
            self.report.failed_files += 1
            self.report.last_error = str(error)

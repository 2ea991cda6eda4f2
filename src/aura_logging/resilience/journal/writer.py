"""Keep accepted lines in mapped files until their target took them, so that a kill loses none."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args
from zlib import crc32

from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import fork_guard, tell_after_fork
from aura_logging.resilience.journal.errors import JournalUnavailable, Refusal
from aura_logging.resilience.journal.frames import (
    FRAME,
    FRAME_BYTES,
    KIND_SHIFT,
    MAX_LEVEL,
    FrameKey,
    JournalFrame,
)
from aura_logging.resilience.journal.headers import HEADER_BYTES
from aura_logging.resilience.journal.names import checked_name
from aura_logging.resilience.journal.pool import PoolLimits, SegmentPool
from aura_logging.resilience.journal.segment import Segment
from aura_logging.resilience.journal.usage import JournalUsage

__all__ = ["Fsync", "Journal"]

Fsync = Literal["never", "batch", "always"]

_NOWHERE = mmap.mmap(-1, 1)
_pack_frame_into = FRAME.pack_into
_unpack_frame_from = FRAME.unpack_from


class Journal:
    """A write-ahead journal of encoded lines: one writer in one process, many segments, bounded bytes.

    What is promised: a line for which `append` returned a position is in the machine's page cache, so it
    outlives the process, however that ends. It is delivered at least once: `recover` yields whatever was
    not acknowledged when the process died. What `fsync` adds is for the death of the machine (power,
    kernel): "never" promises nothing, "batch" everything appended before the last `sync()` that returned
    True, "always" every line, at the price of a disk flush within each `append`.

    Where: on a local disk, or on a tmpfs (/run, /dev/shm), which outlives processes but not the machine and
    never waits. On a disk an append may wait for the file system when the kernel has just written its page.

    Positions are whole numbers that only grow, also across a fork: the place just after a frame. Sequence
    numbers count the frames of one stream (one journal in one process) from 0.

    Threads: call `append` and `open` under one lock of your own, never two at a time. `read`,
    `acknowledge`, `sync`, `maintain` and `usage` may run on other threads meanwhile; a worker calls them
    between batches. An `append` from a signal handler or a finaliser inside another one on the same
    thread is refused as nested; it neither deadlocks nor tears the frame.

    Nothing on disk is touched before the first `append` or `open`, so a journal may be made in a process
    that will fork. In a child the parent's files are let go unread and unwritten, and a stream of its own
    begins at the next `append`; a fork that ran no Python hooks is noticed there as well.

    Room: `segment_bytes` are allocated at a time, `max_bytes` together at most; all journals of one
    directory stop making files at `max_directory_bytes`, so that a crash loop against a dead target
    cannot fill the disk. Where no file can be made (disk full, read-only, a network file system) none is
    tried for `retry_seconds`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str,
        segment_bytes: int = 4 << 20,
        max_bytes: int = 64 << 20,
        max_directory_bytes: int = 1 << 30,
        fsync: Fsync = "never",
        retry_seconds: float = 5.0,
        clock: Clock = time.monotonic,
        wall_clock_ns: Callable[[], int] = time.time_ns,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if fsync not in get_args(Fsync):
            raise OptionError(f"fsync={fsync!r} must be one of {', '.join(map(repr, get_args(Fsync)))}.")
        self.directory = Path(directory)
        self.name = checked_name(name)
        self.refusal: Refusal | None = None
        """Why the last `append` that returned None did."""
        self.last_error: OSError | None = None
        self._segment_bytes = segment_bytes
        self._fsync: Fsync = fsync
        self._sync_each = fsync == "always"
        self._pool = SegmentPool(
            self.directory,
            self.name,
            PoolLimits(segment_bytes, max_bytes, max_directory_bytes, retry_seconds),
            durable=fsync != "never",
            clock=clock,
            wall_clock_ns=wall_clock_ns,
            entropy=entropy,
        )
        self._closed = False
        self._next_base = 0
        self._start_stream()
        tell_after_fork(self)

    def _start_stream(self) -> None:
        self._pid = os.getpid()
        self._guard = fork_guard()
        self._refused: Counter[str] = Counter()
        self._failed_syncs = 0
        # Reentrant: a finaliser that logs may run on the thread that is inside.
        self._lock = threading.RLock()
        self._segments: deque[Segment] = deque()
        self._appending = False
        self._spread(_NOWHERE, self._next_base, 0, 0, FrameKey(b"", 0))
        self._offset = 0

    def _spread(self, to: mmap.mmap, base: int, limit: int, first_sequence: int, key: FrameKey) -> None:
        """Lay the tail segment's fields out for `append`; a limit of 0 sends it to `_make_room`."""
        self._map = to
        self._base = base
        self._limit = limit
        self._first_sequence = first_sequence
        self._marker = key.marker
        self._ticket = self._first_ticket = key.first_ticket
        self._offset = HEADER_BYTES

    def open(self) -> None:
        """Make the first segment now instead of at the first line, or raise `JournalUnavailable`."""
        self._notice_fork()
        if not self._closed and not self._segments:
            self._take_segment()

    def append(self, line: bytes, level: int = 0, kind: int = 0) -> int | None:
        """Copy the line into the journal and return its position, or None and set `refusal`.

        Raises no `OSError`. `level` is kept from 0 to 2**24 - 1, `kind` (0-254; 255 is `VOIDS`) is the caller's
        own mark. The hot path: straight-line code, one attribute per field (see benchmarks/journal_append.py). Body
        first, header last: a kill in between leaves no header, a power cut in between fails the checksum.
        """
        if self._appending:
            self._refuse(Refusal.NESTED)
            return None
        self._appending = True
        try:
            length = len(line)
            start = self._offset
            body = start + FRAME_BYTES
            end = body + length
            if end > self._limit or not self._guard[0]:
                if not self._make_room(FRAME_BYTES + length):
                    return None
                start = self._offset
                body = start + FRAME_BYTES
                end = body + length
            if kind or level > MAX_LEVEL:
                level = min(max(level, 0), MAX_LEVEL) | (kind & 0xFF) << KIND_SHIFT
            ticket = self._ticket
            tail = self._map
            tail[body:end] = line
            check = crc32(line, ticket ^ level)
            _pack_frame_into(tail, start, self._marker, length, check, ticket, level)
            self._ticket = ticket + 1
            self._offset = end  # the line counts as appended from here on
            if self._sync_each:
                self._sync_tail()
            return self._base + end
        except struct.error:  # a level below 0
            pass
        finally:
            self._appending = False
        return self.append(line, 0, kind)

    def read(self, after: int, max_lines: int = 500, max_bytes: int = 256 << 10) -> list[JournalFrame]:
        """Return the next unacknowledged lines after position `after`, in order; copies each once.

        At least one line if there is any, however long. `after` is 0 or a position this journal gave.
        """
        self._notice_fork()
        frames: list[JournalFrame] = []
        with self._lock:
            for segment in self._segments:
                end = self._offset if segment.end is None else segment.end
                offset = max(after - segment.base, segment.acknowledged)
                key, first_sequence = segment.header.key, segment.header.first_sequence
                while offset < end:
                    marker, length, _, ticket, tag = _unpack_frame_from(segment.map, offset)
                    if marker != key.marker:
                        raise ValueError(f"after={after} is not a position this journal gave")
                    if frames and (len(frames) >= max_lines or length > max_bytes):
                        return frames
                    max_bytes -= length
                    body, offset = offset + FRAME_BYTES, offset + FRAME_BYTES + length
                    sequence = first_sequence + ticket - key.first_ticket
                    position, level, kind = segment.base + offset, tag & MAX_LEVEL, tag >> KIND_SHIFT
                    frames.append(JournalFrame(position, sequence, level, kind, segment.map[body:offset]))
        return frames

    def acknowledge(self, position: int) -> None:
        """Say that the target took every line up to and including the one at `position`.

        Persisted at once (in the sense of the page cache); segments behind it are used again or deleted.
        Positions in front of an earlier acknowledgement, or of another process, change nothing.
        """
        self._notice_fork()
        finished = []
        with self._lock:
            while self._segments:
                segment = self._segments[0]
                end = self._offset if segment.end is None else segment.end
                offset = min(position - segment.base, end)
                if offset > segment.acknowledged:
                    segment.acknowledge(offset)
                if segment.end is None or segment.acknowledged < segment.end:
                    break
                finished.append(self._segments.popleft())
        for segment in finished:
            try:
                self._pool.give_back(segment)
            except OSError as error:
                self.last_error = error

    def sync(self) -> bool:
        """Wait until what was appended so far is on the disk; False if that failed. "never" does not wait."""
        self._notice_fork()
        if self._fsync == "never":
            return True
        with self._lock:
            dirty = [(s, self._offset if s.end is None else s.end) for s in self._segments]
        outcomes = [self._synced(segment, end) for segment, end in dirty if segment.synced < end]
        return all(outcomes)

    def maintain(self) -> None:
        """Do what `append` should not wait for: make the next file ready, leave one somebody deleted.

        Cheap when there is nothing to do; call it from the worker, between batches. A failure shows in
        `last_error` and in the next refusal.
        """
        self._notice_fork()
        with self._lock:
            if self._closed or not self._segments:
                return
            tail, half_used = self._segments[-1], self._offset * 2 > self._segment_bytes + HEADER_BYTES
            if not tail.is_linked():
                self._limit = 0  # nobody could recover what would be appended here
        if half_used:
            try:
                self._pool.prepare()
            except JournalUnavailable as error:
                self.last_error = error

    def usage(self) -> JournalUsage:
        """Count what is held and what was refused; cheap, never raises."""
        with self._lock:
            unacknowledged = sum((self._offset if s.end is None else s.end) - s.acknowledged for s in self._segments)
            files = self._pool.files
            return JournalUsage(
                files=files,
                allocated_bytes=files * self._segment_bytes,
                unacknowledged_bytes=unacknowledged,
                appended=self._first_sequence + self._ticket - self._first_ticket,
                refused=dict(self._refused),
                failed_syncs=self._failed_syncs,
                last_error=None if self.last_error is None else str(self.last_error),
            )

    @property
    def position(self) -> int:
        """The position of the last line appended, 0 when there is none."""
        return self._base + self._offset

    @property
    def stream(self) -> str:
        """Which stream this process writes; part of its files' names, another one after a fork."""
        return self._pool.stream

    def close(self) -> None:
        """Delete what was acknowledged, leave the rest for recovery, refuse later lines; idempotent."""
        self._notice_fork()
        if self._closed:
            return
        self.sync()
        with self._lock:
            self._closed = True
            segments, self._segments = list(self._segments), deque()
            if segments and segments[-1].end is None:
                segments[-1].end = self._offset
            self._limit = 0
        try:
            for segment in segments:
                if segment.acknowledged >= (segment.end or 0):
                    segment.unlink()
                else:
                    segment.abandon()
            self._pool.close()
        except OSError as error:
            self.last_error = error

    def after_fork_in_child(self) -> None:
        """Let go of what belongs to the parent, without touching a file; idempotent. Called by itself."""
        if self._guard[0] and self._pid == os.getpid():
            return
        for segment in self._segments:
            segment.abandon()
        self._pool.after_fork_in_child()
        self._start_stream()

    def _notice_fork(self) -> None:
        if not self._guard[0]:
            self.after_fork_in_child()

    def _make_room(self, needed: int) -> bool:
        if not self._guard[0]:
            self.after_fork_in_child()
            self._appending = True
        if needed > self._segment_bytes - HEADER_BYTES:
            self._refuse(Refusal.TOO_LARGE)
            return False
        if self._closed:
            self._refuse(Refusal.UNAVAILABLE)
            return False
        try:
            if self._take_segment():
                return True
        except JournalUnavailable as error:
            self.last_error = error
            self._refuse(Refusal.UNAVAILABLE)
        else:
            self._refuse(Refusal.FULL)
        return False

    def _take_segment(self) -> bool:
        appended = self._first_sequence + self._ticket - self._first_ticket
        segment = self._pool.take(base=self._next_base, first_sequence=appended)
        if segment is None:
            return False
        with self._lock:
            if self._segments:
                self._segments[-1].end = self._offset
            self._spread(segment.map, segment.base, segment.size, appended, segment.header.key)
            self._next_base += self._segment_bytes
            self._segments.append(segment)
        return True

    def _refuse(self, reason: Refusal) -> None:
        self.refusal = reason
        self._refused[reason.value] += 1

    def _sync_tail(self) -> None:
        with self._lock:
            tail = self._segments[-1]
        self._synced(tail, self._offset)

    def _synced(self, segment: Segment, end: int) -> bool:
        try:
            segment.sync()
        except OSError as error:
            self.last_error = error
            self._failed_syncs += 1
            return False
        segment.synced = end
        return True

"""Make the files a journal writes to, use them again, and keep their number and bytes within limits."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.journal.errors import JournalUnavailable
from aura_logging.resilience.journal.filesystems import filesystem_type, is_network_filesystem
from aura_logging.resilience.journal.frames import FrameKey
from aura_logging.resilience.journal.headers import HEADER_BYTES, SegmentHeader
from aura_logging.resilience.journal.names import SegmentName, names_in
from aura_logging.resilience.journal.segment import Segment, abandon_descriptors

__all__ = ["PoolLimits", "SegmentPool"]

_MAX_SPARES = 2
"""Files kept for another use. Blanking one of 4 MiB takes 0.4 ms, making and prefaulting another 4 ms."""

MAX_SEGMENT_BYTES = 64 << 20
"""Recovery reads one segment at a time into memory; this bounds it."""
_MAX_SEGMENTS = 64
"""Each takes two descriptors; this bounds them."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How large, how many, and how often to try; raises `OptionError` for what makes no sense."""

    segment_bytes: int
    max_bytes: int
    max_directory_bytes: int
    retry_seconds: float

    def __post_init__(self) -> None:
        size = self.segment_bytes
        if not 2 * HEADER_BYTES <= size <= MAX_SEGMENT_BYTES:
            raise OptionError(f"segment_bytes={size!r} must be from {2 * HEADER_BYTES} to {MAX_SEGMENT_BYTES}.")
        if not 2 * size <= self.max_bytes <= _MAX_SEGMENTS * size:
            raise OptionError(
                f"max_bytes={self.max_bytes!r} must be 2 to {_MAX_SEGMENTS} times segment_bytes={size!r}."
            )
        if self.max_directory_bytes < self.max_bytes:
            raise OptionError(
                f"max_directory_bytes={self.max_directory_bytes!r} is less than max_bytes={self.max_bytes!r}."
            )
        if not self.retry_seconds >= 0:
            raise OptionError(f"retry_seconds={self.retry_seconds!r} must be 0 or more.")

    @property
    def max_segments(self) -> int:
        """How many files one process may have."""
        return self.max_bytes // self.segment_bytes


class SegmentPool:
    """The files of one stream: one journal in one process. Any thread may call; one makes a file at a time.

    After a file could not be made, `take` fails with the same error, at once, until `retry_seconds` have
    passed.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        limits: PoolLimits,
        *,
        durable: bool,
        clock: Clock,
        wall_clock_ns: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._directory = directory
        self._name = name
        self._limits = limits
        self._durable = durable
        self._clock = clock
        self._wall_clock_ns = wall_clock_ns
        self._entropy = entropy
        self._closed = False
        self._start_stream()

    def _start_stream(self) -> None:
        # Reentrant: a finaliser that logs may append on the thread that is making a spare.
        self._lock = threading.RLock()
        self.stream = f"{self._wall_clock_ns():016x}{self._entropy(4).hex()}"
        self.files = 0
        self._numbers_given = 0
        self._generation = 0
        self._spares: list[Segment] = []
        self._failure: tuple[float, JournalUnavailable] | None = None
        self._boot_id = b""

    def take(self, *, base: int, first_sequence: int) -> Segment | None:
        """Return a segment begun for appending, None when all are in use; raises `JournalUnavailable`."""
        with self._lock:
            segment = self._linked_spare()
            if segment is None:
                if self.files >= self._limits.max_segments:
                    return None
                segment = self._made()
            self._generation += 1
            segment.begin(self._header(first_sequence), base)
            return segment

    def give_back(self, segment: Segment) -> None:
        """Keep a wholly acknowledged segment for another use, or delete its file; raises `OSError`."""
        if not self._closed and len(self._spares) < _MAX_SPARES and segment.is_linked():
            segment.zero()
            with self._lock:
                self._spares.append(segment)
        else:
            self._drop(segment)

    def prepare(self) -> None:
        """Make a file, pages and all, so that the next `take` need not; raises `JournalUnavailable`."""
        with self._lock:
            if not self._spares and self.files < self._limits.max_segments:
                segment = self._made()
                segment.prefault()
                self._spares.append(segment)

    def close(self) -> None:
        """Delete the spares, and what is given back from now on; raises `OSError`."""
        with self._lock:
            self._closed = True
            while self._spares:
                self._drop(self._spares.pop())

    def after_fork_in_child(self) -> None:
        """Let the parent's spares go untouched and start a stream of this process's own."""
        for segment in self._spares:
            segment.abandon()
        if self._numbers_given:
            abandon_descriptors(self._directory, self._name, self.stream)
        self._start_stream()

    def _drop(self, segment: Segment) -> None:
        with self._lock:
            self.files -= 1
        segment.unlink()

    def _linked_spare(self) -> Segment | None:
        while self._spares:
            segment = self._spares.pop()
            if segment.is_linked():
                return segment
            self._drop(segment)
        return None

    def _made(self) -> Segment:
        if self._failure is not None:
            retry_at, error = self._failure
            if self._clock() < retry_at:
                raise error
        try:
            segment = self._create()
        except OSError as error:
            unavailable = JournalUnavailable.because(error, self._directory)
            self._failure = (self._clock() + self._limits.retry_seconds, unavailable)
            raise unavailable from error
        self._failure = None
        self.files += 1
        return segment

    def _create(self) -> Segment:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_network_filesystem(self._directory):
            kind = filesystem_type(self._directory)
            raise OSError(errno.EOPNOTSUPP, f"{kind} is a network file system; a journal needs a local one")
        self._refuse_if_crowded()
        self._numbers_given += 1
        name = SegmentName(self.stream, self._numbers_given, self._name)
        path = self._directory / name.file_name()
        return Segment.create(path, self._limits.segment_bytes, durable=self._durable)

    def _refuse_if_crowded(self) -> None:
        held, limit = 0, self._limits.max_directory_bytes
        for found in names_in(self._directory):
            with contextlib.suppress(FileNotFoundError):
                held += (self._directory / found.file_name()).lstat().st_size
        if held + self._limits.segment_bytes > limit:
            raise OSError(errno.EDQUOT, f"the directory holds {held} bytes of journals; the limit is {limit}")

    def _header(self, first_sequence: int) -> SegmentHeader:
        self._boot_id = self._boot_id or _boot_id()
        return SegmentHeader(
            name=self._name,
            stream=self.stream,
            boot_id=self._boot_id,
            pid=os.getpid(),
            created_ns=self._wall_clock_ns(),
            segment_bytes=self._limits.segment_bytes,
            generation=self._generation,
            first_sequence=first_sequence,
            key=FrameKey.drawn_from(self._entropy(7)),
        )


def _boot_id() -> bytes:
    try:
        return bytes.fromhex(_BOOT_ID.read_text(encoding="ascii").strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)

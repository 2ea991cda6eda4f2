"""Keep a trail in files: each process appends to its own, and an entry is on the disk when `append` returns."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from aura_logging.audit.canonical import canonical
from aura_logging.audit.chain import Head, extend, new_writer, start
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EVERYTHING, EntryFilter, Question
from aura_logging.audit.stores.base import AuditError, Entry
from aura_logging.audit.stores.housekeeping import AuditHousekeeper
from aura_logging.audit.stores.lines import line_of
from aura_logging.audit.stores.live_segment import LiveSegment
from aura_logging.audit.stores.segment_files import SegmentFile, last_seq, read_segment, segments
from aura_logging.audit.stores.trail_statements import TrailStatements
from aura_logging.audit.tombstones import Tombstone
from aura_logging.health import Health, Status
from aura_logging.options import OptionError
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.forks import fork_guard, tell_after_fork
from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.descriptors import Descriptors

__all__ = ["JsonlAuditStore"]

_JOB_NAME = "aura-audit-housekeeping"
_DIRECTORY_MODE = 0o700
_FINISH_SECONDS = 2.0
_ABANDON_SECONDS = 1.0
_MOST_RACES = 100
"""A segment that was listed may be closed or compressed before it is opened; so often in a row it is a defect."""


class JsonlAuditStore(TrailStatements):
    """A directory of append-only JSONL segments; many processes may name the same one. See `AuditStore`.

    * Every process has a writer's name and files of its own: nobody waits for anybody. Threads of a process share
      syncs: of those that wait for the disk together, one asks it.
    * Segments are closed at `max_segment_bytes`, at `close`, and, after a process died, by the next one that opens a
      segment; closed ones are compressed (`compress="gzip"` or None) by a short-lived thread.
    * Half a line at the end of a dead process's segment was never acknowledged; it is cut off, kept beside the segment
      as `.torn`, and counted. Half a line anywhere else is damage.
    * On a local disk that knows `flock`. Files are for their owner only (mode 600 in a directory of mode 700).
    * In a forked child the store writes as another writer.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        keys: KeyRing,
        *,
        max_segment_bytes: int = 64 << 20,
        compress: str | None = "gzip",
        make_writer: Callable[[], str] = new_writer,
    ) -> None:
        super().__init__(Path(directory).absolute())
        self.keys = keys
        self._max_segment_bytes = max_segment_bytes
        self._make_writer = make_writer
        self._files = Descriptors()
        if compress not in (None, "gzip"):
            raise OptionError(f"compress={compress!r} must be 'gzip' or None.")
        if max_segment_bytes < 1:
            raise OptionError(f"max_segment_bytes={max_segment_bytes!r} must be 1 at least.")
        self._housekeeper = AuditHousekeeper(self.directory, choose_codec(compress), self._files)
        self._job = BackgroundJob(self._tidy, _JOB_NAME)
        self._begin()
        tell_after_fork(self)

    def _begin(self) -> None:
        self._guard = fork_guard()
        # Reentrant, so that a signal handler that records in the middle of an append hears an error and does not hang.
        self._lock = threading.RLock()
        self._is_appending = False
        self._segment: LiveSegment | None = None
        self._head: Head | None = None
        self._appended = 0
        self._failed = 0
        self._last_error: str | None = None

    def after_fork_in_child(self) -> None:
        """In a forked child: leave the parent's files alone and begin a chain of our own at the next append."""
        self._files.abandon()
        self._begin()

    @property
    def writer(self) -> str | None:
        """The writer that this process is, None before its first entry."""
        return None if self._head is None else self._head.writer

    def append(self, event: AuditEvent) -> Entry:
        """Write the event and wait for the disk; of threads that wait together, one asks it for all."""
        event_bytes = canonical(event)
        if not self._guard[0]:  # a fork that ran no Python hooks
            self.after_fork_in_child()
        segment: LiveSegment | None = None
        try:
            with self._alone_in_chain():
                segment = self._segment
                if segment is None or segment.written >= self._max_segment_bytes or not segment.is_usable:
                    segment = self._next_segment()
                entry, end = self._write(segment, event_bytes)
            segment.sync(end)
        except OSError as error:
            raise self._failure(segment, error) from error
        with self._lock:
            self._appended += 1
            self._last_error = None
        return entry

    def _write(self, segment: LiveSegment, event_bytes: bytes) -> tuple[Entry, int]:
        head = self._head or start(self._make_writer())
        entry = Entry(event_bytes, extend(head, event_bytes, self.keys))
        try:
            end = segment.write(line_of(entry))
            self._head = Head(head.writer, entry.link.seq, entry.link.mac)
        except OSError:
            raise
        except BaseException:
            # A signal handler raised (a worker's time-out, Ctrl-C) and nobody knows whether before the write or behind
            # it: going on from either head could make two entries of one number.
            segment.distrust()
            raise
        return entry, end

    @contextlib.contextmanager
    def _alone_in_chain(self) -> Iterator[None]:
        with self._lock:
            if self._is_appending:
                raise AuditError("an event cannot be recorded by a signal handler or a finaliser inside of a record")
            self._is_appending = True
            try:
                yield
            finally:
                self._is_appending = False

    def signed_heads(self, writer: str | None = None) -> None:
        """Return none: another file would have to wait for the disk with every entry."""

    def heads(self) -> Mapping[str, int]:
        """Return the writers and their last numbers, from names of files and the ends of live ones."""
        found: dict[str, int] = {}
        for writer, files in self._listed().items():
            for _ in range(_MOST_RACES):
                try:
                    # Bytes that are no entry make a writer too: somebody has to look at them.
                    if files and (files[-1].last or any((self.directory / file.name).stat().st_size for file in files)):
                        found[writer] = last_seq(self.directory, files)
                    break
                except FileNotFoundError:
                    files = self._listed(writer).get(writer, [])  # closed or compressed since we looked
                except OSError as error:
                    raise _unreadable(self.directory, error) from error
        return found

    def entries(
        self, writer: str | None = None, after_seq: int = 0, where: EntryFilter = EVERYTHING
    ) -> Iterator[Entry]:
        """Yield entries from the files; of live ones what is on the disk."""
        question = Question(where)
        everything = where is EVERYTHING
        for name, files in self._listed(writer).items():
            for entry in self._chain(name, files, after_seq):
                if everything or (not entry.damage and question.fits(entry.event_bytes)):
                    yield entry

    def purge(self, tombstones: Sequence[Tombstone]) -> int:
        """Keep the tombstones, then write closed segments anew without the entries; live ones are left for later."""
        if not tombstones:
            return 0
        self._keep_tombstones(tombstones)
        self._close_segment()
        # All there are, because an earlier purge may have left some for later; none that somebody else wrote in.
        authentic = [each for each in self.tombstones() if each.is_authentic(self.keys)]
        try:
            return self._housekeeper.purge(authentic)
        except OSError as error:
            raise AuditError(f"entries could not be purged yet: {error}") from error

    def tidy(self) -> None:
        """Close, repair and compress what dead processes left, now and on this thread."""
        self._tidy()

    def health(self) -> Health:
        """Return the counts of this process."""
        keeper = self._housekeeper
        facts: dict[str, object] = {
            "writer": self.writer,
            "repaired": keeper.repaired,
            "completed": keeper.completed,
            "compressed": keeper.compressed,
            "failed": self._failed,
        }
        if self._last_error is not None:
            return Health(Status.UNHEALTHY, self._last_error, accepted=self._appended, facts=facts)
        if keeper.last_error is not None:
            detail = f"segments cannot be compressed: {keeper.last_error}"
            return Health(Status.DEGRADED, detail, accepted=self._appended, facts=facts)
        return Health(Status.HEALTHY, accepted=self._appended, facts=facts)

    def close(self) -> None:
        """Close this process's segment; the chain goes on in another at the next append."""
        self._close_segment()
        self._job.stop(_FINISH_SECONDS, _ABANDON_SECONDS)
        self._job = BackgroundJob(self._tidy, _JOB_NAME)

    def _close_segment(self) -> None:
        with self._lock:
            try:
                self._finish_segment()
            except OSError as error:
                self._last_error = f"the segment could not be closed: {error}"

    def _next_segment(self) -> LiveSegment:
        """Make the segment that the next entry goes to, the one before it closed and on the disk."""
        self._finish_segment()
        if self._head is None:
            self._head = start(self._make_writer())
        self.directory.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
        file = SegmentFile(self._head.writer, self._head.seq + 1, 0, is_compressed=False)
        self._segment = LiveSegment(self.directory, file, self._files)
        self._job.wake()
        return self._segment

    def _finish_segment(self) -> None:
        segment = self._segment
        if segment is None:
            return
        if segment.is_usable:
            segment.sync(segment.written)
        self._segment = None
        if segment.is_usable and self._head is not None:
            segment.finish(self._head.seq)
        else:
            segment.give_up()
            self._head = None

    def _failure(self, segment: LiveSegment | None, error: OSError) -> AuditError:
        self._failed += 1
        self._last_error = f"the audit trail in {self.directory} cannot be written: {error}"
        if segment is not None and not segment.is_usable:
            with self._lock:
                if self._segment is segment:
                    # Nobody knows what of it is on the disk: let a new chain begin.
                    self._segment = self._head = None
            segment.give_up()
        return AuditError(self._last_error)

    def _listed(self, writer: str | None = None) -> dict[str, list[SegmentFile]]:
        try:
            return segments(self.directory, writer)
        except OSError as error:
            raise _unreadable(self.directory, error) from error

    def _chain(self, writer: str, files: list[SegmentFile], after_seq: int) -> Iterator[Entry]:
        done = 0
        for _ in range(_MOST_RACES):
            try:
                for number, file in enumerate(files):
                    is_last = number == len(files) - 1
                    if file.first <= done or (not is_last and files[number + 1].first <= after_seq + 1):
                        continue
                    for entry in read_segment(self.directory, file, is_last=is_last):
                        if entry.link.seq > after_seq or entry.damage:
                            yield entry
                    done = file.first
            except FileNotFoundError:
                files = self._listed(writer).get(writer, [])  # closed or compressed since we looked
                continue
            except OSError as error:
                raise _unreadable(self.directory, error) from error
            return
        raise AuditError(f"the segments of {writer} change faster than they can be read")

    def _tidy(self) -> None:
        self._housekeeper.tidy(lambda: self._job.is_stopping)


def _unreadable(directory: Path, error: OSError) -> AuditError:
    return AuditError(f"the audit trail in {directory} cannot be read: {error}")

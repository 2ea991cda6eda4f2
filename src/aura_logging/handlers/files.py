"""Write lines to a file that many processes share, rotate, compress and keep within bounds."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from aura_logging.encoding import decode, encode, timestamp
from aura_logging.handlers.file_arguments import check_encoding, check_limit, check_mode, checked_path
from aura_logging.handlers.plain_text import encode_text
from aura_logging.health import Health, Status
from aura_logging.options import OptionError
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.batches import Line
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork
from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.housekeeping import SegmentKeeper
from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.rotation import RotationPolicy
from aura_logging.resilience.log_files.shared_file import SharedFile

__all__ = ["StructuredFileHandler"]

_MIB = 1024 * 1024

_FINISH_SECONDS = 2.0
"""How long `close` lets a compression finish; about what gzip needs for a segment of the default size."""

_ABANDON_SECONDS = 1.0
_MOST_DEFERRED = 1000


class StructuredFileHandler(logging.Handler):
    """Append each record's line to a file; many processes may name the same one.

    Use it as the target of an `AsyncBufferedHandler` or a child of a `FailoverHandler`, which hand it whole batches,
    or on its own in place of `logging.FileHandler`, `RotatingFileHandler` or `WatchedFileHandler`.

    * Nothing is opened and no thread is started before the first record. What was written is in the operating
      system's hands when the call returns; there is no buffer of our own.
    * Lines of several processes never mix; each process's lines keep their order. A file is closed before it would
      outgrow `max_bytes` (one batch larger than that makes one larger file) and, with `rotate_every_seconds`, at
      the first record after each multiple of that since 1970 UTC (3600: at the full hour; 86400: at midnight UTC).
    * Closed segments lie beside the file, as `app.20261123T053216.123456Z-000001.jsonl` (when it was closed, UTC, and
      a running number). They are compressed, and the oldest removed, by a short-lived thread of the process that
      closed one; a crash costs nothing but the work, which the next rotation of any process repeats. The limits
      `backup_count`, `max_age_seconds` and `max_total_bytes` hold for closed segments; `None` switches one off.
    * The file is opened anew when it was moved (logrotate), removed, or its directory is gone, which is made again.
      A symbolic link is followed if root or this process's user owns it. `/dev/stdout`, pipes and devices work too;
      they are not rotated.
    * The file system must know `flock`, as all local ones and NFS do; on one that does not, every write is an error.
    * `mode` is what a new file gets, less the umask: by default the owner may write and the group read, which is
      what log shippers need; logs are nothing for everybody. Segments keep the mode of their file.

    The line comes from the formatter's `encode(record) -> bytes` where its class has one, from the formatter's
    `format` made safe by `encode_text` otherwise, and is the record in JSON where there is no formatter.

    Raises `OptionError` for arguments that cannot be meant.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        *,
        max_bytes: int | None = 64 * _MIB,
        rotate_every_seconds: int | None = None,
        backup_count: int | None = 20,
        max_age_seconds: float | None = None,
        max_total_bytes: int | None = None,
        compress: str | None = "gzip",
        encoding: str = "utf-8",
        mode: int = 0o640,
        max_wait_seconds: float = 5.0,
        level: int | str = logging.NOTSET,
        clock: Clock = time.time,
    ) -> None:
        path = checked_path(filename)
        check_limit("max_bytes", max_bytes, "a number of bytes, or None for no rotation by size")
        check_limit("rotate_every_seconds", rotate_every_seconds, "seconds (3600: hourly, 86400: daily), or None")
        check_limit("backup_count", backup_count, "how many segments to keep, or None for no limit by count")
        check_limit("max_age_seconds", max_age_seconds, "seconds, or None for no limit by age", whole=False)
        check_limit("max_total_bytes", max_total_bytes, "a number of bytes, or None for no limit by size")
        check_limit("max_wait_seconds", max_wait_seconds, "seconds, as in 5.0", whole=False, optional=False)
        check_encoding(encoding)
        check_mode(mode)
        if max_total_bytes is not None and max_bytes is not None and max_total_bytes < max_bytes:
            raise OptionError(
                f"max_total_bytes={max_total_bytes} is less than max_bytes={max_bytes}, so that a segment could be "
                "removed as soon as it is closed; make it several times max_bytes."
            )
        codec = choose_codec(compress)
        super().__init__(level)
        self._path = path
        self._segments_of = path
        rotates = max_bytes is not None or rotate_every_seconds is not None
        limits = (backup_count, max_age_seconds, max_total_bytes)
        self._is_bounded = rotates and any(each is not None for each in limits)
        self._keeper = SegmentKeeper(
            RetentionPolicy(backup_count, max_age_seconds, max_total_bytes), codec, mode=mode, clock=clock
        )
        self._housekeeping = BackgroundJob(self._keep_house, name="aura-log-housekeeping")
        self._file = SharedFile(
            path,
            rotation=RotationPolicy(max_bytes, rotate_every_seconds),
            mode=mode,
            max_wait_seconds=max_wait_seconds,
            clock=clock,
            on_segment_closed=self._segment_closed,
        )
        self._clock = clock
        self._is_closed = False
        self._encoder_of: logging.Formatter | None = None
        self._encode: Callable[[logging.LogRecord], bytes] = encode
        self._start_afresh()
        tell_after_fork(self)

    def _start_afresh(self) -> None:
        self._is_writing = False
        self._reopen_wanted = False
        self._deferred: list[bytes] = []
        self._dropped: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._format_failures = 0
        self._is_failing = False
        self._last_error = ""
        self._last_error_at: float | None = None

    def after_fork_in_child(self) -> None:
        """Count this process's own lines; what the parent was about to write stays the parent's."""
        self._start_afresh()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path} ({logging.getLevelName(self.level)})>"

    @property
    def path(self) -> Path:
        """The file that is named, absolute; a symbolic link is not followed."""
        return self._path

    @property
    def is_bounded(self) -> bool:
        """Whether its files together cannot grow for ever."""
        return self._is_bounded

    def line(self, record: logging.LogRecord) -> bytes:
        """Return the record's output, newline included; never raises.

        A record that the formatter fails on is written in JSON, with what is wrong with it, and counted.
        """
        formatter = self.formatter
        if formatter is not self._encoder_of:
            self._encode = _encoder(formatter)
            self._encoder_of = formatter
        try:
            return self._encode(record)
        except Exception:  # noqa: BLE001  # a formatter is anybody's code
            self._format_failures += 1
            return encode(record)

    def plain_json_writer(self) -> logging.Handler | None:
        """Return this handler if its lines are `encode`'s own, for as long as its formatter stays."""
        is_plain = type(self).line is StructuredFileHandler.line and _encoder(self.formatter) is encode
        return self if is_plain else None

    def write_lines(self, lines: Sequence[Line], count: int | None = None) -> None:
        """Write the lines in order, or raise `OSError`: then none of them is in the file.

        An item may be a block of several whole lines; then `count` says how many there are altogether.
        (Should the disk refuse even to take back half a batch, some may be; a pipe takes nothing back.) Any thread
        may call. Waits for other processes up to `max_wait_seconds`. When it is called from inside itself, by a
        signal handler or a finaliser, the lines are written right after those under way, and an error of theirs is
        counted as `dropped["deferred"]`.
        """
        if not lines:
            return
        self.acquire()
        try:
            if self._is_writing:
                self._defer(lines)
                return
            self._is_writing = True
            try:
                self._append(lines, len(lines) if count is None else count)
            finally:
                self._append_deferred()
                self._is_writing = False
                if self._is_closed or self._reopen_wanted:  # a line that comes after close() leaves nothing open
                    self.reopen()
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a failure is counted and goes to `handleError`, as with any handler of logging's.

        When `handleError` returns, the record is lost: `dropped["write_failed"]`.
        """
        try:
            self.write_lines((self.line(record),))
        except Exception:  # noqa: BLE001  # nothing of ours reaches the application; handleError tells it on stderr
            self._lose(record)

    def emit_line(self, level: int, line: bytes) -> bool:
        """Do what `emit` would for a record that is encoded already; always true, for that never takes the record.

        Only for a handler with a `plain_json_writer`. Never raises.
        """
        try:
            self.write_lines((line,))
        except Exception:  # noqa: BLE001  # as in `emit`
            self._lose(decode(line))
        return True

    def _lose(self, record: logging.LogRecord) -> None:
        self.handleError(record)
        self._dropped["write_failed"] += 1

    def flush(self) -> None:
        """Do nothing: whatever was accepted is written."""

    def reopen(self) -> None:
        """Open the file anew at the next record, as after logrotate; it happens by itself, too.

        A signal handler may call this, even one that interrupts a write: then the file is closed after it.
        """
        self.acquire()
        try:
            self._reopen_wanted = self._is_writing
            if not self._is_writing:
                self._file.close()
        finally:
            self.release()

    def close(self) -> None:
        """Close the file and give compression two seconds to finish; a record that comes later is written still.

        Compression that takes longer leaves nothing half done: the next rotation of any process begins it again.
        """
        self._is_closed = True
        self.reopen()
        self._housekeeping.stop(_FINISH_SECONDS, _ABANDON_SECONDS)
        super().close()

    def health(self) -> Health:
        """Tell what this process has written, closed and removed, and what stands in its way.

        Unhealthy while the last write has failed; degraded while a file cannot be rotated, compressed or removed.
        """
        file, keeper = self._file, self._keeper
        hindrance = file.rotation_error or keeper.last_error
        if self._is_failing:
            status, detail = Status.UNHEALTHY, f"cannot write: {self._last_error}"
        elif hindrance is not None:
            status, detail = Status.DEGRADED, f"segments are in disorder: {hindrance}"
        else:
            status, detail = Status.HEALTHY, ""
        facts: dict[str, object] = {
            "path": str(self._path),
            "delivered_bytes": file.written_bytes,
            "live_bytes": file.live_bytes,
            "failures": dict(self._failures),
            "format_failures": self._format_failures,
            "torn_lines_ended": file.torn_lines_ended,
            "reopened": file.reopened,
            "rotated": file.rotated,
            "rotation_failures": file.rotation_failed,
            "compressed": keeper.compressed,
            "removed": keeper.removed,
            "housekeeping_failures": keeper.failed,
        }
        if keeper.retained is not None:
            facts["retained"] = keeper.retained
        if self._last_error_at is not None:
            facts["last_error"] = self._last_error
            facts["last_error_at"] = timestamp(self._last_error_at)
        return Health(status, detail, delivered=file.written, dropped=dict(self._dropped), facts=facts)

    def _append(self, lines: Sequence[Line], count: int) -> None:
        try:
            self._file.append(lines, count)
        except OSError as error:
            self._is_failing = True
            self._failures[errno.errorcode.get(error.errno or 0, type(error).__name__)] += 1
            self._last_error = str(error)
            self._last_error_at = self._clock()
            raise
        self._is_failing = False

    def _defer(self, lines: Sequence[Line]) -> None:
        if len(self._deferred) + len(lines) > _MOST_DEFERRED:
            raise OSError(errno.EBUSY, "too many lines were logged from inside one write", str(self._path))
        self._deferred.extend(map(bytes, lines))

    def _append_deferred(self) -> None:
        while self._deferred:
            lines, self._deferred = self._deferred, []
            try:
                self._append(lines, len(lines))
            except OSError:
                self._dropped["deferred"] += len(lines)

    def _segment_closed(self, live_path: Path) -> None:
        self._segments_of = live_path  # beside the file itself, should `filename` be a link
        self._housekeeping.wake()

    def _keep_house(self) -> None:
        self._keeper.tidy(self._segments_of, lambda: self._housekeeping.is_stopping)


def _encoder(formatter: logging.Formatter | None) -> Callable[[logging.LogRecord], bytes]:
    if formatter is None:
        return encode
    # Our own, in two calls less.
    own: Callable[[], Callable[[logging.LogRecord], bytes] | None] = getattr(formatter, "line_encoder", lambda: None)
    if (encoder := own()) is not None:
        return encoder
    if callable(getattr(type(formatter), "encode", None)):
        # A formatter shaped like ours.
        return lambda record: _whole_line(formatter.encode(record))  # type: ignore[attr-defined]
    return lambda record: encode_text(formatter.format(record))


def _whole_line(line: bytes) -> bytes:
    if not isinstance(line, bytes) or line[-1:] != b"\n":
        raise TypeError(f"a formatter's encode() must return bytes that end with a newline, not {line!r}")
    return line

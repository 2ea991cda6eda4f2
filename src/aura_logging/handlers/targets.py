"""Hand a batch to any handler, as lines or as records, and tell how much of it was taken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging.handlers import BufferingHandler, SocketHandler, SysLogHandler
from typing import Any, Protocol

from aura_logging import encoding, records
from aura_logging.handlers.base import LineSink
from aura_logging.handlers.hearing import emit_heard, emit_unlocked, hear_failures, inside
from aura_logging.resilience.batches import Batch, ItemBatch, LineBatch, Losses

__all__ = [
    "DeliveryStopped",
    "LineTarget",
    "RecordTarget",
    "Target",
    "TargetFailed",
    "record_of",
    "target_for",
    "wanted",
]

_RECORDS_AT_ONCE = 50
"""At 5 ms each, a quarter of a second: what a worker may still do after it was asked to stop."""

_ONE_AT_A_TIME = (logging.StreamHandler, SocketHandler, SysLogHandler, BufferingHandler)
"""Handlers of the standard library that break when two threads are inside them."""


class TargetFailed(Exception):  # noqa: N818  # it says what happened, like StopIteration
    """A target did not take a whole batch: only its first `taken` entries.

    `again` tells whether it makes sense to offer the next one again: an `OSError` may pass, an error in the
    target's own code on this very record will not.
    """

    def __init__(self, taken: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.taken = taken
        self.cause = cause
        self.again = isinstance(cause, OSError)


class DeliveryStopped(Exception):  # noqa: N818  # as above
    """A batch was broken off because somebody asked; its first `taken` entries are delivered."""

    def __init__(self, taken: int) -> None:
        super().__init__(f"stopped after {taken}")
        self.taken = taken


def _always() -> bool:
    return True


class Target(Protocol):
    """A handler as a delivering worker sees it."""

    handler: logging.Handler

    @property
    def new_batch(self) -> Callable[[int, Losses, int], Batch]:
        """Makes the kind of batch that `deliver` takes."""
        ...

    def payload(self, record: logging.LogRecord) -> Any:
        """Return what will be delivered, made on the thread that logs; it keeps nothing of the caller's alive."""
        ...

    def journal_line(self, record: logging.LogRecord) -> bytes | None:
        """Return what a journal keeps of a payload that is no line itself."""
        ...

    def from_line(self, line: bytes) -> Any:
        """Return a payload made of a line of the journal."""
        ...

    def stamp(self, stream: str) -> Callable[[Any, int], Any]:
        """Return a function that writes the stream's name and a sequence number on a payload."""
        ...

    def batch_size(self, workers: int, buffer_size: int) -> int | None:
        """Return how many entries a worker should take at once; `None` for as many as there are."""
        ...

    def deliver(self, batch: Any, notice: Any = None, go_on: Callable[[], bool] = _always) -> None:
        """Hand over a notice, if there is one, and then the batch in order; raises `TargetFailed`.

        Where it goes one by one, `go_on()` is asked before each but the first; raises `DeliveryStopped` if it says no.
        """
        ...


class LineTarget:
    """A target that takes encoded lines, a whole batch at once."""

    new_batch = LineBatch

    def __init__(self, handler: logging.Handler, sink: LineSink) -> None:
        self.handler = handler
        self.payload = sink.line
        self._write_lines = sink.write_lines

    def batch_size(self, workers: int, buffer_size: int) -> int | None:
        """Return `None`: all that lie together; with several workers, no more than leaves work for the others."""
        return None if workers == 1 else max(1, buffer_size // (2 * workers))

    def journal_line(self, record: logging.LogRecord) -> None:
        """Return nothing: the payload is the line."""

    def from_line(self, line: bytes) -> bytes:
        """Return the line."""
        return line

    def stamp(self, stream: str) -> Callable[[bytes, int], bytes]:
        """Return a function that splices `stream` and `seq` into a JSON line; another line is left as it is."""
        return line_stamp(stream)

    def deliver(self, batch: LineBatch, notice: bytes | None = None, go_on: Callable[[], bool] = _always) -> None:
        """Write the lines; on failure none counts as taken, so some may be written twice.

        Where the target's own code fails, they are offered one by one, to find the line at fault.
        """
        del go_on  # it is one write
        block, count = batch.block(), len(batch)
        with inside(self.handler):
            try:
                if notice is None:
                    self._write_lines([block], count)
                else:
                    self._write_lines([notice, block], count + 1)
            except OSError as error:
                raise TargetFailed(0, error) from error
            except Exception as error:
                if count == 1:
                    raise TargetFailed(0, error) from error
                self._deliver_one_by_one(batch, notice)

    def _deliver_one_by_one(self, batch: LineBatch, notice: bytes | None) -> None:
        taken = 0
        try:
            if notice is not None:
                self._write_lines([notice], 1)
                batch.losses = {}
            for line in batch.lines():
                self._write_lines([line], 1)
                taken += 1
        except Exception as error:
            raise TargetFailed(taken, error) from error


class RecordTarget:
    """A target that takes records, one after the other."""

    new_batch = ItemBatch

    def __init__(self, handler: logging.Handler, *, in_parallel: bool = False) -> None:
        self.handler = handler
        # A handler's lock lets one thread in at a time: several workers would wait for each other.
        self._emit = emit_unlocked if in_parallel and not isinstance(handler, _ONE_AT_A_TIME) else emit_heard
        hear_failures(handler)

    def batch_size(self, workers: int, buffer_size: int) -> int:
        """Return how many records may be on their way at once: few, for each may take its time."""
        return max(1, min(_RECORDS_AT_ONCE, buffer_size // (2 * workers)))

    def payload(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record with its message and traceback as text."""
        return records.detach(record)

    def journal_line(self, record: logging.LogRecord) -> bytes:
        """Return the record in JSON."""
        return encoding.encode(record)

    def from_line(self, line: bytes) -> logging.LogRecord:
        """Return a record made of the line."""
        return record_of(line)

    def stamp(self, stream: str) -> Callable[[logging.LogRecord, int], logging.LogRecord]:
        """Return a function that sets `stream` and `seq` on a record."""

        def stamp(record: logging.LogRecord, number: int) -> logging.LogRecord:
            record.stream = stream
            record.seq = number
            return record

        return stamp

    def deliver(
        self, batch: ItemBatch, notice: logging.LogRecord | None = None, go_on: Callable[[], bool] = _always
    ) -> None:
        """Emit the records; the target's filters have been asked on the thread that logged."""
        taken = 0
        try:
            if notice is not None:
                self._tell(notice)
                batch.losses = {}
            for record in batch.items():
                if taken and not go_on():
                    break
                self._emit(self.handler, record)
                taken += 1
        except Exception as error:
            raise TargetFailed(taken, error) from error
        if taken < len(batch):
            raise DeliveryStopped(taken)

    def _tell(self, notice: logging.LogRecord) -> None:
        try:
            self._emit(self.handler, notice)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # say, a format that wants a field; what was lost is in health() as well
            return


def line_stamp(stream: str) -> Callable[[bytes, int], bytes]:
    """Return a function that splices `stream` and `seq` into a JSON line; another line is left as it is."""
    fields = b',"stream":"%b","seq":%%d}\n' % stream.replace("%", "%%").encode()

    def stamp(line: bytes, number: int) -> bytes:
        if line[-2:] == b"}\n" and line[:2] == b'{"':
            return line[:-2] + fields % number  # half of what it costs to format the whole line
        return line

    return stamp


def record_of(line: bytes, schema: str = "aura") -> logging.LogRecord:
    """Make a record of a line; of one that is not JSON, as its message."""
    try:
        return encoding.decode(line, schema)
    except ValueError:
        return logging.makeLogRecord({"msg": line.decode(errors="backslashreplace").rstrip("\n")})


def target_for(handler: logging.Handler, *, in_parallel: bool = False) -> Target:
    """Return the handler as a target, by what it can take; `in_parallel` from several threads.

    A handler that wraps others may take lines or not, depending on them; it says so in `takes_lines`.
    """
    if isinstance(handler, LineSink) and getattr(handler, "takes_lines", True):
        return LineTarget(handler, handler)
    return RecordTarget(handler, in_parallel=in_parallel)


def wanted(handler: logging.Handler, record: logging.LogRecord) -> logging.LogRecord | None:
    """Return what the handler's level and filters leave of the record: it, another in its place, or nothing."""
    if record.levelno < handler.level:
        return None
    if not handler.filters:
        return record
    kept: object = handler.filter(record)
    if not kept:
        return None
    return kept if isinstance(kept, logging.LogRecord) else record

"""Keep metrics in one SQLite file that all processes of a host write to: the embedded default.

WAL mode, so that readers and the one writer do not wait for each other; `synchronous=NORMAL`, so that a commit
costs no fsync: after a power cut the last seconds may be missing, but the file is whole. One transaction per
flush. Not for network file systems, on which WAL does not work: use Redis there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from aura_logging.health import Health, Status
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.model import Amount, Sample, Series
from aura_logging.metrics.outline import Outline
from aura_logging.metrics.stores import sqlite_schema as schema
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.tiers import OUTLINE_BUCKETS, TIERS, span_of, stretches, tier_for
from aura_logging.resilience.clock import Clock

__all__ = ["SqliteStore"]

BUSY_SECONDS = 2.0
"""How long a flush waits for another process's: a hundred times what one takes."""

_TRY_AGAIN_SECONDS = 0.005
_PRIMARY_CODE = 0xFF
"""What is left of an extended result code of SQLite: https://www.sqlite.org/rescode.html."""

_MAINTENANCE_SECONDS = 60
_BATCH_SECONDS = 3_600
MAX_BYTES = 256 * 1024 * 1024
MAX_SERIES = 20_000


class SqliteStore:
    """A `MetricsStore` in a file. It is made, with its directory, at the first call that needs it.

    The file holds at most about `max_bytes`: the oldest buckets of the finest tiers go first, totals never.
    Beyond `max_series` new label values are added to the metric's `_overflow` series. No connection crosses a
    fork: it is closed before, between two transactions, and each side opens its own when it needs one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = MAX_BYTES,
        max_series: int = MAX_SERIES,
        busy_seconds: float = BUSY_SECONDS,
        clock: Clock = time.time,
    ) -> None:
        # Absolute now: a daemon changes its directory later.
        self.path = Path(path).absolute()
        self._max_bytes = max_bytes
        self._max_series = max_series
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._series_ids: dict[Series, int] = {}
        self._maintained_at = 0.0
        self._error = ""
        at_fork(before=self._before_fork, in_parent=self._after_fork, in_child=self._after_fork)

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        """Add the samples to every tier and to the totals, in one transaction."""
        with self._transaction() as connection:
            if batch and not schema.claim_batch(connection, batch, self._clock()):
                return
            ids = {sample.series: 0 for sample in samples}
            for series in ids:
                ids[series] = self._series_id(connection, series)
            rows = [schema.row(ids[sample.series], sample.at, sample.amount) for sample in samples]
            schema.add_totals(connection, rows)
            for tier in TIERS:
                schema.add_points(connection, tier.step, rows)
            now = self._clock()
            due = now - self._maintained_at >= _MAINTENANCE_SECONDS
        if due:
            self._maintained_at = now
            self._maintain(now)

    def read(self, since: float, until: float | None = None, names: Collection[str] | None = None) -> list[Sample]:
        """Return the samples of the span, oldest first."""
        now = self._clock()
        until = now if until is None else until
        span = span_of(since, until, tier_for(since, until, now).step)
        with self._opened() as connection:
            return schema.points(connection, span, names)

    def read_sums(self, since: float, until: float, outline: Outline) -> list[Sample]:
        """Return what is wanted of the span, added up by the database."""
        span = span_of(since, until, tier_for(since, until, self._clock(), OUTLINE_BUCKETS).step)
        added: dict[tuple[int, int], Amount] = {}
        with self._opened() as connection:
            sums: dict[Series, int] = {}
            sum_of: dict[int, int] = {}
            for id_, series in schema.series_by_id(connection, outline.names).items():
                wanted = outline.series(series)
                if wanted is not None:
                    sum_of[id_] = sums.setdefault(wanted, len(sums))
            schema.want_sums(connection, sum_of)
            for stretch in [span] if outline.by_time else stretches(span):
                for at, number, amount in schema.sums(connection, stretch, by_time=outline.by_time):
                    key = (at if outline.by_time else span.first, number)
                    added[key] = added[key].plus(amount) if key in added else amount
        by_number = list(sums)
        return [Sample(by_number[number], at, amount) for (at, number), amount in added.items()]

    def totals(self, names: Collection[str] | None = None) -> list[Sample]:
        """Return one sample for each series."""
        with self._opened() as connection:
            return schema.totals(connection, names)

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the right to do a job."""
        now = self._clock()
        with self._transaction() as connection:
            return schema.take_lease(connection, name, holder, now, now + seconds)

    def load(self, key: str) -> str | None:
        """Return the text under a key."""
        with self._opened() as connection:
            return schema.load_note(connection, key)

    def swap(self, key: str, expected: str | None, text: str) -> bool:
        """Put a text in the place of the one expected."""
        with self._transaction() as connection:
            if schema.load_note(connection, key) != expected:
                return False
            schema.save_note(connection, key, text)
            return True

    def publish(self, worker: str, text: str, seconds: float) -> None:
        """Put this in the place of what the worker said before."""
        now = self._clock()
        with self._transaction() as connection:
            schema.save_worker(connection, worker, text, now, now + seconds)

    def published(self) -> dict[str, str]:
        """Return what every worker said last."""
        with self._opened() as connection:
            return schema.load_workers(connection, self._clock())

    def health(self) -> Health:
        """Return unhealthy while the last call failed; the detail says why and what to do."""
        facts: dict[str, object] = {"store": "sqlite", "path": str(self.path)}
        with contextlib.suppress(OSError):
            facts["bytes"] = self.path.stat().st_size
        if self._error:
            return Health(Status.UNHEALTHY, self._error, facts=facts)
        return Health(Status.HEALTHY, facts=facts)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        # Python 3.13 warns of a connection that nobody closed; a store need not be closed.
        if getattr(self, "_connection", None) is not None:
            self._disconnect()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connected()
            except StoreError as error:
                self._disconnect()
                self._error = f"{self.path}: {error}"
                raise
            except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                # Whatever state it is in, the next call had better begin with a new one.
                self._disconnect()
                self._error = self._explained(error)
                raise StoreError(self._error) from error
            self._error = ""

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as connection:
            # IMMEDIATE: to wait for the other writer at once, not to fail halfway when reading turns to writing.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                self._series_ids.clear()
                connection.rollback()
                raise
            connection.commit()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self.path):
            return self._connection
        # The file is new, or somebody has moved or deleted it: what went there now would be lost.
        self._disconnect()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # SQLite itself does not wait for a file that another process is just making, or turning to WAL mode.
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                return schema.prepare(connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(_TRY_AGAIN_SECONDS)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._series_ids.clear()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _series_id(self, connection: sqlite3.Connection, series: Series) -> int:
        known = self._series_ids.get(series)
        if known is not None:
            return known
        found = schema.find_series(connection, series)
        if found is None:
            if schema.count_series(connection) >= self._max_series and series.labels:
                everything = series.overflow()
                found = schema.find_series(connection, everything) or schema.make_series(connection, everything)
            else:
                found = schema.make_series(connection, series)
        self._series_ids[series] = found
        return found

    def _maintain(self, now: float) -> None:
        with self._transaction() as connection:
            schema.forget_batches(connection, now - _BATCH_SECONDS)
            for tier in TIERS:
                schema.drop_points(connection, tier.step, int(now) - tier.keep - tier.step)
            schema.drop_to_size(connection, self._max_bytes)

    def _explained(self, error: Exception) -> str:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            advice = "move the file away; a new one is made, and what was not written yet goes there."
        else:
            advice = "counts are kept in memory; see that the directory can be written and the disk has room."
        return f"{self.path}: {error}; {advice}"

    def _before_fork(self) -> None:
        # Waits for a transaction of another thread, at most as long as that waits for a busy file.
        self._lock.acquire()
        self._disconnect()

    def _after_fork(self) -> None:
        self._lock.release()


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0

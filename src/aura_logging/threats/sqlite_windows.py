"""Share sliding windows between the processes of a host through one SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from aura_logging.resilience.forks import tell_after_fork

__all__ = ["MEMBERS_AT_MOST", "SqliteWindows"]

_BUSY_SECONDS = 1.0
_SWEEP_EVERY = 500

MEMBERS_AT_MOST = 500_000
"""Members kept of all keys together, about 80 MB: an attack from a million addresses must not fill the disk."""

_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=OFF;
CREATE TABLE IF NOT EXISTS member (
    key TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL, weight INTEGER NOT NULL,
    PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS member_until ON member (until);
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim (key TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


_FORGET_BEYOND = """
DELETE FROM member WHERE until <= (SELECT until FROM member ORDER BY until DESC LIMIT 1 OFFSET ?)
"""


class SqliteWindows:
    """`Windows` in a file that is made, with its directory, at the first call.

    Nothing in it outlives its window by much, so it is not synced to disk: after a power cut, counting starts anew.
    Beyond `members_at_most`, what would be over first is forgotten first.
    No connection crosses a fork: each process opens its own. `OSError` when the file cannot be used now; the next
    call tries again. Not for network file systems.
    """

    def __init__(self, path: str | os.PathLike[str], *, members_at_most: int = MEMBERS_AT_MOST) -> None:
        # Absolute now: a daemon changes its directory later.
        self.path = Path(path).absolute()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        self._calls = 0
        self._members_at_most = members_at_most
        tell_after_fork(self)

    def note(self, key: str, member: str, now: float, seconds: float, at_most: int, weight: int = 1) -> int:
        """Note a member, and return the weight of those in the window."""
        with self._transaction() as connection:
            self._calls += 1
            if self._calls % _SWEEP_EVERY == 0:
                connection.execute("DELETE FROM member WHERE until <= ?", (now,))
                connection.execute("DELETE FROM claim WHERE until <= ?", (now,))
                connection.execute("DELETE FROM note WHERE until <= ?", (now,))
                connection.execute(_FORGET_BEYOND, (self._members_at_most,))
            connection.execute(
                "INSERT INTO member VALUES (?, ?, ?, ?, ?) ON CONFLICT (key, name) DO UPDATE SET "
                "at = max(at, excluded.at), until = max(until, excluded.until), weight = excluded.weight",
                (key, member, now, now + seconds, weight),
            )
            connection.execute("DELETE FROM member WHERE key = ? AND at <= ?", (key, now - seconds))
            rows = connection.execute(
                "SELECT name, weight FROM member WHERE key = ? ORDER BY at DESC", (key,)
            ).fetchall()
            for name, _ in rows[at_most:]:
                connection.execute("DELETE FROM member WHERE key = ? AND name = ?", (key, name))
            return sum(weight for _, weight in rows[:at_most])

    def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take the right to tell about a key."""
        with self._transaction() as connection:
            row = connection.execute("SELECT until FROM claim WHERE key = ?", (key,)).fetchone()
            if row is not None and row[0] > now:
                return False
            connection.execute("INSERT OR REPLACE INTO claim VALUES (?, ?)", (key, now + seconds))
            return True

    def forget(self, key: str) -> None:
        """Forget a key's members."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM member WHERE key = ?", (key,))

    def recall(self, key: str, now: float) -> str | None:
        """Return the note under a key."""
        with self._transaction() as connection:
            row = connection.execute("SELECT text FROM note WHERE key = ? AND until > ?", (key, now)).fetchone()
            return None if row is None else str(row[0])

    def remember(self, key: str, note: str, now: float, seconds: float) -> None:
        """Keep a note under a key."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", (key, note, now + seconds))

    def close(self) -> None:
        """Close the connection; a later call opens one again."""
        with self._lock:
            self._disconnect()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connected()
                # IMMEDIATE: to wait for the other writer at once, not to fail halfway.
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
            except sqlite3.Error as error:
                self._disconnect()
                raise OSError(f"{self.path}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def __del__(self) -> None:
        """Close the connection of windows that nobody holds any more; from 3.13 on Python warns of one left open."""
        connection = getattr(self, "_connection", None)  # not there if its construction was refused
        if connection is not None:
            connection.close()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def after_fork_in_child(self) -> None:
        """Leave the parent its connection."""
        # Another thread of the parent may have held it; the parent's connection must not be used here, nor closed.
        self._lock = threading.Lock()
        # Kept, because to let go of it would close it.
        self._inherited, self._connection = self._connection, None


def _set_up(connection: sqlite3.Connection) -> None:
    """Make the tables; waits for others who do so at the same moment, because SQLite itself does not for WAL."""
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            time.sleep(pause)
        else:
            return
    connection.executescript(_SCHEMA)

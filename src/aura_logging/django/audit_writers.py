"""Know where the chain of each database connection ends, through commits, rollbacks, lost connections and forks."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from aura_logging.audit.chain import Head, new_writer, start
from aura_logging.resilience.forks import fork_guard, tell_after_fork

__all__ = ["Writer", "Writers"]


_numbers = itertools.count()

_MOST_IN_A_TRANSACTION = 256
"""PostgreSQL looks at every version of a row that the transaction has made: a long one goes on with another head."""


class Writer:
    """One chain in one database: `head` is the last entry that is known to be committed."""

    __slots__ = ("database", "guard", "head", "in_doubt_on", "in_transaction")

    def __init__(self, head: Head, database: tuple[str, ...], guard: Any) -> None:
        self.head = head
        self.database = database
        self.guard = guard
        self.in_doubt_on: Any = None  # the driver's connection on which something of ours is not committed yet
        self.in_transaction = 0  # how many entries that are


class _Committed:
    """Waits among the transaction's `on_commit` callbacks; as long as it is there, its head may still become true."""

    __slots__ = ("_connection", "head", "writer")

    def __init__(self, writer: Writer, head: Head, connection: Any) -> None:
        self.writer = writer
        self.head = head
        self._connection = connection

    __qualname__ = "aura_logging.audit"  # Django names a callback by this when it fails

    def __call__(self) -> None:
        if self._connection.in_atomic_block:
            return  # a test runs callbacks of a transaction that will be rolled back
        self.writer.head = self.head
        self.writer.in_doubt_on = None


class Writers:
    """Lends every connection a writer's chain, and hears which of its entries came to stay.

    A connection keeps its writer as long as it lives: connections are closed between requests, and a chain of its own
    for each request would make checkpoints long. Django drops the callbacks of what was rolled back, to a savepoint
    too, so the last of ours that is left among them tells where the chain ends. Where that cannot be told the writer
    is left alone for ever, and another begins: after a connection lost in mid-transaction, in manual transaction
    management, and in a test case's transaction that never ends.
    """

    def __init__(self) -> None:
        # Of each store of the process its own: settings may change, and a command reads another database.
        self._attribute = f"_aura_audit_writer_{next(_numbers)}"
        self._idle: dict[tuple[str, ...], list[Head]] = {}
        self._lock = threading.Lock()
        self._guard = fork_guard()
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin new chains: the parent goes on with its own."""
        self._idle = {}
        self._lock = threading.Lock()
        self._guard = fork_guard()

    def head(self, connection: Any) -> Head:
        """Return the head that the next entry of this connection follows."""
        if _is_manual(connection):
            return start(new_writer())
        return self._head(connection, self._writer(connection))

    def extended(self, connection: Any, head: Head) -> None:
        """Take note that an entry was written behind the head; whether it stays is for the transaction to say."""
        if _is_manual(connection):
            return
        writer = self._writer(connection)
        if _never_commits(connection):
            self._heads_by_scope(connection)[tuple(connection.savepoint_ids)] = head
        elif connection.in_atomic_block:
            writer.in_doubt_on = connection.connection
            writer.in_transaction += 1
            _put_in_front(connection, _Committed(writer, head, connection))
        else:
            writer.head = head
            writer.in_doubt_on = None

    def forget(self, connection: Any) -> None:
        """Begin another chain with the connection's next entry: nobody knows what became of the last one."""
        connection.__dict__.pop(self._attribute, None)
        connection.__dict__.pop(self._attribute + "_scopes", None)

    def begin(self, connection: Any) -> None:
        """Begin another chain with the connection's next entry, and no other connection's."""
        self.forget(connection)
        connection.__dict__[self._attribute] = Writer(start(new_writer()), _database(connection), self._guard)

    def release(self, connection: Any) -> None:
        """Lend the connection's chain to others, if the connection is in no transaction."""
        writer: Writer | None = connection.__dict__.get(self._attribute)
        if writer is None or connection.in_atomic_block or writer.guard is not self._guard:
            return
        if writer.in_doubt_on is None or writer.in_doubt_on is connection.connection:
            with self._lock:
                self._idle.setdefault(writer.database, []).append(writer.head)
        self.forget(connection)

    def _writer(self, connection: Any) -> Writer:
        if not self._guard[0]:  # forked by somebody who runs no hooks
            self.after_fork_in_child()
        writer: Writer | None = connection.__dict__.get(self._attribute)
        database = _database(connection)
        if writer is None or writer.guard is not self._guard or writer.database != database:
            with self._lock:
                idle = self._idle.get(database)
                head = idle.pop() if idle else start(new_writer())
            writer = Writer(head, database, self._guard)
            connection.__dict__[self._attribute] = writer
            connection.__dict__.pop(self._attribute + "_scopes", None)
        return writer

    def _heads_by_scope(self, connection: Any) -> dict[tuple[Any, ...], Head]:
        """Return the heads of a test case's transaction, one for each state of its savepoints.

        What is rolled back goes with all the entries of its chain, and no savepoint's name is used again.
        """
        name, block = self._attribute + "_scopes", connection.atomic_blocks[0]
        found, guard, heads = connection.__dict__.get(name, (None, None, {}))
        if found is not block or guard is not self._guard:
            heads = {}
            connection.__dict__[name] = (block, self._guard, heads)
        kept: dict[tuple[Any, ...], Head] = heads
        return kept

    def _head(self, connection: Any, writer: Writer) -> Head:
        if _never_commits(connection):
            return self._heads_by_scope(connection).get(tuple(connection.savepoint_ids)) or start(new_writer())
        if writer.in_doubt_on is None:
            writer.in_transaction = 0
            return writer.head
        last = _last_of(writer, connection)
        if last is not None:
            if writer.in_transaction < _MOST_IN_A_TRANSACTION:
                return last.head
            self.begin(connection)
            return self.head(connection)
        # Rolled back for certain, unless the connection went away: then the COMMIT may have arrived, or not.
        if writer.in_doubt_on is not connection.connection:
            self.forget(connection)
            return self.head(connection)
        writer.in_doubt_on = None
        return writer.head


def _put_in_front(connection: Any, committed: _Committed) -> None:
    """Have ours run before the application's callbacks, which may record themselves, and the last of ours first seen.

    In place of the one before if that lives and dies with the same savepoints: a long transaction keeps few.
    """
    callbacks = connection.run_on_commit
    count = _count(callbacks)
    connection.on_commit(committed)
    mine = callbacks.pop()
    if count and callbacks[count - 1][0] == mine[0] and callbacks[count - 1][1].writer is committed.writer:
        callbacks[count - 1] = mine
    else:
        callbacks.insert(count, mine)


def _last_of(writer: Writer, connection: Any) -> _Committed | None:
    callbacks = connection.run_on_commit
    for place in range(_count(callbacks) - 1, -1, -1):
        committed: _Committed = callbacks[place][1]
        if committed.writer is writer:  # and not that of another store in the same transaction
            return committed
    return None


def _count(callbacks: list[Any]) -> int:
    """Return how many of ours there are, all of them in front; by halves, for a transaction may have thousands."""
    low, high = 0, len(callbacks)
    while low < high:
        middle = (low + high) // 2
        if type(callbacks[middle][1]) is _Committed:
            low = middle + 1
        else:
            high = middle
    return low


def _is_manual(connection: Any) -> bool:
    """Tell whether the application commits by itself, when nobody hears what came of it."""
    return not (connection.commit_on_exit if connection.in_atomic_block else connection.get_autocommit())


def _database(connection: Any) -> tuple[str, ...]:
    # Tests, and tenants, give an alias another database in mid-life.
    settings = connection.settings_dict
    return connection.alias, str(settings["NAME"]), settings["HOST"], str(settings["PORT"])


def _never_commits(connection: Any) -> bool:
    """Tell whether this is a `TestCase`: its transaction ends in a rollback, and it counts `on_commit` callbacks."""
    blocks = connection.atomic_blocks
    return bool(blocks) and getattr(blocks[0], "_from_testcase", False)

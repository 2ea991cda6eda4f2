"""Put a change and its entry into one transaction, without asking more of the database than the change alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import transaction

from aura_logging.django.tracking.unobserved import unobserved

__all__ = ["lock_before_reading", "one_transaction"]


def one_transaction(connection: Any) -> AbstractContextManager[Any]:
    """Return a block of one transaction: the one that is open, or one of its own where each statement has its own."""
    if connection.in_atomic_block or not connection.get_autocommit():
        return nullcontext()
    if connection.vendor == "sqlite":
        return _immediately(connection)
    return transaction.atomic(using=connection.alias, savepoint=False)


@contextmanager
def _immediately(connection: Any) -> Iterator[None]:
    """Begin with the lock for writing.

    A transaction that reads first and then wants to write is refused at once (SQLITE_BUSY_SNAPSHOT) when another has
    written in between, where the application's single statement would have waited for its turn.
    """
    before = connection.transaction_mode
    connection.transaction_mode = "IMMEDIATE"
    block = transaction.atomic(using=connection.alias, savepoint=False)
    try:
        block.__enter__()
    finally:
        connection.transaction_mode = before
    try:
        yield
    except BaseException as error:
        block.__exit__(type(error), error, error.__traceback__)
        raise
    else:
        block.__exit__(None, None, None)


def lock_before_reading(connection: Any, table: str) -> None:
    """Take SQLite's lock for writing before we read in a transaction that the application has opened (see above)."""
    if connection.vendor == "sqlite" and connection.transaction_mode is None and connection.in_atomic_block:
        with unobserved(), connection.cursor() as cursor:
            quote = connection.ops.quote_name
            cursor.execute(f"DELETE FROM {quote(table)} WHERE 0")  # noqa: S608  # a name of ours

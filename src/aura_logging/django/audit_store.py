"""Keep the audit trail in the project's database, each entry in the transaction of what it tells of."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, cast

from django.db import DatabaseError, IntegrityError, connections, router, transaction
from django.db.models import Max, Q

from aura_logging.audit.canonical import canonical
from aura_logging.audit.chain import Head, Link, extend
from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import Question
from aura_logging.audit.signed_head import SignedHead
from aura_logging.audit.stores.base import EVERYTHING, AuditError, CheckpointConflictError, Entry, EntryFilter
from aura_logging.audit.tombstones import Tombstone
from aura_logging.django.audit_columns import COLUMNS, contradiction, time_for_settings
from aura_logging.django.audit_insertion import LINK_COLUMNS, insert
from aura_logging.django.audit_writers import Writers
from aura_logging.django.tracking.transactions import one_transaction
from aura_logging.health import Health, Status

__all__ = ["DatabaseAuditStore", "in_database"]

_BATCH = 2_000
_NO_CHECKPOINT = Checkpoint(0, 0.0, b"", 0, b"", (), "", b"")

_alias: ContextVar[str | None] = ContextVar("aura_logging_audit_alias", default=None)


@contextlib.contextmanager
def in_database(alias: str) -> Iterator[None]:
    """Have what is recorded in the block go to this database: where the change is that it tells of."""
    token = _alias.set(alias)
    try:
        yield
    finally:
        _alias.reset(token)


class DatabaseAuditStore:
    """An `AuditStore` in the tables of the app `aura`.

    `append` writes to the database that `in_database` says, by default to the one that the routers give for
    `AuditEntry`; everything else is about `using`, or that same one. In a transaction an entry is as durable as the
    transaction: both or neither. Without one it is durable on return. `keeps_transaction` leaves the transaction as it
    was when an entry cannot be written, for a trail that journals it then. Entries of a connection form a chain (see
    `Writers`). Any thread, any process; not from a coroutine, which is so with all of Django's databases
    (`SynchronousOnlyOperation`).
    """

    def __init__(self, keys: KeyRing, using: str | None = None, *, keeps_transaction: bool = False) -> None:
        self.keys = keys
        self._using = using
        self._keeps_transaction = keeps_transaction
        self._writers = Writers()
        self._lock = threading.Lock()
        self._accepted = 0
        self._failed = 0
        self._last_failure = ""

    @property
    def alias(self) -> str:
        """The database that everything but `append` is about."""
        from aura_logging.django.models import AuditEntry

        return self._using or router.db_for_write(AuditEntry)

    def append(self, event: AuditEvent) -> Entry:
        """Write the event behind the last entry of this connection's chain; `AuditError` if it cannot be."""
        connection = cast(Any, connections[_alias.get() or self.alias])
        event_bytes = canonical(event)
        try:
            if self._keeps_transaction and connection.in_atomic_block:
                with transaction.atomic(using=connection.alias):
                    link = self._put_behind_the_last(connection, event_bytes)
            elif connection.vendor == "postgresql":  # one statement
                link = self._put_behind_the_last(connection, event_bytes)
            else:
                with one_transaction(connection):
                    link = self._put_behind_the_last(connection, event_bytes)
            self._writers.extended(connection, Head(link.writer, link.seq, link.mac))
        except DatabaseError as error:
            self._writers.forget(connection)
            self._failed += 1
            self._last_failure = f"{type(error).__name__}: {error}"
            if connection.in_atomic_block and not self._keeps_transaction:
                connection.needs_rollback = True
            raise AuditError(
                f"The audit entry {event.action!r} could not be written to the database {connection.alias!r}, so what "
                f"it tells of is not done either. {_advice(error)}"
            ) from error
        self._accepted += 1
        self._last_failure = ""
        return Entry(event_bytes, link)

    def release(self) -> None:
        """Let other connections go on with the chains of this thread's, as far as these are in no transaction."""
        for connection in connections.all(initialized_only=True):
            self._writers.release(connection)

    def heads(self) -> Mapping[str, int]:
        """Return the names of all writers that have entries here, each with the number of its last one."""
        from aura_logging.django.models import AuditHead

        with self._reading():
            return dict(AuditHead.objects.using(self.alias).order_by("writer").values_list("writer", "seq"))

    def signed_heads(self, writer: str | None = None) -> Mapping[str, SignedHead]:
        """Return the signed ends of the chains here; each was written in the transaction of its entry."""
        from aura_logging.django.models import AuditHead

        rows = AuditHead.objects.using(self.alias).order_by("writer")
        with self._reading():
            found = self._raw(
                (rows if writer is None else rows.filter(writer=writer)).values_list(
                    "writer", "seq", "mac", "key_id", "signature"
                )
            )
        return {row[0]: _head(row) for row in found}

    def entries(
        self, writer: str | None = None, after_seq: int = 0, where: EntryFilter = EVERYTHING
    ) -> Iterator[Entry]:
        """Yield entries writer by writer, each writer's by number; streams, by pages of the index."""
        rows = self._rows().filter(_condition(where))
        # A list that was read names its objects within the event, where no index finds them.
        question = Question(where) if where.object_id is not None else None
        if writer is not None:
            rows = rows.filter(writer=writer)
        if after_seq:
            rows = rows.filter(seq__gt=after_seq)
        page = rows.order_by("writer", "seq").values_list(*COLUMNS, *LINK_COLUMNS)
        beyond = Q()
        while True:
            with self._reading():
                found = self._raw(page.filter(beyond)[:_BATCH])
            for row in found:
                entry = _entry(row)
                if question is None or question.fits(entry.event_bytes):
                    yield entry
            if len(found) < _BATCH:
                return
            last_writer, last_seq = found[-1][len(COLUMNS) + 1 : len(COLUMNS) + 3]
            beyond = Q(writer=last_writer, seq__gt=last_seq) | Q(writer__gt=last_writer)

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Yield the checkpoints behind number `after`, in order; what is none any more, with an empty `mac`."""
        from aura_logging.django.models import AuditCheckpoint

        with self._reading():
            kept = AuditCheckpoint.objects.using(self.alias).filter(number__gt=after).order_by("number")
            bodies = list(kept.values_list("number", "body"))
        for number, body in bodies:
            try:
                checkpoint = Checkpoint.parse(body)
            except ValueError:
                checkpoint = _NO_CHECKPOINT
            if checkpoint.number != number:
                checkpoint = dataclasses.replace(_NO_CHECKPOINT, number=number)
            yield checkpoint

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; `CheckpointConflictError` unless its number follows that of the last one."""
        from aura_logging.django.models import AuditCheckpoint

        numbers = AuditCheckpoint.objects.using(self.alias)
        try:
            with self._reading(), transaction.atomic(using=self.alias):
                last = numbers.aggregate(last=Max("number"))["last"] or 0
                if checkpoint.number != last + 1:
                    raise CheckpointConflictError(
                        f"checkpoint {checkpoint.number} does not follow {last}, which is there"
                    )
                numbers.create(number=checkpoint.number, body=checkpoint.as_json().decode())
        except IntegrityError as error:
            raise CheckpointConflictError(f"checkpoint {checkpoint.number} is there already") from error

    def tombstones(self, writer: str | None = None) -> Iterator[Tombstone]:
        """Yield what stands in the place of purged entries, in order of writer and number."""
        from aura_logging.django.models import AuditTombstone

        stones = AuditTombstone.objects.using(self.alias).order_by("writer", "first")
        with self._reading():
            bodies = list((stones if writer is None else stones.filter(writer=writer)).values_list("writer", "body"))
        for name, body in bodies:
            yield _parsed(Tombstone.parse, body, f"tombstone of {name}")

    def purge(self, tombstones: Sequence[Tombstone]) -> int:
        """Put the tombstones in the place of what they cover, in one transaction; return how many entries went."""
        from aura_logging.django.models import AuditTombstone

        gone = 0
        with self._reading(), transaction.atomic(using=self.alias):
            for stone in tombstones:
                covered = {"writer": stone.writer, "first__gte": stone.first, "last__lte": stone.last}
                kept = AuditTombstone.objects.using(self.alias)
                kept.filter(**covered).delete()
                kept.create(writer=stone.writer, first=stone.first, last=stone.last, body=stone.as_json().decode())
                doomed = self._rows().filter(writer=stone.writer, seq__gte=stone.first, seq__lte=stone.last)
                # The entries' own QuerySet refuses; this is the one place that may.
                gone += doomed._raw_delete(self.alias)
        return gone

    def holds(self) -> Sequence[Hold]:
        """Return the legal holds in force."""
        from aura_logging.django.models import AuditHold

        with self._reading():
            bodies = list(AuditHold.objects.using(self.alias).order_by("name").values_list("name", "body"))
        return [_parsed(Hold.parse, body, f"hold {name!r}") for name, body in bodies]

    def add_hold(self, hold: Hold) -> None:
        """Put a hold in force; one of the same name is replaced."""
        from aura_logging.django.models import AuditHold

        with self._reading():
            AuditHold.objects.using(self.alias).update_or_create(
                name=hold.name, defaults={"body": hold.as_json().decode()}
            )

    def lift_hold(self, name: str) -> bool:
        """Take a hold out of force; false if there is none of that name."""
        from aura_logging.django.models import AuditHold

        with self._reading():
            return AuditHold.objects.using(self.alias).filter(name=name).delete()[0] > 0

    def health(self) -> Health:
        """Return the state as of the last call, without touching the store."""
        status = Status.UNHEALTHY if self._last_failure else Status.HEALTHY
        return Health(status, self._last_failure, accepted=self._accepted, facts={"failed": self._failed})

    def close(self) -> None:
        """Leave the connections to Django, whose they are."""

    def _rows(self) -> Any:
        from aura_logging.django.models import AuditEntry

        return AuditEntry.objects.using(self.alias)

    def _put_behind_the_last(self, connection: Any, event_bytes: bytes) -> Link:
        link = extend(self._writers.head(connection), event_bytes, self.keys)
        while not insert(connection, event_bytes, link, self.keys):
            # The last entry was rolled back where nobody heard of it (to a savepoint that is no `atomic` block, by the
            # application's own SQL), or somebody has been at the head. Either way nothing can follow it.
            self._writers.begin(connection)
            link = extend(self._writers.head(connection), event_bytes, self.keys)
        return link

    def _raw(self, rows: Any) -> list[tuple[Any, ...]]:
        """Return rows as the driver gives them: what somebody broke must not raise in a field's converter."""
        sql, parameters = rows.query.get_compiler(self.alias).as_sql()
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DatabaseError as error:
            raise AuditError(
                f"The audit trail in the database {self.alias!r} cannot be used. {_advice(error)}"
            ) from error


def _head(row: tuple[Any, ...]) -> SignedHead:
    writer, seq, mac, key_id, signature = row
    try:
        return SignedHead(writer, seq, bytes(mac), key_id, bytes(signature))
    except TypeError:  # as below
        return SignedHead(str(writer), int(seq), b"", str(key_id), b"")


def _entry(row: tuple[Any, ...]) -> Entry:
    shown, (event, writer, seq, previous, mac, key_id) = row[: len(COLUMNS)], row[len(COLUMNS) :]
    try:
        event_bytes = bytes(event)
        link = Link(writer, seq, bytes(previous), bytes(mac), key_id)
    except TypeError:  # SQLite lets a text stand in a column for bytes
        return Entry(
            b"", Link(str(writer), int(seq), b"", b"", str(key_id)), "its signature is not a sequence of bytes"
        )
    return Entry(event_bytes, link, contradiction(shown, event_bytes))


def _parsed(parse: Any, body: str, what: str) -> Any:
    try:
        return parse(body)
    except ValueError as error:
        raise AuditError(f"The {what} is damaged: {error}") from error


def _condition(where: EntryFilter) -> Q:
    wanted: dict[str, Any] = {
        "object_type": where.object_type,
        "object_id__in": None if where.object_id is None else (where.object_id, ""),
        "actor": where.actor_id,
        "subject": where.subject,
        "event_class": where.event_class,
        "action": where.action,
        "timestamp__gte": None if where.since is None else time_for_settings(datetime.fromtimestamp(where.since, UTC)),
        "timestamp__lt": None if where.until is None else time_for_settings(datetime.fromtimestamp(where.until, UTC)),
    }
    return Q(**{name: value for name, value in wanted.items() if value is not None})


def _advice(error: Exception) -> str:
    text = str(error)
    if "no such table" in text or "does not exist" in text or "doesn't exist" in text:
        return f"Its tables are missing; run `manage.py migrate aura`. ({text.strip()})"
    return text.strip()

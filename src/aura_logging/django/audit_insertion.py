"""Write an entry and the head of its chain, both or neither."""

from __future__ import annotations

import functools
from typing import Any, cast

from django.db import connections

from aura_logging.audit.chain import Link
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.signed_head import sign_head
from aura_logging.django.audit_columns import COLUMNS, columns_of, time_for_settings
from aura_logging.django.tracking.unobserved import unobserved

__all__ = ["LINK_COLUMNS", "insert"]

LINK_COLUMNS = ("event", "writer", "seq", "previous", "mac", "key_id")
"""The columns of `AuditEntry` that are verified."""


def insert(connection: Any, event_bytes: bytes, link: Link, keys: KeyRing) -> bool:
    """Write an entry and the head of its chain; false, and nothing is written, if the head there is another."""
    head = sign_head(link, keys)
    place: tuple[object, ...] = (link.seq, link.mac, head.key_id, head.signature, link.writer)
    values = _adapted(connection, columns_of(event_bytes))
    entry = (*values, event_bytes, link.writer, link.seq, link.previous, link.mac, link.key_id)
    if link.seq > 1:
        place = (*place, link.seq - 1)
    statements = _insertion(connection.vendor, is_first=link.seq == 1)
    with unobserved(), connection.cursor() as cursor:
        if len(statements) == 1:
            cursor.execute(statements[0], (*place, *entry))
            return bool(cursor.rowcount)
        cursor.execute(statements[0], place)
        if not cursor.rowcount:
            return False
        cursor.execute(statements[1], entry)
    return True


@functools.cache
def _insertion(vendor: str, *, is_first: bool) -> tuple[str, ...]:
    """Return what writes the head of a chain and its next entry: on PostgreSQL in one statement."""
    from aura_logging.django.models import AuditEntry, AuditHead

    quote = next(each for each in connections.all() if each.vendor == vendor).ops.quote_name
    fields = {field.name: field.column for field in AuditEntry._meta.concrete_fields}
    names = [quote(cast(str, fields[name])) for name in (*COLUMNS, *LINK_COLUMNS)]  # every one has a column
    marks = ", ".join(["%s"] * len(names))
    into, heads = (
        f"INSERT INTO {quote(AuditEntry._meta.db_table)} ({', '.join(names)})",
        quote(AuditHead._meta.db_table),
    )
    seq, mac, key_id, signature, writer = map(quote, ("seq", "mac", "key_id", "signature", "writer"))
    head = (
        f"INSERT INTO {heads} ({seq}, {mac}, {key_id}, {signature}, {writer}) VALUES (%s, %s, %s, %s, %s)"  # noqa: S608  # names of our own
        if is_first
        else f"UPDATE {heads} SET {seq} = %s, {mac} = %s, {key_id} = %s, {signature} = %s "  # noqa: S608  # as above
        f"WHERE {writer} = %s AND {seq} = %s"
    )
    if vendor != "postgresql":
        return head, f"{into} VALUES ({marks})"
    return (f"WITH head AS ({head} RETURNING 1) {into} SELECT {marks} FROM head",)  # noqa: S608  # as above


def _adapted(connection: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the columns as the driver wants them; time and changes are the two that are no text."""
    moment, changes = values[0], values[1]
    return (
        connection.ops.adapt_datetimefield_value(time_for_settings(moment)),
        connection.ops.adapt_json_value(changes, None),
        *values[2:],
    )

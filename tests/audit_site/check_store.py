"""The database keeps the promises of every audit store, and what somebody does to its tables is seen."""

from __future__ import annotations

import os
import threading

import pytest
from clinic.models import Note
from django.db import connection, connections, transaction

from aura_logging.audit import AuditError, AuditEvent
from aura_logging.audit.stores.contract import KEYS, AuditStoreContract
from aura_logging.django.audit_store import DatabaseAuditStore
from aura_logging.django.models import AuditCheckpoint, AuditEntry, AuditHead, AuditHold, AuditTombstone
from aura_logging.health import Status


class Store(DatabaseAuditStore):
    """Closes the connections of the contract's threads, as whatever runs threads has to."""

    def append(self, event):
        try:
            return super().append(event)
        finally:
            if threading.current_thread() is not threading.main_thread():
                self.release()
                connections.close_all()


def empty(alias: str) -> None:
    for model in (AuditEntry, AuditHead, AuditCheckpoint, AuditTombstone, AuditHold):
        model._base_manager.using(alias).all()._raw_delete(alias)


class TestDatabaseAuditStore(AuditStoreContract):
    @pytest.fixture
    def store(self, monkeypatch):
        fork = os.fork
        # Django's connections are not for two processes; who forks closes them first.
        monkeypatch.setattr(os, "fork", lambda: (connections.close_all(), fork())[1])
        empty("archive")
        yield Store(KEYS, "archive")
        empty("archive")

    def open_again(self, store):
        return Store(KEYS, "archive")


@pytest.fixture
def undone():
    """Undo what the check does to the trail."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def tampered(sql: str, *parameters) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "nothing"), ("actor", "7"), ("object_id", "8"), ("changes", '{"text": [null, "innocent"]}'),
        ("timestamp", "2020-01-01 00:00:00"), ("outcome", "failure"), ("client_ip", "192.0.2.1"),
        ("subject", "somebody"), ("reason", "none"), ("correlation_id", "x"), ("actor_label", "root"),
        ("event_class", "other"), ("object_type", "clinic.Other"), ("object_label", "x"), ("actor_kind", "user"),
        ("writer", "somebody"), ("seq", 1_000_000), ("key_id", "other"),
    ],
)  # fmt: skip
def test_an_edited_column_is_seen(column, value, news, whole, undone):
    Note.objects.create(text="guilty")
    (entry,) = news()
    assert whole().is_whole

    tampered(f"UPDATE aura_auditentry SET {column} = %s WHERE id = %s", value, entry.pk)

    outcome = whole()
    assert not outcome.is_whole
    if column not in ("writer", "seq", "key_id"):
        assert (outcome.first.writer, outcome.first.seq, outcome.first.kind) == (entry.writer, entry.seq, "edited")


@pytest.mark.parametrize("column", ["event", "mac", "previous"])
def test_a_flipped_bit_is_seen(column, news, whole, undone):
    Note.objects.create(text="guilty")
    (entry,) = news()
    flipped = bytearray(getattr(entry, column))
    flipped[len(flipped) // 2] ^= 1

    tampered(f"UPDATE aura_auditentry SET {column} = %s WHERE id = %s", bytes(flipped), entry.pk)

    assert (whole().first.writer, whole().first.seq) == (entry.writer, entry.seq)


def test_a_deleted_entry_is_seen(news, whole, undone):
    for number in range(3):
        Note.objects.create(text=str(number))

    tampered("DELETE FROM aura_auditentry WHERE id = %s", news()[1].pk)

    assert whole().first.kind == "deleted"


@pytest.mark.parametrize("how", ["entry", "entry and head", "head put back", "head", "every trace"])
def test_the_last_entry_is_missed_though_nothing_has_sealed_it(how, news, whole, undone):
    first, last = Note(text="innocent"), Note(text="guilty")
    first.save()
    head = AuditHead.objects.get(writer=news()[0].writer)
    last.save()
    entry = news()[-1]
    assert head.seq == entry.seq - 1

    if how != "head":
        tampered("DELETE FROM aura_auditentry WHERE id = %s", entry.pk)
    if how in ("entry and head", "head"):
        tampered("DELETE FROM aura_audithead WHERE writer = %s", entry.writer)
    elif how == "head put back":  # without the signature, which is nowhere any more
        tampered("UPDATE aura_audithead SET seq = %s, mac = %s WHERE writer = %s", head.seq, head.mac, entry.writer)
    elif how == "every trace":  # as docs/audit.md says: somebody who has kept the signed head of before
        tampered(
            "UPDATE aura_audithead SET seq = %s, mac = %s, signature = %s WHERE writer = %s",
            head.seq, head.mac, head.signature, entry.writer,
        )  # fmt: skip

    outcome = whole()
    if how == "every trace":
        assert outcome.is_whole
    else:
        assert outcome.first.writer == entry.writer
        assert outcome.first.kind == ("truncated" if how == "entry" else "end mismatch")


def test_a_head_that_stands_behind_its_chain_is_seen(news, whole, undone):
    Note.objects.create(text="one")
    head = AuditHead.objects.get(writer=news()[0].writer)
    Note.objects.create(text="two")

    tampered(
        "UPDATE aura_audithead SET seq = %s, mac = %s, signature = %s WHERE writer = %s",
        head.seq, head.mac, head.signature, head.writer,
    )  # fmt: skip

    assert (whole().first.kind, whole().first.detail.partition(":")[2]) == ("end mismatch", " it was put back")


def test_what_is_no_json_any_more_is_seen_and_does_not_stop_the_verification(news, whole, undone):
    Note.objects.create(text="guilty")
    (entry,) = news()

    tampered("UPDATE aura_auditentry SET event = %s WHERE id = %s", b"not json", entry.pk)

    assert whole().first.seq == entry.seq


def test_texts_that_databases_do_not_take_are_told_all_the_same(news, whole):
    Note.objects.create(text="smile \U0001f600, quotes ' \" \\, <b>")
    from aura_logging.audit import record

    record("odd", ("x" * 500, "y\x00z"), changes={"a\x00": ("\ud800", float("inf"))}, reason="n\x00ul", big=2**70)

    assert news()[-1].reason == "n\ufffdul"
    assert whole().is_whole


def test_entries_cannot_be_made_changed_or_removed_through_the_model(news):
    Note.objects.create(text="kept")
    (entry,) = news()

    for attempt in (
        entry.save, entry.delete, AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(actor="x"),
        lambda: AuditEntry.objects.create(), lambda: AuditEntry.objects.bulk_create([entry]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="aura_audit purge"):
            attempt()

    assert len(news()) == 1


def test_without_its_tables_the_error_says_what_to_do(undone):
    tampered("ALTER TABLE aura_auditentry RENAME TO gone")

    with pytest.raises(AuditError, match=r"run `manage\.py migrate aura`"):
        Note.objects.create(text="lost")


def test_a_store_that_can_be_written_again_is_healthy_again():
    store = DatabaseAuditStore(KEYS, "archive")
    with transaction.atomic(using="archive"):
        with connections["archive"].cursor() as cursor:
            cursor.execute("ALTER TABLE aura_audithead RENAME TO gone")
        with pytest.raises(AuditError):
            store.append(AuditEvent(action="lost"))
        assert store.health().status is Status.UNHEALTHY
        transaction.set_rollback(True, using="archive")

    with transaction.atomic(using="archive"):
        store.append(AuditEvent(action="kept"))
        transaction.set_rollback(True, using="archive")

    assert store.health().status is Status.HEALTHY


def test_there_is_no_migration_missing():
    from django.core.management import call_command

    call_command("makemigrations", "aura", check=True, dry_run=True, verbosity=0)

"""A subject's key gone, nobody reads what was said about the subject, and the trail still verifies."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aura_logging.audit.canonical import parse
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.export import as_csv, as_jsonl
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EntryFilter
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.shredding import SubjectCipher
from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.subject_keys import FileSubjectKeys
from aura_logging.audit.trail import Trail
from aura_logging.audit.verify import verify

MakeEvent = Callable[..., AuditEvent]


@pytest.fixture
def cipher(tmp_path: Path) -> SubjectCipher:
    return SubjectCipher(FileSubjectKeys(tmp_path / "subject-keys"))


@pytest.fixture
def trail(keys: KeyRing, cipher: SubjectCipher) -> Trail:
    return Trail(MemoryAuditStore(keys, "a"), cipher=cipher)


def record(trail: Trail, subject: str) -> AuditEvent:
    entry = trail.record(
        "patient.changed",
        ("clinic.patient", 42, "Jane Roe"),
        {"diagnosis": (None, "J45.0")},
        reason="ward round",
        subject=subject,
        ward="B",
    )
    assert entry is not None
    return parse(entry.event_bytes)


def test_what_is_said_about_a_subject_is_not_in_the_trail_in_clear(trail: Trail) -> None:
    record(trail, "patient:42")

    (entry,) = trail.store.entries()

    for word in (b"J45", b"diagnosis", b"Jane", b"ward"):
        assert word not in entry.event_bytes


def test_it_is_read_back_while_the_key_is_there(trail: Trail, cipher: SubjectCipher) -> None:
    opened = cipher.open(record(trail, "patient:42"))

    assert opened.changes == {"diagnosis": (None, "J45.0")}
    assert (opened.object_label, opened.reason, opened.extra) == ("Jane Roe", "ward round", {"ward": "B"})
    assert opened.sealed == ""


def test_with_the_key_gone_it_is_lost_and_the_trail_is_whole(
    trail: Trail, cipher: SubjectCipher, keys: KeyRing
) -> None:
    event, other = record(trail, "patient:42"), record(trail, "patient:43")
    Sealer(trail.store, keys).seal()

    assert cipher.keys.erase("patient:42") is True
    assert cipher.keys.erase("patient:42") is False

    assert cipher.open(event) == event
    assert cipher.open(event).sealed
    assert cipher.open(other).changes
    outcome = verify(trail.store, keys)
    assert (outcome.damages, outcome.entries) == ((), 2)
    (still_told,) = trail.store.entries(where=EntryFilter(subject="patient:42"))
    assert parse(still_told.event_bytes).action == "patient.changed"


def test_an_event_after_the_erasure_gets_another_key(trail: Trail, cipher: SubjectCipher) -> None:
    before = record(trail, "patient:42")
    cipher.keys.erase("patient:42")
    after = record(trail, "patient:42")

    assert cipher.open(after).changes
    with pytest.raises(AuditError, match="not sealed under the key of its subject"):
        cipher.open(before)


def test_a_ciphertext_cannot_be_moved_to_another_event(trail: Trail, cipher: SubjectCipher) -> None:
    first, second = record(trail, "patient:42"), record(trail, "patient:42")

    with pytest.raises(AuditError):
        cipher.open(replace(first, sealed=second.sealed))
    with pytest.raises(AuditError):
        cipher.open(replace(first, sealed="?"))


def test_events_without_a_subject_are_left_in_clear(trail: Trail) -> None:
    entry = trail.record("x", note="hello")

    assert entry is not None
    assert parse(entry.event_bytes).extra == {"note": "hello"}


def test_secrets_are_scrubbed_before_they_are_encrypted(trail: Trail, cipher: SubjectCipher) -> None:
    entry = trail.record("x", subject="patient:42", password="hunter2")

    assert entry is not None
    assert cipher.open(parse(entry.event_bytes)).extra == {"password": "[REDACTED:secret]"}


def test_an_export_opens_what_can_be_opened(trail: Trail, cipher: SubjectCipher) -> None:
    record(trail, "patient:42")
    record(trail, "patient:43")
    cipher.keys.erase("patient:42")

    _, shredded, opened = as_csv(trail.store.entries(), cipher)
    lines = list(as_jsonl(trail.store.entries(), cipher))

    assert "[sealed]" in shredded
    assert "J45.0" in opened
    assert b"J45.0" not in lines[0]
    assert b"J45.0" in lines[1]


class TestKeysInFiles:
    def test_a_key_is_made_once_and_for_its_owner_only(self, tmp_path: Path) -> None:
        keys = FileSubjectKeys(tmp_path / "keys")

        made = keys.make_key("patient:42")

        assert keys.make_key("patient:42") == made == FileSubjectKeys(tmp_path / "keys").key("patient:42")
        assert len(made) == 32
        (path,) = (tmp_path / "keys").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_subject_that_was_never_seen_has_none(self, tmp_path: Path) -> None:
        assert FileSubjectKeys(tmp_path / "keys").key("nobody") is None

    def test_an_erasure_that_was_killed_half_way_has_erased(self, tmp_path: Path) -> None:
        keys = FileSubjectKeys(tmp_path)
        made = keys.make_key("patient:42")
        (path,) = tmp_path.iterdir()
        path.write_bytes(bytes(32))

        assert keys.key("patient:42") is None
        assert keys.make_key("patient:42") != made
        assert keys.key("patient:42") == keys.make_key("patient:42")

    def test_processes_that_make_a_key_at_once_have_the_same(self, tmp_path: Path) -> None:
        keys = FileSubjectKeys(tmp_path)
        readers = []
        for _ in range(4):
            read, write = os.pipe()
            if os.fork() == 0:
                os.write(write, keys.make_key("patient:42"))
                os._exit(0)
            os.close(write)
            readers.append(read)

        made = {os.read(read, 32) for read in readers}
        for read in readers:
            os.close(read)
            os.wait()

        assert made == {keys.key("patient:42")}

    def test_a_directory_that_cannot_be_used_is_an_audit_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        keys = FileSubjectKeys(tmp_path / "file" / "keys")

        with pytest.raises(AuditError, match="subject"):
            keys.make_key("patient:42")


WITHOUT = """
import sys
sys.modules["cryptography"] = None
import aura_logging.audit
from aura_logging.audit.shredding import SubjectCipher
try:
    SubjectCipher(None)
except ValueError as error:
    print(error)
"""


def test_without_cryptography_only_encryption_is_missing() -> None:
    outcome = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)

    assert outcome.stdout == 'encrypting by subject needs cryptography: pip install "aura-logging[audit]"\n'

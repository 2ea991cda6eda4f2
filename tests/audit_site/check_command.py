"""`manage.py aura_audit` tells the truth, in eighty columns, with the exit codes it promises."""

from __future__ import annotations

import csv
import io
import json

import pytest
from clinic.models import Note, Patient
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from aura_logging.audit import record
from aura_logging.django.models import AuditCheckpoint, AuditEntry, AuditHold


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def aura_audit(*arguments) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("aura_audit", *arguments, stdout=out, stderr=err)
    except SystemExit as error:
        code = error.code
    return Outcome(code, out.getvalue(), err.getvalue())


def narrow(text: str) -> bool:
    return max(map(len, text.splitlines())) <= 80


@pytest.fixture
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_verify_says_that_a_whole_trail_is_whole():
    Note.objects.create(text="x")

    outcome = aura_audit("verify", "--database", "default")

    assert outcome.code == 0
    assert "default: whole." in outcome.out
    assert narrow(outcome.out)


def test_verify_names_the_first_bad_entry(news, undone):
    Note.objects.create(text="guilty")
    (entry,) = news()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE aura_auditentry SET actor = 'nobody' WHERE id = %s", [entry.pk])

    outcome = aura_audit("verify", "--database", "default")
    as_json = json.loads(aura_audit("verify", "--database", "default", "--format", "json").out)

    assert outcome.code == 1
    assert "NOT WHOLE" in outcome.out
    assert f"edited: entry {entry.seq} of {entry.writer}" in " ".join(outcome.out.split())
    assert "the column actor says 'nobody'" in " ".join(outcome.out.split())
    assert as_json["default"]["whole"] is False
    assert as_json["default"]["damages"][0]["seq"] == entry.seq


def test_verify_looks_at_every_database():
    assert set(json.loads(aura_audit("verify", "--format", "json").out)) == {"default", "archive"}


def test_a_seal_that_was_kept_elsewhere_tells_of_a_cut_tail(tmp_path, news, undone):
    for number in range(3):
        Note.objects.create(text=str(number))
    sealed = aura_audit("checkpoint", "--database", "default", "--out", str(tmp_path / "seals"))
    assert sealed.code == 0
    assert json.loads(sealed.out)["number"] >= 1
    assert (tmp_path / "seals").read_text() == sealed.out
    assert aura_audit("verify", "--database", "default", "--seals", str(tmp_path / "seals")).code == 0
    last = news()[-1]

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM aura_auditentry WHERE id = %s", [last.pk])

    outcome = aura_audit("verify", "--database", "default", "--seals", str(tmp_path / "seals"))
    assert outcome.code == 1
    assert "truncated" in outcome.out


def test_report_tells_who_looked_at_a_patient(undone):
    from clinic.models import Account

    from aura_logging.audit import Actor
    from aura_logging.audit.actors import acting_as

    doctor = Account.objects.create_user("house")
    with acting_as(Actor("user", str(doctor.pk))):
        for _ in range(3):
            record("read", ("clinic.Patient", "4242"), event_class="access")
    with acting_as(Actor("task", "nightly")):
        record("update", ("clinic.Patient", "4242"), event_class="change")

    record("read_list", ("clinic.Patient", ""), event_class="access", object_ids=["4241", "4242"])

    outcome = aura_audit("report", "--object", "clinic.Patient:4242", "--since", "2026-01-01")
    accesses = aura_audit("report", "--object", "clinic.Patient:4242", "--class", "access")

    assert outcome.code == 0
    assert f"user {doctor.pk} house" in outcome.out
    assert "task nightly" in outcome.out
    assert "read 3" in accesses.out
    assert "read_list 1" in accesses.out
    assert "task nightly" not in accesses.out
    before = aura_audit("report", "--object", "clinic.Patient:4242", "--class", "access").err
    record("read_list", ("clinic.Patient", ""), event_class="access", rows=2000, object_ids=["1", "2"])
    after = aura_audit("report", "--object", "clinic.Patient:4242", "--class", "access").err
    assert before != after
    assert "further reads of lists do not name all" in after
    assert narrow(outcome.out)
    assert aura_audit("report", "--object", "clinic.Patient:0", "--until", "2020-01-01").out == ""


def test_export_writes_one_persons_data_and_is_recorded(tmp_path, news):
    patient = Patient.objects.create(name="Subject Ada")
    news.forget()
    path = tmp_path / "ada.jsonl"

    outcome = aura_audit("export", "--subject", "Subject Ada", "--out", str(path))

    (line,) = path.read_text().splitlines()
    assert json.loads(line)["event"]["object_id"] == str(patient.pk)
    assert outcome.err.strip() == "1 entries exported"
    (told,) = news()
    assert (told.action, told.event_class) == ("audit.exported", "administration")
    assert told.extra["criteria"] == {"subject": "Subject Ada"}
    rows = list(csv.DictReader(io.StringIO(aura_audit("export", "--subject", "Subject Ada", "--format", "csv").out)))
    assert [row["object_type"] for row in rows] == ["clinic.Patient"]
    with pytest.raises(CommandError, match="is there already"):
        aura_audit("export", "--out", str(path))


def test_purge_tells_first_and_then_does_it(news, whole, undone):
    Note.objects.create(text="old")
    record("seen", event_class="access")
    before = AuditEntry.objects.count()
    # Nothing is younger than no time at all, but what is kept for ever.
    planned = aura_audit("purge", "--database", "default", "--keep", "access=0.0000001", "--dry-run")
    assert "would go" in planned.out
    assert AuditEntry.objects.count() == before
    aura_audit("checkpoint", "--database", "default")

    done = aura_audit("purge", "--database", "default", "--keep", "access=0.0000001")

    assert done.code == 0
    assert not AuditEntry.objects.filter(event_class="access").exists()
    assert AuditEntry.objects.filter(event_class="change", object_type="clinic.Note").exists()
    assert AuditEntry.objects.filter(action="audit.purged").exists()
    outcome = whole()
    assert outcome.is_whole, outcome.first
    assert outcome.purged > 0


def test_a_hold_keeps_what_it_covers(undone):
    record("seen", ("clinic.Patient", "77"), event_class="access")
    placed = aura_audit(
        "hold", "--place", "case 12", "--reason", "litigation", "--object", "clinic.Patient:77", "--database", "default"
    )
    assert placed.code == 0
    aura_audit("checkpoint", "--database", "default")

    outcome = aura_audit("purge", "--database", "default", "--keep", "access=0.0000001")

    assert "held by 'case 12': 1" in outcome.out
    assert AuditEntry.objects.filter(event_class="access", object_id="77").exists()
    assert "case 12: litigation" in aura_audit("hold", "--database", "default").out
    assert aura_audit("hold", "--lift", "case 12", "--reason", "settled", "--database", "default").code == 0
    assert aura_audit("hold", "--lift", "case 12", "--reason", "settled", "--database", "default").code == 1


def test_a_hold_that_somebody_deleted_is_missed_and_stops_every_purge(undone):
    record("seen", ("clinic.Patient", "78"), event_class="access")
    aura_audit("hold", "--place", "case 13", "--reason", "litigation", "--database", "default")
    assert AuditCheckpoint.objects.exists()  # the hold is sealed at once
    AuditHold.objects.all().delete()

    outcome = aura_audit("purge", "--database", "default", "--keep", "access=0.0000001", "--despite-damage")
    assert outcome.code == 1
    assert "nothing is removed: a legal hold" in outcome.out
    assert AuditEntry.objects.filter(object_id="78").exists()
    assert aura_audit("verify", "--database", "default").code == 1
    assert "the legal hold 'case 13' was placed here" in " ".join(aura_audit("verify").out.split())
    assert aura_audit("hold", "--lift", "case 13", "--reason", "settled", "--database", "default").code == 0
    assert aura_audit("verify", "--database", "default").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "--database", "defualt"], "Did you mean 'default'"),
        (["report", "--class", "acess"], "Did you mean 'access'"),
        (["report", "--since", "yesterday"], "write 2026-03-01"),
        (["purge"], "keep_days"),
        (["purge", "--keep", "acces=1"], "Did you mean 'access'"),
        (["purge", "--keep", "access"], "write --keep access=365"),
        (["hold", "--place", "x"], "--reason"),
        (["erase", "somebody", "--reason", "x"], "encrypt_subjects"),
        (["verify", "--seals", "/nowhere/at/all"], "--seals"),
    ],
)
def test_wrong_usage_is_explained(arguments, says):
    with pytest.raises(CommandError, match=says) as error:
        aura_audit(*arguments)
    assert error.value.returncode == 2


def test_who_changed_a_loggers_level_is_in_the_trail(tmp_path, news, undone):
    store = f"sqlite:///{tmp_path / 'metrics.db'}"
    with override_settings(AURA={**settings.AURA, "METRICS": {"store": store}}):
        call_command("aura_logs", "level", "shop", "DEBUG", "--for", "1m", "--user", "7", stderr=io.StringIO())
        call_command("aura_logs", "level", "--clear", stderr=io.StringIO())
    set_, cleared = AuditEntry.objects.filter(action__startswith="logging.").order_by("timestamp", "seq")
    assert (set_.action, set_.object_type, set_.object_id) == ("logging.level_set", "logger", "shop")
    assert set_.extra["user_id"] == "7"
    assert (cleared.action, cleared.extra["ended"]) == ("logging.level_cleared", 1)

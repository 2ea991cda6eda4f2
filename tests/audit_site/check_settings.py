"""The settings say what is told, with which keys, and what happens when it cannot be written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clinic.models import Note, Patient, Prescription
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models.signals import post_migrate, pre_migrate
from django.test import override_settings

from aura_logging.audit import AuditError
from aura_logging.audit.trail import current_trail
from aura_logging.django import audit_insertion
from aura_logging.django.audit import track, tracking_of
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.conf import options
from aura_logging.django.models import AuditSubjectKey
from aura_logging.django.tracking.start import begin
from aura_logging.options import OptionError, fill


def audit(**chosen):
    return override_settings(AURA={"AUDIT": chosen})


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"modles": []}, "Did you mean 'models'"),
        ({"models": "clinic.Patient"}, "must be a list of labels"),
        ({"models": {"clinic.Patient": {"filds": []}}}, r"models\['clinic.Patient'\] .* Did you mean 'fields'"),
        ({"models": {"clinic.Patient": {"fields": "name"}}}, r"must be a list of fields, like \['name'\]"),
        ({"models": {"clinic.Patient": {"reads": "yes"}}}, "reads='yes'; it must be true or false"),
        ({"database": "defualt"}, "Did you mean 'default'"),
        ({"keepers": [7]}, "keepers has 7"),
        ({"keys": {"k": "short"}}, "32"),
        ({"when_unwritable": "jurnal"}, "Did you mean 'journal'"),
    ],
)
def test_a_bad_setting_names_key_value_and_fix(chosen, says):
    with pytest.raises(ImproperlyConfigured, match=says), audit(**chosen):
        options(DjangoAuditOptions)


def test_a_model_that_is_not_there_stops_the_start():
    with audit(models=["clinic.Pateint"]), pytest.raises(ImproperlyConfigured, match=r"Did you mean 'clinic\.Patient'"):
        begin()


def test_a_field_that_is_not_there_stops_the_start(monkeypatch):
    from aura_logging.django.tracking import registry

    monkeypatch.setattr(registry, "_asked", dict(registry._asked))
    try:
        with pytest.raises(
            ImproperlyConfigured, match=r"exclude names 'nmae', which is no field of it. Did you mean 'name'"
        ):
            track(exclude=["nmae"])(Patient)
    finally:
        monkeypatch.undo()
        registry.forget()


def test_what_the_documentation_shows_is_python_and_its_settings_are_right():
    page = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text()
    blocks = re.findall(r"^```py\n(.*?)^```", page, re.M | re.S)
    assert len(blocks) > 3

    for block in blocks:
        code = compile(block, "docs/audit.md", "exec")
        if block.startswith("AURA"):
            names = {}
            exec(code, names)
            chosen = fill(DjangoAuditOptions, names["AURA"]["AUDIT"], where="AURA")
            assert set(chosen.by_model()) == {"shop.Book", "shop.Customer"}


def test_checks_warn_of_what_will_not_be_seen(monkeypatch):
    from clinic.models import Letter
    from django.core.checks import run_checks
    from django.db.models import DO_NOTHING, ForeignKey

    def warnings():
        return [each.id for each in run_checks() if each.id.startswith("aura.W2")]

    assert warnings() == []
    with override_settings(MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"]):
        assert "aura.W201" in warnings()
    # As Django 6.1's DB_CASCADE is made; 5.2 has none.
    in_the_database = type("InTheDatabase", (), {"on_delete_sql": "CASCADE", "__call__": DO_NOTHING})()
    relation = Letter._meta.get_field("patient")
    assert isinstance(relation, ForeignKey)
    monkeypatch.setattr(relation.remote_field, "on_delete", in_the_database)
    from aura_logging.django.audit_checks import _check_cascades

    assert [each.id for each in _check_cascades()] == ["aura.W202"]


def test_missing_tables_are_warned_of_before_a_login_fails():
    from django.core.checks import Tags, run_checks

    assert run_checks(tags=[Tags.database], databases=["default"]) == []
    with transaction.atomic():
        connection.cursor().execute("ALTER TABLE aura_auditentry RENAME TO gone")
        (warning,) = run_checks(tags=[Tags.database], databases=["default"])
        transaction.set_rollback(True)

    assert warning.id == "aura.W203"
    assert "migrate aura --database default" in warning.hint


def test_track_refuses_what_is_no_model():
    with pytest.raises(OptionError, match="decorates models"):
        track(object)
    with pytest.raises(OptionError, match="mask='name'"):
        track(mask="name")(Patient)


def test_what_is_tracked_can_be_asked():
    assert tracking_of(Prescription) == ("drug",)
    assert "seen" not in tracking_of(Patient)


def test_a_new_secret_key_signs_and_the_old_one_still_verifies(news, whole):
    Note.objects.create(text="old key")
    from django.conf import settings

    with override_settings(SECRET_KEY="another secret key", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        Note.objects.create(text="new key")
        assert whole().is_whole
        old, new = news()
        assert old.key_id != new.key_id
    with override_settings(SECRET_KEY="another secret key"):
        assert whole().first.kind == "unknown key"
    # For the checks that come later, which know the first key only.
    from aura_logging.django.models import AuditEntry, AuditHead

    for model in (AuditEntry, AuditHead):
        model.objects.filter(writer=new.writer)._raw_delete("default")


def test_what_cannot_be_written_is_journalled_where_that_is_asked_for(news, whole, tmp_path, monkeypatch):
    with audit(when_unwritable="journal", journal_dir=str(tmp_path)):
        nowhere = ("DELETE FROM no_such_table",) * 2
        monkeypatch.setattr(audit_insertion, "_insertion", lambda vendor, is_first: nowhere)
        with transaction.atomic():
            note = Note.objects.create(text="told later")
        assert Note.objects.filter(pk=note.pk).exists()
        assert news() == []
        monkeypatch.undo()

        assert current_trail().deliver() == 1

        (entry,) = news()
        assert entry.changes["text"] == [None, "told later"]
        assert whole().is_whole


def test_what_is_about_a_person_is_encrypted_and_can_be_forgotten(news, whole):
    from check_command import aura_audit

    with audit(encrypt_subjects=True):
        patient = Patient.objects.create(name="Forget Me")
        (entry,) = news()
        assert b"Forget Me" not in bytes(entry.event).replace(b'"subject":"Forget Me"', b"")
        assert entry.changes == {}
        assert entry.object_id == str(patient.pk)
        assert '"Forget Me"' in aura_audit("export", "--subject", "Forget Me", "--open").out

        assert aura_audit("erase", "Forget Me", "--reason", "asked to").code == 0

        assert not AuditSubjectKey.objects.filter(subject="Forget Me").exists()
        assert "sealed" in aura_audit("export", "--subject", "Forget Me", "--open").out
        assert whole().is_whole
        assert aura_audit("erase", "Forget Me", "--reason", "again").code == 1


def test_what_migrations_do_before_the_trail_has_tables_is_told_when_they_are_through(news, whole):
    patient = Patient.objects.create(name="Ada")
    news.forget()
    from django.apps import apps
    from django.db.migrations import Migration

    config = apps.get_app_config("clinic")
    pre_migrate.send(config, using="default", plan=[], app_config=config, verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE aura_auditentry RENAME TO hidden")
        Patient.objects.filter(pk=patient.pk).update(visits=1)
        cursor.execute("ALTER TABLE hidden RENAME TO aura_auditentry")
    plan = [(Migration("0002_visits", "clinic"), False)]
    post_migrate.send(config, using="default", plan=plan, app_config=config, verbosity=0, interactive=False)

    assert [(one.action, one.event_class) for one in news()] == [
        ("bulk_update", "change"), ("migrate", "administration")
    ]  # fmt: skip
    assert news()[1].extra == {"migrations": ["+clinic.0002_visits"]}
    assert whole().is_whole


def test_the_trails_own_statements_are_not_counted_among_a_requests_queries():
    from aura_logging.performance.queries import QueryLog, current

    patient = Patient.objects.create(name="Ada")
    log = QueryLog()
    token = current.set(log)
    patient.name = "Grace"
    patient.save()
    current.reset(token)

    assert [group.statement.kind for group in log.groups.values() if group.statement.kind != "transaction"] == ["write"]


def test_a_failure_after_the_answer_is_kept_for_the_next_request(news, monkeypatch):
    from django.core.signals import request_finished

    prescription = Prescription.objects.create(drug="morphine")
    news.forget()
    with pytest.raises(RuntimeError), transaction.atomic():
        Prescription.objects.get(pk=prescription.pk)
        raise RuntimeError
    monkeypatch.setattr(audit_insertion, "_insertion", lambda vendor, is_first: ("DELETE FROM nowhere",) * 2)
    request_finished.send(sender=None)
    with pytest.raises(AuditError):
        Prescription.objects.update(drug="x")
    monkeypatch.undo()

    request_finished.send(sender=None)

    assert [one.action for one in news()] == ["read"]

"""Who looked at what, who came and went, and who may do what now: told by themselves."""

from __future__ import annotations

import asyncio

import pytest
from clinic.models import Account, Patient, Prescription
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.test import AsyncClient, Client, RequestFactory

from aura_logging.audit import Actor, AuditError, record
from aura_logging.audit.actors import acting_as
from aura_logging.django.security_events import account_event
from aura_logging.options import OptionError


def brief(entries):
    return [(one.action, one.object_type, one.object_id, one.outcome) for one in entries]


@pytest.fixture
def client() -> Client:
    return Client(REMOTE_ADDR="203.0.113.9")


@pytest.fixture
def grace(client, news) -> Account:
    user = Account.objects.get(username="grace")
    client.force_login(user)
    news.forget()
    return user


def test_an_audited_view_tells_who_saw_what(client, grace, news):
    patient = Patient.objects.create(name="Ada")
    news.forget()

    client.get(f"/chart/{patient.pk}/", headers={"x-request-id": "abc-1"})

    (entry,) = news()
    assert brief([entry]) == [("read", "clinic.Patient", str(patient.pk), "success")]
    assert (entry.event_class, entry.reason, entry.subject) == ("access", "treatment", str(patient.pk))
    assert (entry.client_ip, entry.correlation_id) == ("203.0.113.9", "abc-1")
    assert entry.extra == {"view": "clinic.views.chart"}


def test_an_audited_view_tells_what_was_denied_and_what_was_not_there(client, news):
    client.get("/chart/403/")
    client.get("/chart/404/")
    client.get("/")

    assert [(one.object_id, one.outcome) for one in news()] == [
        ("403", "denied"), ("404", "not_found"), ("", "success")
    ]  # fmt: skip


def test_an_async_view_is_audited_too(news):
    async def ask():
        client = AsyncClient()
        await client.get("/export/7/")
        await client.get("/export/403/")

    asyncio.run(ask())

    assert brief(news()) == [
        ("export", "clinic.Patient", "7", "success"), ("export", "clinic.Patient", "403", "denied")
    ]  # fmt: skip


def test_a_class_based_view_tells_of_its_object_or_summarises_its_list(client, news):
    Patient.objects.all().delete()
    pks = [Patient.objects.create(name=name).pk for name in ("Ada", "Grace")]
    news.forget()

    client.get(f"/patients/{pks[0]}/")
    client.get("/patients/")

    one, many = news()
    assert (one.action, one.object_id, one.subject) == ("read", str(pks[0]), "Ada")
    assert (many.action, many.object_type, many.object_id) == ("read_list", "clinic.Patient", "")
    assert many.extra["rows"] == 2
    assert many.extra["object_ids"] == [str(pk) for pk in pks]


def test_an_argument_that_is_given_by_place_is_told(client, news):
    client.get("/old-chart/17/")

    assert brief(news()) == [("read", "clinic.Patient", "17", "success")]


def test_a_class_based_view_tells_what_was_denied_and_what_was_not_there(client, news):
    client.get("/patients/987654/")
    client.get("/async-patients/5/")

    assert brief(news()) == [
        ("read", "clinic.Patient", "987654", "not_found"), ("read", "clinic.Patient", "5", "denied")
    ]  # fmt: skip


def test_a_view_whose_entry_cannot_be_written_gives_no_answer(client, monkeypatch):
    from aura_logging.django import audit_insertion

    monkeypatch.setattr(audit_insertion, "_insertion", lambda vendor, is_first: ("DELETE FROM nowhere",) * 2)

    with pytest.raises(AuditError):
        client.get("/")


def test_audited_access_refuses_what_it_cannot_decorate():
    from aura_logging.django.audit import audited_access

    with pytest.raises(OptionError, match="AuditedAccessMixin"):

        @audited_access("clinic.Patient")
        class View:
            pass

    with pytest.raises(OptionError, match="AuditedAccessMixin"):
        audited_access(type("View", (), {}))


def test_logins_logouts_and_failures_are_told(client, news):
    client.post("/in/", {"username": "grace", "password": "wrong"})
    client.post("/in/", {"username": "grace", "password": "secret"})
    client.post("/out/")

    failed, came, left = [one for one in news() if one.event_class == "authentication"]
    assert (failed.action, failed.outcome, failed.actor_kind, failed.object_label) == (
        "login", "failure", "anonymous", "grace"
    )  # fmt: skip
    assert (came.action, came.outcome, came.actor_kind, came.actor_label) == ("login", "success", "user", "grace")
    assert (left.action, left.actor_label, left.client_ip) == ("logout", "grace", "203.0.113.9")
    assert "wrong" not in repr([bytes(one.event) for one in news()])


def test_an_attack_on_an_account_is_told_beside_its_failed_logins(news):
    def seen(threat_type, user=None, **fields):
        told = account_event.send_robust(
            sender=None, threat_type=threat_type, account="[account 5f1c]", user=user, client_ip="203.0.113.9",
            correlation_id=None, fields=fields,
        )  # fmt: skip
        assert [outcome for _, outcome in told if isinstance(outcome, Exception)] == []

    traveller = Account.objects.create_user("marie", password="first")
    news.forget()
    seen("authentication_failure")
    seen("brute_force", count=6, window_seconds=300)
    seen("impossible_travel", user=traveller)

    attack, journey = news()
    assert (attack.action, attack.outcome, attack.client_ip) == ("threat.brute_force", "failure", "203.0.113.9")
    assert (attack.object_type, attack.object_label, attack.reason) == (
        Account._meta.label, "[account 5f1c]", "seen 6 times",
    )  # fmt: skip
    assert (journey.action, journey.actor_label) == ("threat.impossible_travel", "marie")
    assert journey.object_id == str(traveller.pk)


def test_passwords_permissions_and_groups_are_told(news):
    user = Account.objects.create_user("barbara", password="first")
    news.forget()
    user.set_password("second")
    user.save()
    user.is_staff = True
    user.save()
    group = Group.objects.create(name="nurses")
    group.permissions.add(Permission.objects.first() or Permission.objects.create())
    user.groups.add(group)
    user.user_permissions.set([])
    user.save(update_fields=["last_login"])

    told = [(one.action, one.object_type, one.event_class) for one in news()]
    assert told == [
        ("update", "clinic.Account", "authorization"), ("update", "clinic.Account", "authorization"),
        ("create", "auth.Group", "authorization"), ("m2m_add", "auth.Group", "authorization"),
        ("m2m_add", "clinic.Account", "authorization"),
    ]  # fmt: skip
    assert news()[0].changes == {"password": ["[REDACTED:secret]"] * 2}
    assert news()[1].changes == {"is_staff": [False, True]}


def test_a_change_of_permissions_that_is_rolled_back_is_not_told(news):
    with pytest.raises(RuntimeError), transaction.atomic():
        Group.objects.create(name="never")
        raise RuntimeError
    Prescription.objects.update(drug="x")
    Group.objects.create(name="ever")

    assert [one.object_label for one in news() if one.object_type == "auth.Group"] == ["ever"]


def test_what_is_done_in_the_admin_is_told(client, grace, news):
    prescription = Prescription.objects.create(drug="water")
    news.forget()

    client.post(f"/admin/clinic/prescription/{prescription.pk}/change/", {"drug": "wine"})

    told = [one for one in news() if one.event_class != "access"]
    assert [(one.action, one.object_type) for one in told] == [
        ("update", "clinic.Prescription"), ("create", "admin.LogEntry")
    ]  # fmt: skip
    assert {(one.actor_kind, one.actor) for one in told} == {("user", str(grace.pk))}
    assert any(one.event_class == "access" and one.object_id == str(prescription.pk) for one in news())


def test_a_change_names_the_user_that_the_view_has_asked_for(client, grace, news):
    patient = Patient.objects.create(name="Ada")
    news.forget()

    client.get(f"/rename/{patient.pk}/?name=Grace")
    client.get(f"/rename-quietly/{patient.pk}/?name=Grace")

    asked, unasked = news()
    assert (asked.actor_kind, asked.actor, asked.action) == ("user", str(grace.pk), "update")
    assert (unasked.actor_kind, unasked.actor, unasked.action) == ("anonymous", "", "bulk_update")


def test_a_read_in_a_transaction_that_is_rolled_back_is_told_when_the_request_ends(client, news):
    prescription = Prescription.objects.create(drug="morphine")
    news.forget()

    client.get(f"/look-and-fail/{prescription.pk}/", headers={"x-request-id": "abc-2"})

    (entry,) = news()
    assert (entry.action, entry.object_id, entry.correlation_id) == ("read", str(prescription.pk), "abc-2")
    assert entry.extra["rolled_back"] is True


def test_impersonation_is_told_and_marks_what_follows(news):
    from aura_logging.django.audit import impersonation_ended, impersonation_started

    grace = Account.objects.get(username="grace")
    other = Account.objects.create_user("victim")
    news.forget()

    impersonation_started(hijacker=grace, hijacked=other, request=RequestFactory().get("/"))
    Patient.objects.create(name="Ada")
    impersonation_ended(hijacker=grace, hijacked=other)
    Patient.objects.create(name="Ada")

    started, during, ended, after = news()
    assert (started.action, started.actor_label, started.object_label) == ("impersonation_started", "grace", "victim")
    assert during.extra == {"impersonator_id": str(grace.pk)}
    assert ended.action == "impersonation_ended"
    assert after.extra == {}


def test_who_acts_may_be_said(news):
    with acting_as(Actor("task", "nightly import")):
        Patient.objects.create(name="Ada")
        record("import finished", ("clinic.Patient", "", "patients"), rows=1)
    Patient.objects.create(name="Ada")

    assert [(one.actor_kind, one.actor) for one in news()][:2] == [("task", "nightly import")] * 2
    assert news()[2].actor_kind == "system"
    assert news()[1].extra == {"rows": 1}


def test_a_model_may_be_the_object_of_a_record(news):
    patient = Patient.objects.create(name="Ada")
    record("patient discharged", patient, reason="healthy")

    entry = news()[-1]
    assert (entry.object_type, entry.object_id, entry.reason) == ("clinic.Patient", str(patient.pk), "healthy")


def test_settings_that_are_overridden_at_run_time_are_told(news, monkeypatch):
    from django.core import mail
    from django.test import override_settings

    monkeypatch.delattr(mail, "outbox", raising=False)
    with override_settings(INTERNAL_IPS=["a secret"]):
        pass
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    with override_settings(INTERNAL_IPS=["another"]):
        pass

    assert [(one.action, one.extra) for one in news()] == [
        ("settings_override", {"setting": "INTERNAL_IPS"}),
        ("settings_restored", {"setting": "INTERNAL_IPS"}),
    ]


def test_a_view_that_refuses_is_told_as_denied(news):
    from aura_logging.django.audit import audited_access

    @audited_access
    def refuse(request):
        raise PermissionDenied

    with pytest.raises(PermissionDenied):
        refuse(RequestFactory().get("/"))

    assert [one.outcome for one in news()] == ["denied"]

"""The admin shows the trail to who may see it, lets nobody change it, and lets nothing in it run."""

from __future__ import annotations

import pytest
from clinic.models import Account, Note, Patient
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from aura_logging.audit import record
from aura_logging.django.models import AuditEntry

LIST = "/admin/aura/auditentry/"
SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def client(news) -> Client:
    client = Client()
    client.force_login(Account.objects.get(username="grace"))
    news.forget()
    return client


def test_the_list_shows_entries_with_their_badge(client, news):
    note = Note.objects.create(text="hello")

    page = client.get(LIST).content.decode()

    assert str(note.pk) in page
    assert "✓ as signed" in page
    assert "✗" not in page


def test_an_entry_shows_before_and_after(client, news):
    patient = Patient.objects.create(name="Ada")
    patient.name = "Grace"
    patient.save()

    page = client.get(f"{LIST}{news()[-1].pk}/change/").content.decode()

    assert "<del>Ada</del>" in page
    assert "<ins>Grace</ins>" in page
    assert "✓ as signed" in page


def test_html_in_the_trail_is_inert(client, news):
    patient = Patient.objects.create(name=SCRIPT)
    patient.name += SCRIPT
    patient.save()
    record(SCRIPT, (SCRIPT, SCRIPT, SCRIPT), changes={SCRIPT: (SCRIPT, [SCRIPT])}, reason=SCRIPT, more=SCRIPT)

    pages = [client.get(f"{LIST}{entry.pk}/change/") for entry in news()] + [client.get(LIST)]

    for page in pages:
        assert page.status_code == 200
        assert SCRIPT not in page.content.decode()
    assert "&lt;script&gt;" in pages[-1].content.decode()


def test_nobody_can_add_change_or_delete(client, news):
    Note.objects.create(text="kept")
    (entry,) = news()

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{entry.pk}/change/", {"action": "x"}).status_code == 403
    assert client.post(f"{LIST}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert AuditEntry.objects.filter(pk=entry.pk, action="create").exists()
    assert 'name="_save"' not in client.get(f"{LIST}{entry.pk}/change/").content.decode()


def test_only_who_may_see_it_sees_it(news):
    reader = Account.objects.create_user("reader", is_staff=True)
    client = Client()
    client.force_login(reader)
    assert client.get(LIST).status_code == 403

    reader.user_permissions.add(Permission.objects.get(codename="view_auditentry"))

    assert client.get(LIST).status_code == 200


def test_looking_at_the_trail_is_in_the_trail(client, news):
    client.get(LIST, {"q": "7"})

    (entry,) = news()
    assert (entry.action, entry.object_type, entry.actor_kind) == ("read_list", "aura.AuditEntry", "user")
    assert entry.extra["query"] == {"q": ["7"]}


def test_it_can_be_searched_and_filtered(client, news):
    patient = Patient.objects.create(name="Ada")
    Note.objects.create(text="x")

    by_id = client.get(LIST, {"q": str(patient.pk), "object_type": "clinic.Patient", "event_class": "change"})
    by_outcome = client.get(LIST, {"outcome": "denied"})

    assert "clinic.Patient" in by_id.content.decode()
    assert by_id.context_data["cl"].result_count == 1
    assert by_outcome.context_data["cl"].result_count == AuditEntry.objects.filter(outcome="denied").count()


def test_the_badge_of_an_entry_that_was_tampered_with_says_so(client, news):
    first = Note.objects.create(text="one") and news()[-1]
    Note.objects.create(text="two")
    second = news()[-1]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE aura_auditentry SET changes = %s WHERE id = %s", ['{"odd": 1}', first.pk])
    try:
        assert "the column changes contradicts" in client.get(f"{LIST}{first.pk}/change/").content.decode()
        assert "✗" in client.get(LIST).content.decode()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE aura_auditentry SET seq = seq + 100000 WHERE id = %s", [first.pk])
        assert "the entry before it is missing" in client.get(f"{LIST}{second.pk}/change/").content.decode()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE aura_auditentry SET changes = %s, seq = %s WHERE id = %s",
                ['{"text": [null, "one"], "is_active": [null, true]}', first.seq, first.pk],
            )


def test_a_page_of_the_list_asks_for_all_its_names_at_once(client, news, django_assert_few_queries):
    from aura_logging.audit import Actor
    from aura_logging.audit.actors import acting_as

    for number in range(10):
        user = Account.objects.create_user(f"user {number} of the list")
        with acting_as(Actor("user", str(user.pk))):
            record("seen")

    page = django_assert_few_queries(lambda: client.get(LIST))

    assert "user 7 of the list" in page.content.decode()


@pytest.fixture
def django_assert_few_queries():
    from django.test.utils import CaptureQueriesContext

    def run(work):
        with CaptureQueriesContext(connection) as queries:
            outcome = work()
        asked = [query["sql"] for query in queries if "clinic_account" in query["sql"]]
        assert len(asked) <= 3, asked
        return outcome

    return run


def test_the_dashboard_says_whether_the_newest_entries_are_what_was_signed():
    from django.db import connection, transaction

    from aura_logging.audit import record
    from aura_logging.django.dashboard.audit import audit_state

    with transaction.atomic():
        record("letter.sent", "letter:7")
        whole = audit_state()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE aura_auditentry SET action = 'letter.lost' WHERE action = 'letter.sent'")
        edited = audit_state()
        transaction.set_rollback(True)

    assert (str(whole.status), whole.summary.endswith("are what was signed.")) == ("healthy", True)
    assert str(edited.status) == "unhealthy"
    assert "action" in edited.summary

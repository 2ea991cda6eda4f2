"""A statement that writes a tracked table is told, however it was made, unless its rows were told one by one."""

from __future__ import annotations

import pytest
from clinic.models import Dose, Letter, Note, Patient, Prescription, Tag, Ward
from django.db import connection, transaction
from django.db.models import F


def make(**values):
    return Patient.objects.create(**{"name": "Ada", **values})


def statements(entries):
    return [(one.action, one.object_type, one.extra["rows"]) for one in entries]


@pytest.fixture
def three(news):
    Patient.objects.filter(name="one of three").delete()
    patients = [make(name="one of three") for _ in range(3)]
    news.forget()
    return patients


def test_update_of_a_queryset_is_told_with_its_count(news, three):
    Patient.objects.filter(name="one of three").update(visits=F("visits") + 1)

    (entry,) = news()
    assert statements([entry]) == [("bulk_update", "clinic.Patient", 3)]
    assert entry.extra["table"] == "clinic_patient"
    assert entry.extra["statement"].startswith('UPDATE "clinic_patient" SET "visits" =')
    assert "one of three" not in bytes(entry.event).decode()
    assert entry.event_class == "change"


def test_bulk_create_and_bulk_update_are_told(news):
    notes = Note.objects.bulk_create([Note(text=str(n)) for n in range(5)])
    Note.objects.bulk_create([Note(text="again")], ignore_conflicts=True)
    for note in notes:
        note.text += "!"
    Note.objects.bulk_update(notes, ["text"], batch_size=3)

    assert statements(news()) == [
        ("bulk_insert", "clinic.Note", 5), ("bulk_insert", "clinic.Note", 1),
        ("bulk_update", "clinic.Note", 3), ("bulk_update", "clinic.Note", 2),
    ]  # fmt: skip


def test_bulk_create_of_rows_that_return_their_keys_is_counted(news):
    Prescription.objects.bulk_create([Prescription(drug=str(n)) for n in range(4)])

    assert statements(news()) == [("bulk_insert", "clinic.Prescription", 4)]


def test_raw_statements_are_told(news, three):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clinic_patient SET visits = 555 WHERE name = %s", ["one of three"])
        cursor.execute("/* housekeeping */ DELETE FROM clinic_patient WHERE visits = 555")
        cursor.execute(
            "WITH drugs AS (SELECT 'x' AS drug) INSERT INTO clinic_prescription (drug) SELECT drug FROM drugs"
        )
        cursor.executemany("INSERT INTO clinic_prescription (drug) VALUES (%s)", [["a"], ["b"]])

    assert statements(news()) == [
        ("bulk_update", "clinic.Patient", 3), ("bulk_delete", "clinic.Patient", 3),
        ("bulk_insert", "clinic.Prescription", 1), ("bulk_insert", "clinic.Prescription", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        'UPDATE"clinic_patient"SET visits = 1',
        "-- SELECT\nUPDATE /* x */ clinic_patient SET visits = 1",
        "WITH \"it's\" AS (SELECT 1) UPDATE clinic_patient SET visits = 1 -- '",
        "SELECT E'\\''; UPDATE clinic_patient SET visits = 1 -- '",
        "SELECT 1; UPDATE clinic_patient SET visits = 1",
        "SET application_name = 'x'; UPDATE clinic_patient SET visits = 1",
        "EXPLAIN SELECT 1; UPDATE clinic_patient SET visits = 1",
        "DO $$ BEGIN UPDATE clinic_patient SET visits = 1; END $$",
        "WITH x AS (UPDATE clinic_patient SET visits = 1 RETURNING id) SELECT * FROM x",
        "MERGE INTO clinic_patient p USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET visits = 1",
    ],
)
def test_no_way_of_writing_a_statement_hides_it(sql, news, three):
    is_for_all = sql[:6] in ("UPDATE", "-- SEL", 'WITH "')
    if not is_for_all and connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(sql)

    assert [(one.action, one.object_type) for one in news()] in (
        [("bulk_update", "clinic.Patient")], [("bulk_merge", "clinic.Patient")],
    )  # fmt: skip


def test_a_raw_statement_outside_a_transaction_that_returns_rows_is_told(news, whole):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO clinic_prescription (drug) VALUES (%s), (%s) RETURNING id", ["a", "b"])
        assert len(cursor.fetchall()) == 2

    assert statements(news()) == [("bulk_insert", "clinic.Prescription", 2)]
    Prescription.objects.create(drug="c")
    assert whole().is_whole


def test_a_raw_statement_that_returns_rows_and_fails_is_told_as_failed_or_not_at_all(news):
    from django.db import DatabaseError

    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("INSERT INTO clinic_prescription (drug) VALUES (NULL) RETURNING id")

    assert [one.outcome for one in news()] in ([], ["success", "failure"])


def test_a_statement_that_is_no_text_is_told(news):
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN UPDATE clinic_prescription SET drug = 'explained'")
        assert news() == []
        return
    from psycopg import sql

    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("INSERT INTO {} (drug) VALUES (%s)").format(sql.Identifier("clinic_prescription")), ["x"]
        )
        cursor.execute(b"INSERT INTO clinic_prescription (drug) VALUES ('y')")

    assert statements(news()) == [("bulk_insert", "clinic.Prescription", 1)] * 2


def test_what_changes_nothing_is_not_told(news):
    Patient.objects.filter(pk=-1).update(visits=1)
    Patient.objects.filter(pk=-1).delete()

    assert news() == []


def test_fast_deletes_are_told(news, three):
    Patient.objects.filter(name="one of three")._raw_delete("default")

    assert statements(news()) == [("bulk_delete", "clinic.Patient", 3)]


def test_rows_of_a_relation_that_are_written_directly_are_told(news):
    patient, tag = make(), Tag.objects.create(name="red")
    news.forget()
    through = Patient.tags.through

    through.objects.create(patient=patient, tag=tag)
    through.objects.filter(patient=patient).delete()

    assert statements(news()) == [("bulk_insert", "clinic.Patient_tags", 1), ("bulk_delete", "clinic.Patient_tags", 1)]


def test_rows_that_are_told_one_by_one_are_not_told_again(news):
    patient = make()
    Letter.objects.create(patient=patient)
    patient.tags.add(Tag.objects.create(name="red"))
    patient.save()
    patient.delete()

    assert [one.action for one in news() if one.action.startswith("bulk_")] == ["bulk_delete"]  # of the tags' table


def test_a_bulk_write_in_a_receiver_of_a_save_is_told(news):
    from django.db.models.signals import post_save, pre_delete

    def on_save(instance, **_):
        Patient.objects.filter(pk=instance.pk).update(visits=99)

    def on_delete(instance, **_):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM clinic_patient WHERE name = %s", ["stowaway"])

    make(name="stowaway")
    news.forget()
    post_save.connect(on_save, sender=Patient)
    pre_delete.connect(on_delete, sender=Patient)
    try:
        patient = make()
        patient.delete()
    finally:
        post_save.disconnect(on_save, sender=Patient)
        pre_delete.disconnect(on_delete, sender=Patient)

    assert [one.action for one in news()] == ["create", "bulk_update", "bulk_delete", "delete"]


def test_values_of_bulk_writes_are_told_where_they_are_asked_for(news):
    Dose.objects.bulk_create([Dose(amount=5), Dose(amount=7)])
    Dose.objects.filter(amount=5).update(amount=6)

    inserted, updated = (one.extra["parameters"] for one in news())
    assert inserted in ([5, 7], [[5, 7]])  # PostgreSQL is given one list for each column
    assert updated == [6, 5]


def test_bulk_writes_that_are_rolled_back_leave_no_entry(news, three, whole):
    with pytest.raises(RuntimeError), transaction.atomic():
        Patient.objects.update(visits=1)
        raise RuntimeError

    assert news() == []
    Patient.objects.filter(pk=three[0].pk).update(visits=1)
    assert statements(news()) == [("bulk_update", "clinic.Patient", 1)]
    assert whole().is_whole


def test_a_statement_that_fails_leaves_no_entry(news):
    from django.db import DatabaseError

    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("UPDATE clinic_patient SET no_such_column = 1")

    assert news() == []


def test_untracked_tables_are_left_alone(news):
    Ward.objects.create(name="west")
    Ward.objects.update(name="east")
    Ward.objects.all().delete()

    assert [one for one in news() if "ward" in one.object_type.lower()] == []


def test_a_statement_that_names_its_rows_tells_which(news, three):
    pks = [patient.pk for patient in three]
    Patient.objects.filter(pk=pks[0]).update(visits=1)
    Patient.objects.filter(pk__in=pks).update(visits=2, name="renamed")
    list(Prescription.objects.filter(pk__in=[71, 72]))

    one, many, read = news()
    assert (one.object_id, one.extra.get("object_ids")) == (str(pks[0]), None)
    assert (many.object_id, sorted(many.extra["object_ids"])) == ("", sorted(map(str, pks)))
    assert (read.action, read.extra["object_ids"]) == ("read_list", ["71", "72"])


def test_reads_of_a_sensitive_model_are_told_before_they_happen(news):
    prescription = Prescription.objects.create(drug="morphine")
    news.forget()

    Prescription.objects.get(pk=prescription.pk)
    list(Prescription.objects.filter(drug="morphine").values_list("drug"))
    Prescription.objects.count()
    Prescription.objects.filter(drug="x").exists()
    prescription.drug = "aspirin"
    prescription.save()  # what we look up ourselves is nobody's reading

    assert [(one.action, one.object_type, one.object_id, one.event_class) for one in news()] == [
        ("read", "clinic.Prescription", str(prescription.pk), "access"),
        ("read_list", "clinic.Prescription", "", "access"),
        ("update", "clinic.Prescription", str(prescription.pk), "change"),
    ]


def test_a_read_is_told_even_if_its_transaction_is_rolled_back(news, whole):
    prescription = Prescription.objects.create(drug="morphine")
    news.forget()

    with pytest.raises(RuntimeError), transaction.atomic():
        Prescription.objects.get(pk=prescription.pk)
        raise RuntimeError
    assert news() == []
    Prescription.objects.filter(pk=prescription.pk).update(drug="water")

    first, second = news()
    assert (first.action, first.object_id, first.extra["rolled_back"]) == ("read", str(prescription.pk), True)
    assert second.action == "bulk_update"
    assert whole().is_whole

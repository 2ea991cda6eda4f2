"""A row that is saved or deleted is told once, with what changed, in the transaction of the change."""

from __future__ import annotations

import datetime
import decimal

import pytest
from clinic.models import Dose, InPatient, Letter, LoudPatient, Note, Patient, Tag, Ward
from django.core import serializers
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Upper

from aura_logging.audit import AuditError


def make(**values):
    return Patient.objects.create(**{"name": "Ada", **values})


def test_a_new_row_is_told_with_its_values(news):
    patient = make(visits=3, chart={"a": [1, 2]})

    (entry,) = news()
    assert (entry.action, entry.object_type, entry.object_id) == ("create", "clinic.Patient", str(patient.pk))
    assert entry.changes == {
        "name": [None, "Ada"], "insurance_number": [None, ""], "debt": [None, "0.00"], "visits": [None, 3],
        "chart": [None, {"a": [1, 2]}], "picture": [None, ""],
    }  # fmt: skip
    assert (entry.event_class, entry.outcome, entry.object_label, entry.subject) == ("change", "success", "Ada", "Ada")


def test_a_changed_row_is_told_with_what_changed_and_nothing_else(news):
    patient = make()
    news.forget()

    patient.name, patient.debt = "Ada L.", "12.5"
    patient.save()

    assert news.told() == [
        ("update", "clinic.Patient", str(patient.pk), {"name": ["Ada", "Ada L."], "debt": ["0.00", "12.50"]})
    ]


def test_the_old_value_is_the_databases_and_not_what_was_once_loaded(news):
    stale, fresh = (lambda pk: (Patient.objects.get(pk=pk), Patient.objects.get(pk=pk)))(make().pk)
    fresh.name = "Grace"
    fresh.save()
    news.forget()

    stale.name = "Barbara"
    stale.save()

    assert news.told()[0][3] == {"name": ["Grace", "Barbara"]}


def test_a_row_that_is_loaded_anew_and_saved_is_told_rightly(news):
    patient = make()
    patient.name = "thrown away"
    patient.refresh_from_db()
    news.forget()

    patient.visits = 1
    patient.save()

    assert news.told()[0][3] == {"visits": [0, 1]}


def test_saving_without_a_change_tells_nothing(news):
    patient = make(born=datetime.datetime(1815, 12, 10, tzinfo=datetime.UTC), debt="1.10", chart={"b": (1, 2)})
    news.forget()

    patient.debt, patient.visits = 1.1, "0"
    patient.save()
    Patient.objects.get(pk=patient.pk).save()

    assert news() == []


def test_save_with_update_fields_tells_these_fields(news):
    patient = make()
    news.forget()

    patient.name, patient.visits = "not saved", 7
    patient.save(update_fields=["visits"])
    patient.save(update_fields=["seen"])  # not tracked

    assert news.told() == [("update", "clinic.Patient", str(patient.pk), {"visits": [0, 7]})]


def test_a_row_with_deferred_fields_tells_what_was_loaded_and_changed(news):
    pk = make(chart={"long": "text"}).pk
    news.forget()
    patient = Patient.objects.only("name").get(pk=pk)

    patient.name = "Grace"
    patient.save()

    assert news.told() == [("update", "clinic.Patient", str(pk), {"name": ["Ada", "Grace"]})]


def test_an_expression_is_told_with_the_value_that_the_database_made_of_it(news):
    patient = make(visits=4)
    news.forget()

    patient.visits, patient.name = F("visits") + 1, Upper(Value("ada"))
    patient.save()

    assert news.told()[0][3] == {"name": ["Ada", "ADA"], "visits": [4, 5]}


def test_json_files_and_foreign_keys_are_compared_as_the_database_has_them(news):
    patient = make(chart={"a": 1})
    ward = Ward.objects.create(name="west")
    news.forget()

    patient.chart["a"] = 2
    patient.picture.save("face.png", ContentFile(b"png"), save=False)
    patient.ward = ward
    patient.save()

    (changes,) = [each[3] for each in news.told()]
    assert changes["chart"] == [{"a": 1}, {"a": 2}]
    assert changes["picture"][1].startswith("pictures/face")
    assert changes["ward"] == [None, ward.pk]


def test_masked_fields_are_told_without_their_values(news):
    patient = make(insurance_number="A123")
    patient.insurance_number = "B456"
    patient.save()

    created, changed = (each[3]["insurance_number"] for each in news.told())
    assert created == [None, "[MASKED]"]
    assert changed == ["[MASKED]", "[MASKED]"]


def test_get_or_create_update_or_create_and_force_insert_are_told(news):
    patient, _ = Patient.objects.get_or_create(name="Emmy")
    Patient.objects.update_or_create(pk=patient.pk, defaults={"visits": 2})
    Patient(name="Forced").save(force_insert=True)
    replaced = Patient(pk=patient.pk, name="Replaced")
    replaced.save()

    assert [(action, changes.get("name")) for action, _, _, changes in news.told()] == [
        ("create", [None, "Emmy"]), ("update", None), ("create", [None, "Forced"]), ("update", ["Emmy", "Replaced"]),
    ]  # fmt: skip


def test_loaddata_is_told(news):
    patient = make()
    fixture = serializers.serialize("json", [patient]).replace('"Ada"', '"From a fixture"')
    news.forget()

    for each in serializers.deserialize("json", fixture):
        each.save()

    assert news.told() == [("update", "clinic.Patient", str(patient.pk), {"name": ["Ada", "From a fixture"]})]


def test_a_row_in_two_tables_is_told_once(news):
    inside = InPatient.objects.create(name="Ada", bed="12")
    inside.name, inside.bed = "Grace", "13"
    inside.save()
    inside.save(update_fields=["name"])
    inside.delete()

    told = news.told()
    assert [(action, kind) for action, kind, _, _ in told] == [
        ("create", "clinic.InPatient"), ("update", "clinic.InPatient"), ("delete", "clinic.InPatient")
    ]  # fmt: skip
    assert told[0][3]["bed"] == [None, "12"]
    assert told[1][3] == {"name": ["Ada", "Grace"], "bed": ["12", "13"]}
    assert told[2][3]["name"] == ["Grace", None]


def test_a_row_in_two_tables_that_could_not_be_saved_leaves_nothing_for_the_next_save(news):
    inside = InPatient.objects.create(name="Ada", bed="12")
    news.forget()
    inside.name, inside.bed = "Grace", None
    with pytest.raises(IntegrityError), transaction.atomic():
        inside.save()

    inside.name, inside.bed = "Ada", "13"
    inside.save()

    assert [each[3] for each in news.told()] == [{"bed": ["12", "13"]}]


def test_a_row_whose_part_stays_is_told_and_the_part_when_it_goes(news):
    inside = InPatient.objects.create(name="Ada", bed="12")
    pk = inside.pk
    inside.delete(keep_parents=True)
    Patient.objects.get(pk=pk).delete()

    assert [each[:3] for each in news.told()] == [
        ("create", "clinic.InPatient", str(pk)), ("delete", "clinic.InPatient", str(pk)),
        ("delete", "clinic.Patient", str(pk)),
    ]  # fmt: skip


def test_a_proxy_tells_for_its_model(news):
    patient = LoudPatient.objects.create(name="Ada")
    patient.delete()

    assert [each[:2] for each in news.told()] == [("create", "clinic.Patient"), ("delete", "clinic.Patient")]


def test_what_inherits_from_an_abstract_model_is_tracked(news):
    note = Note.objects.create(text="hello")

    assert news.told() == [
        ("create", "clinic.Note", str(note.pk), {"text": [None, "hello"], "is_active": [None, True]})
    ]


def test_soft_deletion_and_its_undoing_have_names_of_their_own(news):
    note = Note.objects.create(text="hello")
    note.is_active = False
    note.save()
    note.is_active = True
    note.save()

    assert [each[0] for each in news.told()] == ["create", "soft_delete", "restore"]


def test_a_deleted_row_is_told_as_it_was_stored(news):
    patient = make(visits=9)
    pk = str(patient.pk)
    news.forget()

    patient.name = "never saved"
    patient.delete()

    ((action, _, object_id, changes),) = news.told()
    assert (action, object_id, changes["name"], changes["visits"]) == ("delete", pk, ["Ada", None], [9, None])


def test_a_row_that_somebody_else_has_deleted_is_not_told_again(news):
    patient = make()
    again = Patient.objects.get(pk=patient.pk)
    inside = InPatient.objects.create(name="Ada", bed="12")
    inside_again = InPatient.objects.get(pk=inside.pk)
    news.forget()

    patient.delete()
    again.delete()
    inside.delete()
    inside_again.delete()

    assert [each[:2] for each in news.told()] == [("delete", "clinic.Patient"), ("delete", "clinic.InPatient")]


def test_what_is_deleted_in_cascade_is_told_row_by_row(news):
    patient = make()
    for number in range(3):
        Letter.objects.create(patient=patient, text=f"letter {number}")
    news.forget()

    patient.delete()

    # Where constraints cannot wait for the end of the transaction, Django sets the letters' key to null first.
    told = [each for each in news.told() if each[0] != "bulk_update"]
    assert sorted(each[1] for each in told) == ["clinic.Letter"] * 3 + ["clinic.Patient"]
    assert {each[3]["text"][0] for each in told if each[1] == "clinic.Letter"} == {f"letter {n}" for n in range(3)}


def test_deleting_a_queryset_tells_each_row(news):
    pks = {str(make(name="gone").pk) for _ in range(3)}
    news.forget()

    Patient.objects.filter(name="gone").delete()

    told = news.told()
    assert {each[:3] for each in told} == {("delete", "clinic.Patient", pk) for pk in pks}
    assert len(told) == 3


def test_what_an_untracked_row_takes_along_is_told(news):
    ward = Ward.objects.create(name="west")
    patient = make(ward=ward)
    news.forget()

    ward.delete()  # sets patient.ward to null by a statement for all of them

    ((action, kind, _, _),) = news.told()
    assert (action, kind) == ("bulk_update", "clinic.Patient")
    assert Patient.objects.get(pk=patient.pk).ward is None


def test_a_rolled_back_change_leaves_no_entry(news, whole):
    with pytest.raises(RuntimeError), transaction.atomic():
        make()
        raise RuntimeError

    assert news() == []
    make()
    assert len(news.told()) == 1
    assert whole().is_whole


def test_a_change_rolled_back_to_a_savepoint_leaves_no_entry(news, whole):
    with transaction.atomic():
        make(name="stays")
        with pytest.raises(IntegrityError), transaction.atomic():
            make(name="goes")
            raise IntegrityError
        with transaction.atomic():
            make(name="stays too")
        make(name="and this")

    assert [each[3]["name"][1] for each in news.told()] == ["stays", "stays too", "and this"]
    assert whole().is_whole


def test_a_change_rolled_back_to_a_savepoint_of_the_applications_own_leaves_the_chain_whole(news, whole):
    with transaction.atomic():
        make(name="stays")
        savepoint = connection.savepoint()
        make(name="goes")
        connection.savepoint_rollback(savepoint)
        make(name="comes instead")
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT by_hand")
            Note.objects.create(text="goes too")
            cursor.execute("ROLLBACK TO SAVEPOINT by_hand")
    make(name="later")

    assert [each[3]["name"][1] for each in news.told()] == ["stays", "comes instead", "later"]
    assert whole().is_whole


def test_a_long_transaction_is_told_in_chains_of_bounded_length(news, whole):
    with transaction.atomic():
        for number in range(600):
            Dose.objects.create(amount=number)
    Dose.objects.create(amount=600)

    writers = [entry.writer for entry in news()]
    assert len(writers) == 601
    assert max(map(writers.count, set(writers[1:-1]))) <= 257
    assert whole().is_whole


def test_an_application_that_records_when_a_transaction_commits_continues_the_chain(news, whole):
    with transaction.atomic():
        with transaction.atomic():
            make(name="first")
        transaction.on_commit(lambda: make(name="from a callback"))
        with transaction.atomic():
            make(name="second")

    assert [each[3]["name"][1] for each in news.told()] == ["first", "second", "from a callback"]
    assert whole().is_whole


def test_a_change_whose_entry_cannot_be_written_is_not_made(news, monkeypatch):
    from aura_logging.django import audit_insertion

    patient = make()
    news.forget()
    monkeypatch.setattr(audit_insertion, "_insertion", lambda vendor, is_first: ("DELETE FROM no_such_table",) * 2)

    patient.name = "lost"
    with pytest.raises(AuditError, match="could not be written to the database 'default'"):
        patient.save()
    with pytest.raises(AuditError), transaction.atomic():
        try:
            patient.save()
        finally:
            assert connection.needs_rollback
    with pytest.raises(AuditError):
        Patient.objects.filter(pk=patient.pk).update(name="lost")

    monkeypatch.undo()
    assert Patient.objects.get(pk=patient.pk).name == "Ada"
    assert news() == []


def test_an_entry_lies_in_the_database_of_the_change(news, archive_news, whole):
    patient = Patient.objects.using("archive").create(name="Old Ada")
    patient.delete()

    assert [each[0] for each in archive_news.told()] == ["create", "delete"]
    assert news() == []
    assert whole("archive").is_whole


def test_receivers_of_the_application_see_no_transaction_of_ours(news):
    from django.db.models.signals import post_save

    seen = []

    def receiver(**_):
        seen.append(connection.in_atomic_block)

    post_save.connect(receiver, sender=Dose)
    try:
        Dose.objects.create(amount=1)
    finally:
        post_save.disconnect(receiver, sender=Dose)

    assert seen == [False]


def test_decimal_and_naive_values_settle_to_what_is_stored(news):
    patient = make(debt=decimal.Decimal("1.005"))

    assert news.told()[0][3]["debt"][1] == str(Patient.objects.get(pk=patient.pk).debt)


def test_many_to_many_is_told_on_the_object_that_has_the_field(news):
    patient = make()
    red, green, blue = (Tag.objects.create(name=name) for name in ("red", "green", "blue"))
    news.forget()

    patient.tags.add(red, green)
    patient.tags.add(red)  # is there already
    patient.tags.set([green, blue])
    red.patients.add(patient)
    patient.tags.remove(red, red)
    patient.tags.clear()

    pk = str(patient.pk)
    assert news.told() == [
        ("m2m_add", "clinic.Patient", pk, {"tags": [[], [red.pk, green.pk]]}),
        ("m2m_remove", "clinic.Patient", pk, {"tags": [[red.pk], []]}),
        ("m2m_add", "clinic.Patient", pk, {"tags": [[], [blue.pk]]}),
        ("m2m_add", "clinic.Patient", pk, {"tags": [[], [red.pk]]}),
        ("m2m_remove", "clinic.Patient", pk, {"tags": [[red.pk], []]}),
        ("m2m_clear", "clinic.Patient", pk, {"tags": [[green.pk, blue.pk], []]}),
    ]


def test_a_symmetrical_relation_is_told_once(news):
    one, other = make(), make()
    news.forget()

    one.relatives.add(other)
    one.relatives.remove(other)

    assert [each[0] for each in news.told()] == ["m2m_add", "m2m_remove"]


def test_a_model_between_two_others_is_told_either_way(news):
    from clinic.models import Doctor, Treatment

    patient, doctor = make(), Doctor.objects.create(name="House")
    news.forget()

    patient.doctors.add(doctor, through_defaults={"since": "today"})
    patient.doctors.remove(doctor)
    treatment = Treatment.objects.create(patient=patient, doctor=doctor, since="tomorrow")
    treatment.delete()

    told = news.told()
    assert [each[:2] for each in told] == [
        ("m2m_add", "clinic.Patient"), ("m2m_remove", "clinic.Patient"),
        ("create", "clinic.Treatment"), ("delete", "clinic.Treatment"),
    ]  # fmt: skip
    assert told[2][3]["since"] == [None, "tomorrow"]

"""However transactions nest, commit and roll back, trail and data agree and the chain is whole."""

from __future__ import annotations

from clinic.models import Note
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SAVE, UPDATE, BULK, CALLBACK, CLOSE = "save", "update", "bulk", "callback", "close"

STEPS = st.recursive(
    st.lists(st.sampled_from([SAVE, UPDATE, BULK, CALLBACK]), max_size=4),
    lambda inner: st.lists(
        st.one_of(
            st.sampled_from([SAVE, UPDATE, CALLBACK]),
            st.tuples(inner, st.sampled_from(["commit", "roll back", "raise"]), st.booleans()),
        ),
        max_size=4,
    ),
    max_leaves=12,
)


class Undone(Exception):  # noqa: N818  # no error: what the program wants
    pass


def run(steps, counter) -> None:
    for step in steps:
        number = next(counter)
        if step == SAVE:
            Note.objects.create(text=f"save {number}")
        elif step == UPDATE:
            note = Note(text=f"update {number}")
            note.save()
            note.text += "!"
            note.save()
        elif step == BULK:
            Note.objects.bulk_create([Note(text=f"bulk {number}"), Note(text=f"bulk {number} again")])
        elif step == CALLBACK:
            transaction.on_commit(lambda number=number: Note.objects.create(text=f"callback {number}") and None)
        else:
            inner, ending, savepoint = step
            try:
                # Without a savepoint an error is for the whole transaction, so it must not be swallowed.
                with transaction.atomic(savepoint=savepoint or ending != "commit"):
                    run(inner, counter)
                    if ending == "roll back":
                        transaction.set_rollback(True)
                    elif ending == "raise":
                        raise Undone
            except Undone:
                pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(STEPS, st.sampled_from(["commit", "roll back", "raise"]), st.just(True)), max_size=3),
    st.booleans(),
)
def test_trail_and_data_agree(news, whole, program, closes):
    news.forget()
    before = set(Note.objects.values_list("pk", flat=True))

    run(program, iter(range(10_000)))
    if closes:
        connection.close()
    run([SAVE], iter(range(10_000, 10_001)))

    made = {str(pk) for pk in set(Note.objects.values_list("pk", flat=True)) - before}
    told = news()
    one_by_one = [one.object_id for one in told if one.action == "create"]
    in_bulk = sum(one.extra["rows"] for one in told if one.action == "bulk_insert")
    changed = [one.object_id for one in told if one.action == "update"]
    assert len(one_by_one) == len(set(one_by_one))
    assert set(one_by_one) <= made
    assert len(made) == len(one_by_one) + in_bulk
    assert sorted(changed) == sorted(
        str(pk) for pk in Note.objects.filter(text__endswith="!").values_list("pk", flat=True) if str(pk) in made
    )
    assert whole().is_whole

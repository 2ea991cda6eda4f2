"""What a project overrides in its models and querysets neither hides who asks nor is blamed for it."""

from __future__ import annotations

import pytest
from library.models import Card, Country, Guest, Reader

from aura_logging.performance.hints import hints, predicted_queries

pytestmark = pytest.mark.usefixtures("rollback", "_people")


@pytest.fixture
def _people(rollback):
    for number, country in enumerate(Country.objects.order_by("pk")):
        for model in (Reader, Guest):
            model.objects.create(name=f"somebody {number}", address="here", country=country)


def found(report):
    return [(str(finding.subject), finding.subject.kind) for finding in report.n_plus_one]


def line_of(report):
    return {(finding.site.file, finding.site.line) for finding in report.n_plus_one}


def addresses(readers):
    return [reader.address for reader in readers]  # the line to name


THE_LINE = addresses.__code__.co_firstlineno + 1


def test_a_left_out_field_is_told_by_the_line_that_reads_it_whatever_loads_it(observe):
    careless = observe(lambda: addresses(Reader.objects.defer("address")))
    (hint,) = hints(careless)
    mended = observe(lambda: addresses(Reader.objects.only("name", "address")))

    assert found(careless) == [("Reader.address", "deferred")]
    assert line_of(careless) == {("check_overrides.py", THE_LINE)}
    assert mended.count == predicted_queries(careless, [hint]) == 1


def test_a_foreign_key_to_it_is_told_by_the_line_that_follows_it(observe):
    def load(cards):
        for card in cards:
            card.reader.name

    for reader in Reader.objects.all():
        Card.objects.create(reader=reader)
    careless = observe(lambda: load(Card.objects.all()))
    (hint,) = hints(careless)

    assert found(careless) == [("Card.reader", "forward")]
    assert line_of(careless) == {("check_overrides.py", load.__code__.co_firstlineno + 2)}
    assert observe(lambda: load(Card.objects.select_related("reader"))).count == predicted_queries(careless, [hint])


def test_a_look_up_through_an_override_is_told_by_the_line_that_looks_up(observe):
    keys = list(Reader.objects.values_list("pk", flat=True))

    def careless():
        for key in keys:
            Reader.objects.get(pk=key)

    report = observe(careless)

    assert found(report) == [("Reader.get", "get")]
    assert line_of(report) == {("check_overrides.py", careless.__code__.co_firstlineno + 2)}


def test_what_an_override_asks_besides_is_its_own_question(observe):
    report = observe(lambda: addresses(Guest.objects.defer("address")))

    assert sorted(found(report)) == [("Country.get", "get"), ("Guest.address", "deferred")]
    assert ("library/models.py", Guest.refresh_from_db.__code__.co_firstlineno + 2) in line_of(report)


def test_rows_read_again_on_purpose_through_overrides_are_no_loop(observe):
    def again():
        for reader in Reader.objects.all():
            reader.refresh_from_db(fields=["address"])

    report = observe(again)

    assert found(report) == []
    assert report.duplicates == ()


@pytest.mark.parametrize(
    "alone",
    [lambda key: Reader.objects.filter(pk=key).first(), lambda key: Reader.objects.filter(pk=key)[0]],
    ids=["first", "[0]"],
)
def test_rows_fetched_alone_stay_so_when_left_out_fields_are_loaded(alone, observe):
    keys = list(Reader.objects.values_list("pk", flat=True))

    def load():
        readers = [alone(key) for key in keys]
        addresses(readers)
        for reader in readers:
            reader.country.name

    assert found(observe(load)) == []


def test_completing_rows_is_no_excuse_for_what_is_loaded_for_them_next(observe):
    def load():
        readers = list(Reader.objects.defer("address"))
        addresses(readers)
        for reader in readers:
            reader.refresh_from_db(fields=["name"])
        for reader in readers:
            reader.country.name

    assert sorted(found(observe(load))) == [("Reader.address", "deferred"), ("Reader.country", "forward")]


def test_one_row_fetched_alone_again_and_again_excuses_one_other_load_only(observe):
    key = Reader.objects.latest("pk").pk

    def load():
        for _ in range(5):
            Reader.objects.get(pk=key)
        for reader in Reader.objects.all():
            reader.country.name

    report = observe(load)

    assert found(report) == [("Reader.country", "forward")]
    assert [duplicate.count for duplicate in report.duplicates] == [5]


def test_an_override_that_both_the_project_and_the_orm_call_is_told_apart_each_time(observe):
    def again(readers):
        for reader in readers:
            reader.refresh_from_db(fields=["address"])

    def load():
        again(Reader.objects.all())
        addresses(Reader.objects.defer("address"))
        again(Reader.objects.all())
        addresses(Reader.objects.defer("address"))

    report = observe(load)

    assert found(report) == [("Reader.address", "deferred")]
    assert line_of(report) == {("check_overrides.py", THE_LINE)}
    assert report.n_plus_one[0].queries == 6

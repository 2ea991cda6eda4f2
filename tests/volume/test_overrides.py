"""An override is about what it names, and no longer than it says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from aura_logging.options import OptionError
from aura_logging.volume.overrides import Override, current, override_for, set_overrides, tell_of_overrides


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    set_overrides(())


@pytest.mark.parametrize(
    ("logger", "level", "concerned"),
    [
        ("django.db", logging.DEBUG, True),
        ("django.db.backends", logging.WARNING, True),
        ("django.dbx", logging.DEBUG, False),
        ("django", logging.DEBUG, False),
        ("django.db", logging.ERROR, False),
        ("django.db", 5, False),
    ],
)
def test_it_concerns_a_logger_and_those_below_it_up_to_below_error(logger: str, level: int, concerned: bool) -> None:
    assert Override(logger="django.db").concerns(logger, level) is concerned
    assert Override().concerns(logger, level) is (logging.DEBUG <= level < logging.ERROR)


@pytest.mark.parametrize(
    ("fields", "found"),
    [({"user_id": 42, "route": "pay/"}, 0), ({"user_id": "42"}, 1), ({"route": "pay/"}, None), ({}, None)],
)
def test_the_first_that_is_about_a_record_is_found_while_it_lasts(fields: dict[str, Any], found: int | None) -> None:
    table = [Override(user_id="42", route="pay/", expires_at=100.0), Override(user_id="42", expires_at=200.0)]

    assert override_for(table, fields, 99.0) is (None if found is None else table[found])
    assert override_for(table, fields, 200.0) is None


def test_whoever_asked_is_told_of_a_new_table() -> None:
    class Listener:
        told: tuple[Override, ...] = ()

        def overrides_changed(self) -> None:
            self.told = current()

    listener = Listener()
    tell_of_overrides(listener)

    set_overrides([Override(logger="shop")])

    assert listener.told == current() == (Override(logger="shop"),)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), True, "1", None])
def test_a_rate_that_is_none_is_refused(rate: Any) -> None:
    with pytest.raises(OptionError, match="rate="):
        Override(rate=rate)

"""Promises of `AURA["PRIVACY"]`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from aura_logging.django import conf, privacy
from aura_logging.filters import SecurityFilter
from aura_logging.filters.security import use_everywhere
from aura_logging.privacy import Scrubber


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_everywhere(Scrubber())


def scrubbed(security_filter: SecurityFilter, message: str) -> str:
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, message, None, None)
    security_filter.filter(record)
    return record.getMessage()


@override_settings(AURA={"PRIVACY": {"patterns": {"badge": "B-[0-9]{6}"}, "disable": ["email"]}})
def test_settings_reach_the_filters_of_logging() -> None:
    configured_before = SecurityFilter()

    privacy.apply()

    assert (
        scrubbed(configured_before, "badge B-123456 of ann@example.org") == "badge [REDACTED:badge] of ann@example.org"
    )


@override_settings(AURA={"PRIVACY": {"disable": ["email"]}})
def test_a_filter_with_options_of_its_own_keeps_them() -> None:
    with_options = SecurityFilter(secret_names=["badge"])
    with_scrubber = SecurityFilter(scrubber=Scrubber())

    privacy.apply()

    assert scrubbed(with_options, "of ann@example.org") == "of [REDACTED:email]"
    assert scrubbed(with_scrubber, "of ann@example.org") == "of [REDACTED:email]"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"disabel": ["email"]}, "Did you mean 'disable'?"),
        ({"disable": ["emial"]}, "email"),
        ({"replacement": "pseudonym"}, "pseudonym_key"),
        ({"patterns": {"badge": "(a+)+$"}}, "badge"),
    ],
)
def test_a_bad_setting_stops_the_start(section: dict[str, Any], said: str) -> None:
    with override_settings(AURA={"PRIVACY": section}), pytest.raises(ImproperlyConfigured, match="PRIVACY") as error:
        conf.check_all()

    assert said in str(error.value)

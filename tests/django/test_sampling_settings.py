"""Promises of `AURA["SAMPLING"]`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from aura_logging.django import conf, sampling
from aura_logging.filters import SamplingFilter
from aura_logging.filters.sampling import use_everywhere
from aura_logging.volume.options import SamplingOptions


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_everywhere(SamplingOptions())


def is_kept(sampling_filter: SamplingFilter, logger: str = "shop") -> bool:
    return sampling_filter.filter(logging.LogRecord(logger, logging.INFO, __file__, 1, "hello", None, None))


@override_settings(AURA={"SAMPLING": {"rates": {"INFO": 0}, "rules": [{"logger": "pay", "rate": 1}]}})
def test_settings_reach_the_filters_of_logging() -> None:
    made_before = SamplingFilter()
    of_a_preset = SamplingFilter(rates={"DEBUG": 0.1, "INFO": 0.5})

    sampling.apply()

    for each in (made_before, of_a_preset):
        assert not is_kept(each)
        assert is_kept(each, "pay.card")


@override_settings(AURA={"SAMPLING": {"rates": {"INFO": 0}}})
def test_a_filter_with_options_of_its_own_keeps_them() -> None:
    with_options = SamplingFilter(rates={"INFO": 1})

    sampling.apply()

    assert is_kept(with_options)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"rate": {"INFO": 1}}, "Did you mean 'rates'?"),
        ({"rates": {"INFO": 2}}, "rates['INFO'] is 2"),
        ({"rules": [{"logger": "shop"}]}, "rules[0]: it says nothing"),
    ],
)
def test_a_bad_setting_is_named(section: dict[str, Any], said: str) -> None:
    with override_settings(AURA={"SAMPLING": section}), pytest.raises(ImproperlyConfigured) as caught:
        conf.options(SamplingOptions)
    assert said in str(caught.value)
    assert 'AURA["SAMPLING"]' in str(caught.value)

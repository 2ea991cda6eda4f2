"""A bad option is named, with its value and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from aura_logging.options import OptionError, fill
from aura_logging.volume.options import SamplingOptions


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"rate": {"INFO": 1}}, "Did you mean 'rates'?"),
        ({"rates": {"INFOO": 1}}, "Did you mean 'INFO'?"),
        ({"rules": [{"loger": "shop", "rate": 1}]}, "rules[0] has the unknown key 'loger'. Did you mean 'logger'?"),
        ({"rules": [{"rate": 1}, {"level": "LOUD", "rate": 1}]}, "rules[1]: level has the unknown level 'LOUD'"),
        ({"rules": [{"level": "ERROR", "rate": 0.5}]}, "ERROR and above are always kept"),
        ({"rules": [{"logger": "shop"}]}, "it says nothing"),
        ({"rules": [{"rate": 2}]}, "rate=2.0 must be a number from 0 to 1"),
        ({"rules": {"rate": 2}}, "['rules'] is {'rate': 2}; it must be a list"),
        ({"limit_per_second": 0}, "limit_per_second=0.0 must be a number over 0"),
        ({"burst": -1}, "burst=-1"),
        ({"fold_every": 1}, "fold_every=1 must be 2 or more"),
        ({"shed_at_buffer_fill": 80}, "shed_at_buffer_fill=80.0 is a share"),
        ({"target_per_second": "ten"}, "['target_per_second'] is 'ten'"),
    ],
)
def test_what_cannot_be_is_said(section: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        fill(SamplingOptions, section, where='AURA["SAMPLING"]')
    assert said in str(caught.value)
    assert "SAMPLING" in str(caught.value)


def test_every_limit_can_be_switched_off() -> None:
    off = fill(
        SamplingOptions,
        {"limit_per_second": None, "fold_after": None, "circuit_records_per_second": None,
         "circuit_errors_per_second": None, "shed_at_cpu_percent": None, "shed_at_buffer_fill": None},
        where="options",
    )  # fmt: skip
    assert off.fold is None
    assert off.circuit is None
    assert not off.is_default


def test_options_that_say_what_is_so_anyway_are_the_defaults() -> None:
    assert SamplingOptions(rates={"DEBUG": 0.1, "INFO": 0.5}).is_default
    assert not SamplingOptions(rates={"INFO": 0.5}).is_default

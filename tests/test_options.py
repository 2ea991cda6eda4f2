"""A setting that cannot be used stops the start and says which key, what was wrong and what is right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.options import OptionError, fill, from_env, nearest, parse


@dataclasses.dataclass(frozen=True, slots=True)
class BrewOptions:
    slow_seconds: float = from_env("BREW_SLOW", 2.0)
    max_cups: int = from_env("BREW_CUPS", 20)
    enabled: bool = from_env("BREW_ENABLED", default=True)
    name: str | None = from_env("BREW_NAME", None)
    hosts: tuple[str, ...] = from_env("BREW_HOSTS", ())
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.slow_seconds <= 0:
            raise ValueError(f"slow_seconds={self.slow_seconds!r} must be more than 0.")


def filled(section: Any = None, **environ: str) -> BrewOptions:
    return fill(BrewOptions, section, where='AURA["BREW"]', environ=environ)


def test_defaults_stand_where_nothing_is_said() -> None:
    assert filled() == filled({}) == BrewOptions()


def test_the_section_wins_over_the_environment_and_the_environment_over_the_default() -> None:
    options = filled({"max_cups": 5}, BREW_CUPS="7", BREW_SLOW="0.5")

    assert (options.max_cups, options.slow_seconds, options.name) == (5, 0.5, None)


def test_a_number_may_be_larger_than_a_float() -> None:
    assert filled(BREW_CUPS="9" * 400).max_cups == int("9" * 400)
    assert filled({"slow_seconds": math.inf}).slow_seconds == filled(BREW_SLOW="inf").slow_seconds == math.inf


def test_an_empty_variable_is_no_value() -> None:
    assert filled(BREW_CUPS="", BREW_NAME="") == BrewOptions()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"slow_second": 1}, ("'slow_second'", "Did you mean 'slow_seconds'?")),
        ({"SLOW_SECONDS": 1}, ("'SLOW_SECONDS'", "Did you mean 'slow_seconds'?")),
        ({"colour": 1}, ("'colour'", "Known: enabled, hosts, max_cups, name, shares, slow_seconds.")),
        ({7: 1}, ("7", "Known: ")),
        ({"slow_seconds": "2"}, ("['slow_seconds']", "'2'", "a number")),
        ({"slow_seconds": True}, ("['slow_seconds']", "True", "a number")),
        ({"slow_seconds": None}, ("['slow_seconds']", "None", "a number")),
        ({"slow_seconds": math.nan}, ("['slow_seconds']", "nan", "a number")),
        ({"slow_seconds": -1}, ("slow_seconds=-1.0", "more than 0")),
        ({"max_cups": 2.0}, ("['max_cups']", "2.0", "a whole number")),
        ({"max_cups": False}, ("['max_cups']", "False", "a whole number")),
        ({"enabled": "yes"}, ("['enabled']", "'yes'", "true or false")),
        ({"enabled": 1}, ("['enabled']", "1", "true or false")),
        ({"name": 7}, ("['name']", "7", "a string")),
        ({"hosts": "10.0.0.1"}, ("['hosts']", "'10.0.0.1'", "a list")),
        ({"hosts": ["ok", 7]}, ("['hosts'] has 7 in it", "each item must be a string")),
        ({"shares": [("a", 1)]}, ("['shares']", "a dict")),
        (["max_cups"], ("['max_cups']", "must be a dict")),
        ("max_cups", ("'max_cups'", "must be a dict")),
    ],
)  # fmt: skip
def test_a_bad_section_is_an_error_that_names_the_place_the_value_and_the_fix(
    section: Any, said: tuple[str, ...]
) -> None:
    with pytest.raises(OptionError) as caught:
        filled(section)

    assert 'AURA["BREW"]' in str(caught.value)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("BREW_SLOW", "soon", "a number"),
        ("BREW_SLOW", "nan", "a number"),
        ("BREW_SLOW", "-inf", "more than 0"),
        ("BREW_SLOW", " ", "a number"),
        ("BREW_SLOW", "2,5", "a number"),
        ("BREW_SLOW", "-1", "more than 0"),
        ("BREW_CUPS", "2.5", "a whole number"),
        ("BREW_CUPS", "1e3", "a whole number"),
        ("BREW_ENABLED", "maybe", "true or false"),
        ("BREW_ENABLED", "2", "true or false"),
    ],
)
def test_a_bad_value_in_the_environment_names_the_variable(variable: str, text: str, said: str) -> None:
    with pytest.raises(OptionError, match=variable) as caught:
        filled(**{variable: text})

    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["1", "true", "TRUE", " yes ", "On"])
def test_words_for_yes(text: str) -> None:
    assert filled({"enabled": False}).enabled is False
    assert filled(BREW_ENABLED=text).enabled is True


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF"])
def test_words_for_no(text: str) -> None:
    assert filled(BREW_ENABLED=text).enabled is False


def test_a_list_in_the_environment_is_separated_by_commas() -> None:
    assert filled(BREW_HOSTS="10.0.0.1, 10.0.0.2,,").hosts == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize("given", [["a", "b"], ("a", "b")])
def test_a_list_is_kept_as_a_tuple(given: Any) -> None:
    assert filled({"hosts": given}).hosts == ("a", "b")


@given(st.text(), st.sampled_from([int, float, bool, str, tuple[str, ...], str | None]))
def test_any_text_is_a_value_or_an_error_that_names_its_source(text: str, kind: Any) -> None:
    try:
        value = parse(text, kind, "SOME_VARIABLE")
    except OptionError as error:
        assert "SOME_VARIABLE" in str(error)
    else:
        assert value is not None


@given(
    st.dictionaries(st.text(max_size=12), st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()))
)
def test_any_section_makes_options_or_an_error_that_names_it(section: dict[str, Any]) -> None:
    try:
        assert isinstance(filled(section), BrewOptions)
    except OptionError as error:
        assert 'AURA["BREW"]' in str(error)


def test_the_nearest_name_is_offered_however_it_is_written() -> None:
    assert nearest("WARNNG", ["warning", "info"]) == "Did you mean 'warning'?"
    assert nearest("colour", ["warning", "info"]) == "Known: info, warning."
    assert nearest("x", []) == "None is known."
